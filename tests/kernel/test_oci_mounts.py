"""Mounts of a config.json, with the options of the runtime specification; RUNTIME=runc runs the same with runc."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import mounts
from bundles import Bundle, until

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file, and a file system mounted below it."""
    folder = tmp_path / "data"
    (folder / "under").mkdir(parents=True)
    (folder / "file").write_text("of the host")
    subprocess.run(["mount", "-t", "tmpfs", "cl-test", folder / "under"], check=True)
    (folder / "under/deep").write_text("deep")
    yield folder
    subprocess.run(["umount", folder / "under"], check=True)


def mount(bundle: Bundle, **entry: object) -> None:
    bundle.config["mounts"].append({key: str(value) if isinstance(value, Path) else value
                                    for key, value in entry.items()})


def flags(bundle: Bundle, place: str) -> set[str]:
    """The options of a mount as the kernel shows them, seen from outside."""
    return set(mounts(bundle.up())[place][0].split()[0].split(","))


@pytest.mark.parametrize(("option", "flag"), [
    ("ro", "ro"), ("nosuid", "nosuid"), ("nodev", "nodev"), ("noexec", "noexec"), ("noatime", "noatime"),
    ("nodiratime", "nodiratime"), ("relatime", "relatime")])
def test_an_option_of_a_bind_mount_is_its_own(bundle: Bundle, data: Path, option: str, flag: str):
    mount(bundle, destination="/tmp", type="bind", source=data, options=["rbind", option])
    seen = mounts(bundle.up())
    assert flag in seen["/tmp"][0].split()[0].split(",")
    if option != "relatime":
        assert flag not in seen["/tmp/under"][0].split()[0].split(",")


@pytest.mark.parametrize(("option", "flag"), [
    ("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime"),
    ("rnodiratime", "nodiratime")])
def test_with_an_r_before_it_it_is_that_of_all_below(bundle: Bundle, data: Path, option: str, flag: str):
    mount(bundle, destination="/tmp", type="bind", source=data, options=["rbind", option])
    seen = mounts(bundle.up())
    for place in ("/tmp", "/tmp/under"):
        assert flag in seen[place][0].split()[0].split(",")


def test_a_bind_alone_brings_nothing_from_below(bundle: Bundle, data: Path):
    mount(bundle, destination="/tmp", type="bind", source=data, options=["bind"])
    assert bundle.says("cat /tmp/file; ls /tmp/under") == "of the host"


def test_strictatime_and_noatime_of_a_new_file_system_are_seen(bundle: Bundle):
    mount(bundle, destination="/tmp", type="tmpfs", source="tmpfs", options=["noatime", "nosuid"])
    pid = bundle.up()
    seen = mounts(pid)
    assert {"noatime", "nosuid"} <= set(seen["/tmp"][0].split()[0].split(","))
    assert "relatime" not in seen["/dev"][0].split()[0].split(",")


def test_settings_reach_the_file_system_and_a_full_one_is_full(own_bundle: Bundle):
    mount(own_bundle, destination="/new", type="tmpfs", source="tmpfs", options=["size=64k", "mode=1750"])
    said = own_bundle.says("stat -c %a /new; dd if=/dev/zero of=/new/big bs=1k count=100 2>&1 | grep -c 'No space'")
    assert said.split() == ["1750", "1"]


def test_tmpcopyup_brings_what_stood_there(own_bundle: Bundle):
    place = own_bundle.rootfs / "etc/kept"
    (place / "inner").mkdir(parents=True)
    (place / "inner/file").write_text("of the image")
    (place / "inner/link").symlink_to("/etc/passwd")
    os.chown(place / "inner", 7, 8)
    (place / "inner").chmod(0o750)
    mount(own_bundle, destination="/etc/kept", type="tmpfs", source="tmpfs", options=["tmpcopyup", "size=1m"])
    said = own_bundle.says("cat /etc/kept/inner/file; echo; readlink /etc/kept/inner/link; "
                           "stat -c %a:%u:%g /etc/kept/inner; echo new > /etc/kept/inner/file")
    assert said.split("\n") == ["of the image", "/etc/passwd", "750:7:8"]
    assert (place / "inner/file").read_text() == "of the image"


def test_a_relative_source_is_the_bundles_and_a_relative_place_the_roots(bundle: Bundle):
    (bundle.folder / "beside").mkdir()
    (bundle.folder / "beside/file").touch()
    mount(bundle, destination="tmp", type="bind", source="beside", options=["bind"])
    assert bundle.says("ls /tmp") == "file"


def test_a_later_mount_lies_on_an_earlier_one(bundle: Bundle, data: Path):
    mount(bundle, destination="/tmp", type="tmpfs", source="tmpfs")
    mount(bundle, destination="/tmp/in/it", type="bind", source=data / "file", options=["bind", "ro"])
    assert bundle.says("cat /tmp/in/it; ls /tmp") == "of the hostin"


def test_what_is_shared_stays_a_slave_where_that_is_asked(bundle: Bundle, data: Path):
    subprocess.run(["mount", "--make-shared", data / "under"], check=True)
    bundle.linux["rootfsPropagation"] = "rslave"
    mount(bundle, destination="/tmp", type="bind", source=data, options=["rbind", "rslave"])
    assert "master:" in mounts(bundle.up())["/tmp/under"][0]


def test_an_unknown_file_system_or_source_is_named_and_nothing_is_left(bundle: Bundle):
    for entry, word in (({"type": "nosuchfs", "source": "x"}, "/x"),
                        ({"type": "bind", "source": "/no/such", "options": ["bind"]}, "/no/such")):
        bundle.config["mounts"] = bundle.config["mounts"][:6]
        mount(bundle, destination="/x", **entry)
        done = bundle.try_create()
        assert done.code != 0
        assert word in done.err or "nosuchfs" in done.err
        assert bundle.run_command("state", bundle.id).code != 0


def test_a_created_container_keeps_its_mounts_until_it_is_started(bundle: Bundle, data: Path):
    mount(bundle, destination="/tmp", type="bind", source=data, options=["rbind"])
    bundle.process["args"] = ["cat", "/tmp/under/deep"]
    bundle.create()
    pid = bundle.state()["pid"]
    assert "/tmp/under" in mounts(pid)
    bundle.start()
    until(lambda: bundle.status() == "stopped")
