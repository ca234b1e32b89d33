"""Pictures: what they say in words is what they draw, and they hold nothing that changes from run to run."""

import os
import re
import subprocess
import types
import xml.etree.ElementTree as ET

import pytest

from contain_lab.labkit import pictures
from contain_lab.labkit.pictures import bar, namespace_table, runtime as runtime_picture, standing as standing_picture
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.standing import Standing, read
from contain_lab.labkit.table import LABS, find_lab

SVG = "{http://www.w3.org/2000/svg}"
LAB = find_lab("01")
ROWS = [("namespaces", "unshare_uts"), ("namespaces", "set_hostname"), ("rootfs", "mount_proc")]


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_step_is_yours_or_due_or_the_packages():
    standing = Standing(frozenset({"set_hostname"}), frozenset({"uts.hostname"}))
    picture = runtime_picture.draw(LAB, ROWS, standing)
    assert "namespaces: unshare_uts (this lab), set_hostname (yours), join_namespace (this lab)" in picture.text
    assert "rootfs: mount_proc\n" in picture.text
    assert {"✓ set_hostname", "unshare_uts", "join_namespace", "mount_proc"} <= set(words(picture.svg))


def test_a_step_that_is_written_has_no_tick_before_a_check_of_it_has_passed():
    picture = runtime_picture.draw(LAB, ROWS, Standing(frozenset({"set_hostname"}), frozenset({"uts.join"})))
    assert "set_hostname (written)" in picture.text
    assert "set_hostname" in words(picture.svg)
    assert "✓ set_hostname" not in words(picture.svg)


def test_the_bar_grows_with_each_check_and_is_as_long_as_the_share():
    def bar(*passed: str) -> tuple[str, float]:
        picture = runtime_picture.draw(LAB, ROWS, Standing(frozenset(), frozenset(passed)))
        counted = next(word for word in words(picture.svg) if word.startswith("checks passed"))
        assert counted in picture.text
        rects = [each for each in ET.fromstring(picture.svg).iter(f"{SVG}rect") if each.get("height") == "10"]
        return counted, float(rects[1].get("width", 0)) / float(rects[0].get("width", 1)) if rects[1:] else 0.0
    checks, points = len(LAB.checks), LAB.points
    assert bar() == (f"checks passed: 0 of {checks}, 0 of {points} points", 0.0)
    first = LAB.checks[0]
    counted, share = bar(first.id, "of.another.lab")
    assert counted == f"checks passed: 1 of {checks}, {first.points} of {points} points"
    assert share == pytest.approx(1 / checks, abs=0.01)
    assert bar(*(check.id for check in LAB.checks))[1] == 1.0


def test_a_lab_whose_checks_have_all_passed_has_a_whole_bar_and_a_tick():
    picture = standing_picture.draw(Standing(frozenset({"set_hostname"}), frozenset(each.id for each in LAB.checks)),
                                    "next: write unshare_uts (lab 01)")
    line = next(each for each in words(picture.svg) if each.startswith("✓"))
    assert line == f"✓ steps 1 of 3, checks 4 of 4, points {LAB.points} of {LAB.points}"
    assert line[2:] in picture.text
    bars = [float(each.get("width", 0)) for each in ET.fromstring(picture.svg).iter(f"{SVG}rect")]
    assert bars.count(standing_picture.LONG) == 1 + sum(bool(each.checks) for each in LABS)
    assert "Where you stand: 10 of" in picture.svg
    assert "next: write unshare_uts (lab 01)" in words(picture.svg)
    assert picture.text.endswith("\nnext: write unshare_uts (lab 01)")


def test_the_bar_that_a_notebook_shows_is_drawn_again_in_its_place(monkeypatch):
    drawn, updated = [], []

    def display(data, **options):
        drawn.append((data, options))
        return types.SimpleNamespace(update=lambda data, raw: updated.append((data["text/plain"], raw)))

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(bar, "_shown", None)
    bar.redraw()    # nothing is shown yet
    numbers = iter(range(9))
    shown = bar.Bar(lambda: pictures.Picture("<svg/>", f"picture {next(numbers)}"))
    bar.redraw()
    assert (str(shown), updated) == ("picture 0", [])
    shown._ipython_display_()
    bar.redraw()
    assert drawn == [({"text/html": shown.html(), "text/plain": "picture 0"}, {"raw": True, "display_id": True})]
    assert updated == [("picture 1", True)]


def test_every_box_stands_within_the_card():
    rows = [*ROWS, *(("rootfs", f"a_step_with_a_long_name_{at}") for at in range(30))]
    card = ET.fromstring(runtime_picture.draw(LAB, rows, Standing()).svg)
    wide, high = float(card.get("width", 0)), float(card.get("height", 0))
    for each in card.iter(f"{SVG}rect"):
        x, y, width, height = (float(each.get(key, 0)) for key in ("x", "y", "width", "height"))
        assert x + width <= wide
        assert y + height <= high


def test_namespaces_are_compared_by_inode():
    me, parent = os.getpid(), os.getppid()
    text = namespace_table.show_namespaces({"me": me, "me again": me}).text
    assert re.search(r"^me again(\s+A){8}$", text, re.MULTILINE)
    assert f"{me}" not in text
    inode = os.readlink("/proc/self/ns/uts")[5:-1]
    assert words(namespace_table.show_namespaces({"me": me, "me again": me}).svg).count(inode) == 2
    assert inode not in text
    assert re.search(r"^parent(\s+[AB]){8}$", namespace_table.show_namespaces({"me": me, "parent": parent}).text,
                     re.MULTILINE)


@pytest.mark.needs("root", "uts namespace")
def test_a_namespace_of_its_own_gets_another_letter():
    with subprocess.Popen(["unshare", "--uts", "sh", "-c", "echo there; exec cat"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == "there\n"
        picture = namespace_table.show_namespaces({"me": os.getpid(), "other": other.pid})
        other.communicate("")
    assert re.search(r"^other\s+B(\s+A){7}$", picture.text, re.MULTILINE)
    assert words(picture.svg).count("B") == 1


def test_a_process_that_has_ended_is_told_by_its_name():
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(Refused, match=f"the box: process {ended.pid} has ended"):
        namespace_table.show_namespaces({"the box": ended.pid})


def test_a_picture_has_title_description_and_a_text_twin():
    picture = namespace_table.show_namespaces({"<me> & co": os.getpid()})
    svg = ET.fromstring(picture.svg)
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == svg.findtext(f"{SVG}title") == "namespaces of processes"
    assert svg.findtext(f"{SVG}desc") == picture.text == str(picture)
    assert picture._repr_mimebundle_() == {
        "text/html": picture.html(), "text/plain": picture.text}
    assert picture.svg in picture.html()
    assert "<pre> " in picture.html()
    assert "&lt;me&gt; &amp; co" in picture.html()


def test_colours_can_be_read():
    for shade in pictures.SHADES:
        assert contrast(pictures.INK, shade) >= 7
    assert contrast(pictures.FAINT, pictures.PAPER) >= 4.5
    assert contrast(pictures.FAINT, pictures.OURS) >= 4.5
    assert contrast(pictures.YOURS, pictures.PAPER) >= 4.5
    assert contrast(pictures.PAPER, pictures.MINE) >= 4.5


def test_a_stub_is_not_yours_and_a_broken_file_counts_for_nothing(tmp_path):
    (tmp_path / "namespaces.py").write_text(
        'def unshare_uts():\n    raise NotImplementedError("write it")\n\n\ndef set_hostname(name):\n    return name\n')
    (tmp_path / "rootfs.py").write_text("def broken(:\n")
    (tmp_path / "progress.json").write_text('{"uts.hostname": {}}')
    assert read(str(tmp_path)) == Standing(frozenset({"set_hostname"}), frozenset({"uts.hostname"}))
    assert read(str(tmp_path / "nowhere")) == Standing()
