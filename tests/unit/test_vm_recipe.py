"""The recipe of a machine's image, its initramfs, QEMU's command line, and names."""

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from contain_lab.errors import ContainLabError
from contain_lab.image import busybox
from contain_lab.vm import image, initrd, machine, qemu, recipe, repository, whole


def test_the_fingerprint_is_of_what_the_labs_need(monkeypatch):
    before = recipe.fingerprint()
    assert recipe.fingerprint() == before
    monkeypatch.setattr(recipe, "TEST_PACKAGES", ("another",))
    assert recipe.fingerprint() != before


def test_the_mirror_is_the_one_that_is_named(monkeypatch):
    monkeypatch.setenv("CONTAIN_LAB_MIRROR", "file:/srv/debian")
    assert recipe.mirror() == ["file:/srv/debian"]


def test_an_image_that_is_not_made_is_not_found(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("CONTAIN_LAB_DATA", str(tmp_path))
    (tmp_path / "vm/images/cl-17").mkdir(parents=True)
    with pytest.raises(ContainLabError, match="image is not made"):
        image.find()
    assert whole.sweep(image.folder()) == ["cl-17"]
    assert os.listdir(tmp_path / "vm/images") == ["lock"]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path):
    made = []

    def fill(work: str) -> None:
        made.append(work)
        assert whole.sweep(str(tmp_path)) == []  # who makes it has the lock
        Path(work, "half").touch()
        if len(made) == 1:
            raise ContainLabError("the disk is full")

    with pytest.raises(ContainLabError, match="the disk is full"):
        whole.make(str(tmp_path / "box"), fill)
    assert os.listdir(tmp_path) == ["lock"]
    for _ in range(2):
        whole.make(str(tmp_path / "box"), fill)
    assert (len(made), sorted(os.listdir(tmp_path)), os.listdir(tmp_path / "box")) == (2, ["box", "lock"], ["half"])


def test_modules_come_after_those_they_need(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(recipe, "MODULES", ("b", "a"))
    rows = ("k/a.ko.xz:", "k/c.ko.xz:", "k/b.ko.xz: k/d.ko.xz k/c.ko.xz", "k/d.ko.xz: k/c.ko.xz")
    (tmp_path / "modules.dep").write_text("\n".join(rows))
    assert [os.path.basename(each) for each in image._modules(str(tmp_path))] == [
        "c.ko.xz", "d.ko.xz", "b.ko.xz", "a.ko.xz"]


@pytest.mark.parametrize(("said", "reason"), [
    ("E: some\ntar: x: Cannot write: No space left on device\nE: last", "no space left"),
    ("W: warned\nE: Unable to locate package x\nE: mmdebstrap failed", "Unable to locate package x"),
    ("", "no reason given")])
def test_a_program_that_fails_is_told_by_the_line_that_says_why(said: str, reason: str):
    assert reason in image._failure("kernel", said).message


def test_the_initramfs_is_a_cpio_archive_with_ours_in_it(tmp_path: Path):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/00-x.ko").write_bytes(b"module")
    initrd.make(str(tmp_path), str(tmp_path / "initrd"))
    done = subprocess.run([busybox.static_busybox(), "cpio", "-it"], input=(tmp_path / "initrd").read_bytes(),
                          capture_output=True, check=True)
    assert {"bin/busybox", "modules/00-x.ko", *initrd.OURS} <= set(done.stdout.decode().split())


def test_what_is_saved_is_told_apart_by_shape():
    words = {tuple(qemu.Shape(memory, cpus, by).words()) for memory in (512, 1024) for cpus in (1, 2)
             for by in ("kvm", "tcg")}
    assert len(words) == 8


@pytest.mark.parametrize("name", ["", "A", "a/b", "../a", "-a", "a b", "x" * 64])
def test_what_is_no_name_is_refused(name: str):
    with pytest.raises(ContainLabError, match="not a name"):
        machine.check_name(name)


def test_a_port_that_is_taken_is_said():
    port = machine.free_port(0)
    with machine.socket.socket() as door:
        door.bind(("127.0.0.1", port))
        door.listen()
        with pytest.raises(ContainLabError, match=re.escape(f"127.0.0.1:{port} is taken")):
            machine.free_port(port)
        assert machine.free_port(0) != port


def test_the_repository_goes_in_without_what_belongs_to_this_machine(tmp_path: Path):
    for path in ("a.py", ".git/x", ".venv/y", "labs/my_runtime/uts.py", "p/__pycache__/z.pyc", ".ruff_cache/q"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert set(repository.listing(str(tmp_path))) == {"a.py", "labs/my_runtime/uts.py"}


def test_nothing_that_a_machine_sends_leads_out_of_the_folder(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path)
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w") as tar:
        for name in ("../out", "/out", "link/out", "sub/good"):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = 2, 0o4755
            tar.addfile(entry, io.BytesIO(b"17"))
        entry = tarfile.TarInfo("device")
        entry.type = tarfile.CHRTYPE
        tar.addfile(entry)
    sent.seek(0)
    assert repository.unpack(sent, str(tmp_path / "in")) == 4
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "in/device").exists()
    assert (tmp_path / "in/sub/good").read_bytes() == b"17"
    assert (tmp_path / "in/sub/good").stat().st_mode & 0o7777 == 0o755
