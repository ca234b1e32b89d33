"""Id maps as two rulers, and the timeline of a start."""

import os
import subprocess
import xml.etree.ElementTree as ET

import pytest

from contain_lab.labkit.pictures import id_rulers as id_map_picture, start_timeline as timeline_picture
from contain_lab.labkit.pictures.id_rulers import Range, id_maps
from contain_lab.labkit.pictures import Picture
from contain_lab.labkit.nbval.sanitize import sanitize
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.pictures.start_timeline import timeline

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]


# ---- id maps

@pytest.mark.needs("root", "user namespace")
def test_a_map_is_written_from_both_sides():
    with subprocess.Popen(["unshare", "--user", "sh", "-c", "echo there; exec cat"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == "there\n"
        empty = id_maps(other.pid).text
        for file, said in (("uid_map", "0 1000 1\n1 100000 65536\n"), ("setgroups", "deny"), ("gid_map", "0 1000 1\n")):
            with open(f"/proc/{other.pid}/{file}", "w") as map:
                map.write(said)
        picture = id_maps(other.pid)
        other.communicate("")
    assert empty.count("no line: nobody has an id inside yet") == 2
    assert picture.text.split("\n")[1:] == [
        "user ids (uid_map)",
        "  0 inside is 1000 outside (1 id)",
        "  1–65536 inside are 100000–165535 outside (65536 ids)",
        "group ids (gid_map)",
        "  0 inside is 1000 outside (1 id)",
        "an id that is in no range is shown inside as 65534",
        "setgroups(2) inside: deny",
    ]
    assert {"0", "1000", "1–65536", "100000–165535", "setgroups(2) inside: deny"} <= set(words(picture.svg))


def test_ranges_stand_in_the_order_of_their_side_and_leave_a_gap_where_ids_are_left_out():
    ranges = id_map_picture.parse("5 3 1\n0 1000 1\n1 4 4")
    assert ranges == [Range(0, 1000, 1), Range(1, 4, 4), Range(5, 3, 1)]
    inside, outside = (id_map_picture._places(ranges, side) for side in ("inside", "outside"))
    assert list(inside) == ranges
    assert list(outside) == [ranges[2], ranges[1], ranges[0]]
    assert inside[ranges[0]][1] == inside[ranges[1]][0]
    assert outside[ranges[1]][1] < outside[ranges[0]][0]


def test_the_maps_of_the_first_namespace_are_one_range():
    text = id_maps(os.getpid()).text
    assert "0–4294967294 inside are 0–4294967294 outside (4294967295 ids)" in text


def test_the_maps_of_a_process_that_has_ended_are_refused():
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(Refused, match="has ended"):
        id_maps(ended.pid)


# ---- the timeline

def event(step: str, at: float, us: float, call: str = "", pid: int = 7) -> dict[str, object]:
    return {"step": step, "at": at, "us": us, "pid": pid, **({"call": call, "man": f"{call}(2)"} if call else {})}


EVENTS = [
    event("", 1, 1, "umask"),
    event("container.state.reserve", 10, 5),
    event("rootfs.mask", 20, 2, "mount", 1), event("rootfs.mask", 19, 10, "", 1),
    event("rootfs.mask", 41, 2, "mount", 1), event("rootfs.mask", 43, 2, "openat2", 1),
    event("rootfs.mask", 40, 10, "", 1),
    event("rootfs.pivot", 60, 4.6, "", 1),
]


def test_steps_stand_in_their_order_with_their_own_calls():
    spans = timeline_picture.read(EVENTS)
    assert [(span.side, span.words(), span.at, span.end, span.us) for span in spans] == [
        ("parent", "reserve", 10, 15, 5), ("child", "mask ×2", 19, 50, 20), ("child", "pivot", 60, 64.6, 4.6)]
    assert spans[1].manuals() == {"mount(2)": 2, "openat2(2)": 1}
    assert timeline_picture._write("title", spans).split("\n") == [
        "title", "the steps took 65 µs", "parent", "  reserve: 5 µs", "child",
        "  mask ×2: 20 µs, mount(2) ×2, openat2(2)", "  pivot: 5 µs"]


def test_a_call_is_drawn_where_it_was_and_leads_to_its_manual_page():
    card = ET.fromstring(timeline_picture._draw("title", timeline_picture.read(EVENTS)))
    assert card.get("role") == "group"    # an image may not hold links
    assert [each.get("href") for each in card.iter(f"{SVG}a")] == [
        "https://man7.org/linux/man-pages/man2/mount.2.html", "https://man7.org/linux/man-pages/man2/openat2.2.html"]
    bars = [float(each.get("x", 0)) for each in card.iter(f"{SVG}rect") if each.get("rx") == "0"]
    scale = timeline_picture.RULER / 64.6
    assert bars[:3] == [round(timeline_picture.CHART + at * scale, 1) for at in (20, 41, 43)]


def test_more_calls_than_find_place_are_cut_in_the_drawing_and_whole_in_words():
    calls = [event("a.b", 1, 1, name * 6) for name in "cdefghi"]
    spans = timeline_picture.read([*calls, event("a.b", 0, 9)])
    assert words(timeline_picture._draw("t", spans)).count("…") == 1
    assert "iiiiii(2)" in timeline_picture._write("t", spans)


@pytest.mark.needs("root", "image busybox")
def test_the_timeline_of_a_container_has_its_steps_and_two_starts_say_the_same():
    one, other = (timeline("busybox", "true") for _ in range(2))
    assert "  unshare_uts: " in one.text
    assert "unshare(2)" in one.text
    assert sanitize(one.text) == sanitize(other.text)
    assert one.html() != other.html()
    assert sanitize(one.html()) == sanitize(other.html())


@pytest.mark.needs("root")
def test_what_does_not_start_says_why():
    with pytest.raises(Refused, match="no-such-image"):
        timeline("no-such-image", "true")


def test_manual_pages_are_links_in_the_words_below_a_picture():
    html = Picture("<svg/>", "see mount(2) & proc(5), not f(x)").html()
    assert "<a href='https://man7.org/linux/man-pages/man5/proc.5.html' target='_blank' rel='noopener'>proc(5)</a>" in html
    assert html.count("<a ") == 2
    assert "&amp;" in html
