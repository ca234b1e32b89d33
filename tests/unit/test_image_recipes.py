"""The recipes of busybox and debian, with the tools of this machine or with stand-ins on PATH."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from contain_lab import image
from contain_lab.errors import ContainLabError
from contain_lab.image import bootstrap, busybox

APT = r"""#!/bin/sh
echo "$*" >> "$LOG"
for word; do case $word in -oDir::Cache::archives=*) archives=${word#*=};; esac; done
case $* in *Dir::State::lists*) ;; *) if [ "$FIRST" ]; then echo "$FIRST" >&2; exit 100; fi;; esac
case $* in *update*) exit 100;; esac
if [ "$ANSWER" ]; then echo "$ANSWER" >&2; exit 100; fi
find "$DEBS" -name "*.deb" -exec cp {} "$archives" \;
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("CONTAIN_LAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that fails with FIRST, then with ANSWER, else gives the packages in DEBS; its log."""
    script = tmp_path / "bin/apt-get"
    script.parent.mkdir()
    script.write_text(APT)
    script.chmod(0o755)
    make_package(tmp_path / "debs", "libone", {"usr/lib/libone.so": ""})
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    for name, value in {"FIRST": "", "ANSWER": "", "DEBS": "debs", "LOG": "log"}.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value else "")
    return tmp_path / "log"


def make_package(folder: Path, name: str, files: dict[str, str]) -> None:
    """Make a Debian package with these files in it."""
    tree = folder / name
    for path, text in {**files, "DEBIAN/control": CONTROL.format(name)}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(folder / f"{name}.deb")]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(tree)


CONTROL = "Package: {}\nVersion: 1\nArchitecture: all\nMaintainer: n <n@localhost>\nDescription: test\n"


@pytest.mark.needs("busybox")
def test_busybox_is_made_with_its_applets() -> None:
    previous = os.umask(0o077)
    try:
        said: list[str] = []
        assert bootstrap.bootstrap(["busybox"], said.append) == ["busybox"]
    finally:
        os.umask(previous)
    root = Path(image.find("busybox").rootfs)
    assert (root / "bin/sh").resolve() == root / "bin/busybox"
    assert (root / "usr/bin/env").resolve() == root / "bin/busybox"
    assert (root / "etc/passwd").read_text().startswith("root:x:0:0:")
    due = {".": 0o755, "tmp": 0o1777, "usr": 0o755, "etc/passwd": 0o644, "bin/busybox": 0o755}
    assert {name: stat.S_IMODE((root / name).stat().st_mode) for name in due} == due
    assert any("applets" in line for line in said)
    assert all(line.startswith("image busybox: ") for line in said)


@pytest.mark.needs("busybox")
def test_the_configuration_is_one_of_image_spec() -> None:
    bootstrap.bootstrap(["busybox"])
    config = image.find("busybox").config
    assert config["os"] == "linux"
    assert config["architecture"] in ("amd64", "arm64")
    assert config["rootfs"] == {"type": "layers", "diff_ids": []}
    assert config["config"]["Cmd"] == ["sh"]
    assert config["config"]["WorkingDir"] == "/"
    assert config["config"]["Env"][0].startswith("PATH=/usr/local/sbin:")


@pytest.mark.needs("busybox")
def test_a_second_bootstrap_makes_nothing(data: Path) -> None:
    bootstrap.bootstrap(["busybox"])
    inode = (data / "images/busybox").stat().st_ino
    assert bootstrap.bootstrap(["busybox"]) == []
    assert (data / "images/busybox").stat().st_ino == inode


@pytest.mark.needs("busybox")
def test_another_busybox_makes_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.bootstrap(["busybox"])
    other = tmp_path / "busybox"
    shutil.copy(busybox.static_busybox(), other)
    with other.open("ab") as file:
        file.write(b"\0")
    monkeypatch.setattr(busybox, "PLACES", (str(other),))
    assert bootstrap.bootstrap(["busybox"]) == ["busybox"]


@pytest.mark.needs("busybox")
def test_another_configuration_makes_another_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap.bootstrap(["busybox"])
    (tmp_path / "bootstrap.py").write_text("another")
    monkeypatch.setattr(bootstrap, "__file__", str(tmp_path / "bootstrap.py"))
    assert bootstrap.bootstrap(["busybox"]) == ["busybox"]


@pytest.mark.parametrize(("places", "reason"), [
    (("/no/such/busybox",), "busybox is not on this machine"),
    ((shutil.which("env"),), "is dynamically linked"),
])
def test_without_a_static_busybox_the_package_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, places: tuple[str, ...], reason: str
) -> None:
    monkeypatch.setattr(busybox, "PLACES", places)
    with pytest.raises(ContainLabError, match=reason) as caught:
        bootstrap.bootstrap(["busybox"])
    assert caught.value.hint == "apt-get install busybox-static"
    assert os.listdir(data / "images") == [".lock"]


def test_a_file_that_is_no_program_is_not_static(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\n" + "#" * 100)
    assert not busybox.is_static(str(tmp_path / "script"))


def test_a_name_without_a_recipe_is_refused_before_anything_is_made(data: Path) -> None:
    with pytest.raises(ContainLabError, match="image 'alpine': no recipe makes it") as caught:
        bootstrap.bootstrap(["busybox", "alpine"])
    assert caught.value.hint == "there are: busybox, debian"
    assert not data.exists()


@pytest.mark.needs("dpkg-deb", "setpriv")
@pytest.mark.usefixtures("apt")
def test_debian_is_unpacked_from_the_packages_that_apt_gives(data: Path, tmp_path: Path) -> None:
    masters = {"usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n"}
    make_package(tmp_path / "debs", "a", {**masters, "usr/share/doc/a/copyright": "long", "root/.keep": ""})
    make_package(tmp_path / "debs", "b", {"bin/old": "", "usr/bin/new": "", "etc/os-release": "ID=debian\n"})
    assert bootstrap.bootstrap(["debian"]) == ["debian"]
    root = Path(image.find("debian").rootfs)
    assert os.readlink(root / "bin") == "usr/bin"
    assert {"old", "new"} <= set(os.listdir(root / "usr/bin"))
    assert (root / "etc/passwd").read_text().startswith("root:")
    assert not (root / "usr/share/doc/a").exists() or os.listdir(root / "usr/share/doc/a") == []
    assert sorted(os.listdir(data / "images/debian")) == ["config.json", "recipe", "rootfs"]
    assert image.find("debian").config["config"]["Cmd"] == ["bash"]


@pytest.mark.needs("dpkg-deb", "setpriv")
def test_debian_leaves_the_state_of_the_hosts_apt_alone(data: Path, apt: Path) -> None:
    bootstrap.bootstrap(["debian"])
    [call] = apt.read_text().splitlines()
    for option in ("State::status", "State::extended_states", "Cache::archives"):
        assert f"-oDir::{option}={data}/images/cl-debian-" in call
    assert "--download-only" in call


@pytest.mark.needs("dpkg-deb", "setpriv")
@pytest.mark.parametrize("words", ["E: Unable to locate package bash", "E: Failed b  404  Not Found"])
def test_lists_that_are_missing_or_old_are_fetched_for_this_once(
    data: Path, apt: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("FIRST", words)
    assert bootstrap.bootstrap(["debian"]) == ["debian"]
    first, update, again = apt.read_text().splitlines()
    assert "Dir::State::lists" not in first
    assert update.endswith("update")
    assert f"-o Dir::State::lists={data}/images/cl-debian-" in again


@pytest.mark.needs("dpkg-deb", "setpriv")
@pytest.mark.parametrize(("words", "hint"), [
    ("E: Failed to fetch http://m/bash.deb  Temporary failure resolving 'm'", "mirror"),
    ("E: You don't have enough free space in /x.", "free some space"),
    ("E: Unable to locate package bash", "apt-get update"),
    ("E: The dog ate it", "contain-lab image bootstrap busybox"),
])
@pytest.mark.usefixtures("apt")
def test_what_apt_says_comes_with_a_way_out(
    data: Path, monkeypatch: pytest.MonkeyPatch, words: str, hint: str
) -> None:
    monkeypatch.setenv("ANSWER", f"W: something else\n{words}\nE: and more")
    with pytest.raises(ContainLabError) as caught:
        bootstrap.bootstrap(["debian"])
    assert caught.value.message == f"image 'debian': apt-get: {words.removeprefix('E: ')}"
    assert hint in caught.value.hint
    assert os.listdir(data / "images") == [".lock"]


@pytest.mark.needs("dpkg-deb", "setpriv")
@pytest.mark.usefixtures("apt")
def test_no_package_at_all_makes_no_image(tmp_path: Path) -> None:
    (tmp_path / "debs/libone.deb").rename(tmp_path / "debs/libone")
    with pytest.raises(ContainLabError, match="no package was downloaded"):
        bootstrap.bootstrap(["debian"])


@pytest.mark.needs("dpkg-deb", "setpriv")
@pytest.mark.usefixtures("apt")
def test_a_damaged_package_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "debs/bad.deb").write_text("no package")
    with pytest.raises(ContainLabError, match=r"image 'debian': unpack bad.deb: dpkg-deb: error: "):
        bootstrap.bootstrap(["debian"])
    assert capfd.readouterr().err == ""


@pytest.mark.needs("busybox", "setpriv")
@pytest.mark.usefixtures("apt")
def test_busybox_is_made_also_when_debian_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWER", "E: The dog ate it")
    with pytest.raises(ContainLabError, match="debian"):
        bootstrap.bootstrap(["debian", "busybox"])
    assert image.find("busybox")


def test_without_apt_the_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ContainLabError, match="apt-get, dpkg-deb, tar, setpriv not found") as caught:
        bootstrap.bootstrap(["debian"])
    assert caught.value.hint == "it is made on Debian or Ubuntu, with apt dpkg tar util-linux"
