"""The image store: what is found, what is not, and that an image is there whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contain_lab import image
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound
from contain_lab.image import making, store

CONFIG = {"config": {"Cmd": ["sh"]}}


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of images of an empty store."""
    monkeypatch.setenv("CONTAIN_LAB_DATA", str(tmp_path))
    return tmp_path / "images"


def put(name: str, text: str = "one", fingerprint: str = "f") -> None:
    """Put an image with one file into the store."""
    with making.store_locked(), making.new_image(name, fingerprint, CONFIG) as folder:
        Path(folder, "rootfs/file").write_text(text)


def test_an_image_that_was_made_is_found(images: Path) -> None:
    put("box")
    found = image.find("box")
    assert (found.name, found.rootfs, found.config) == ("box", str(images / "box/rootfs"), CONFIG)
    assert [each.name for each in image.images()] == ["box"]
    assert image.size(found) == len("one")


def test_the_root_of_an_image_is_for_all_and_its_folder_for_the_owner(images: Path) -> None:
    previous = os.umask(0o077)
    try:
        put("box")
    finally:
        os.umask(previous)
    assert (images / "box/rootfs").stat().st_mode & 0o777 == 0o755
    assert (images / "box").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["box", "../box", "..", "", "a/b", "no-such:ever", "cl-box-1", ".lock"])
def test_a_name_without_an_image_is_not_found(images: Path, name: str) -> None:
    (images / "cl-box-1/rootfs").mkdir(parents=True)
    with pytest.raises(NotFound) as caught:
        image.find(name)
    assert caught.value.message == f"image '{name}': not found"
    assert caught.value.hint == "contain-lab image bootstrap makes busybox and debian"


def test_a_damaged_config_is_named_and_is_not_current(images: Path) -> None:
    put("box")
    (images / "box/config.json").write_text("{")
    with pytest.raises(InvalidConfig, match=r"image 'box': config.json cannot be read") as caught:
        image.find("box")
    assert "image bootstrap box" in caught.value.hint
    assert not making.is_current("box", "f")


def test_a_store_that_is_not_there_has_no_images(images: Path) -> None:
    assert image.images() == []
    assert image.sweep() == []
    assert not images.exists()


def test_an_image_is_current_until_its_recipe_changes() -> None:
    assert not making.is_current("box", "f")
    put("box", fingerprint="f")
    assert making.is_current("box", "f")
    assert not making.is_current("box", "g")


def test_a_new_image_takes_the_place_of_the_old_one(images: Path) -> None:
    put("box", "one")
    put("box", "two")
    assert (images / "box/rootfs/file").read_text() == "two"
    assert sorted(os.listdir(images)) == [".lock", "box"]


def test_a_failure_leaves_the_old_image_and_nothing_else(images: Path) -> None:
    put("box", "one")
    with pytest.raises(ContainLabError, match="no luck"), making.store_locked():
        with making.new_image("box", "g", CONFIG):
            raise ContainLabError("no luck")
    assert (images / "box/rootfs/file").read_text() == "one"
    assert sorted(os.listdir(images)) == [".lock", "box"]


def test_sweep_takes_what_is_half_made_and_nothing_else(images: Path) -> None:
    put("box")
    (images / "cl-box-1/rootfs").mkdir(parents=True)
    assert image.sweep() == ["cl-box-1"]
    assert sorted(os.listdir(images)) == [".lock", "box"]


def test_sweep_leaves_what_is_being_made() -> None:
    with making.store_locked(), making.new_image("box", "f", CONFIG) as folder:
        assert image.sweep() == []
        assert os.path.isdir(folder)
    assert image.find("box")


def test_making_removes_what_killed_commands_left(images: Path) -> None:
    (images / "cl-box-1/rootfs").mkdir(parents=True)
    put("box")
    assert sorted(os.listdir(images)) == [".lock", "box"]


def test_a_folder_with_a_mount_in_it_is_not_removed(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (images / "cl-box-1/rootfs/home").mkdir(parents=True)
    mounted = f"36 35 8:1 / {images}/cl-box-1/rootfs/home rw - ext4 /dev/sda1 rw\n"
    monkeypatch.setattr(store.files, "get", lambda _: mounted)
    with pytest.raises(ContainLabError, match="rootfs/home is mounted"):
        image.sweep()
    assert (images / "cl-box-1/rootfs/home").is_dir()


def test_finding_an_image_imports_nothing_slow() -> None:
    program = "import sys; import contain_lab.image; print(sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    loaded = json.loads(said.stdout.replace("'", '"'))
    assert "contain_lab.image.store" in loaded
    assert not {"json", "shutil", "subprocess", "tempfile", "hashlib", "dataclasses", "typing"} & set(loaded)


@pytest.mark.needs("root")
def test_a_store_that_cannot_be_made_is_an_error_with_a_way_out(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(store, "folder", lambda: str(tmp_path / "file" / "images"))
    with pytest.raises(ContainLabError, match=r"image store .*ENOTDIR") as refused, making.store_locked():
        pass
    assert "CONTAIN_LAB_DATA" in refused.value.hint
