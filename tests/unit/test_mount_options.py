"""Mount options of the runtime specification: each goes to the call that it belongs to."""

import pytest

from contain_lab import rootfs, syscalls
from contain_lab.rootfs import options
from contain_lab.syscalls import AT_RECURSIVE

# https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#linux-mount-options
SPECIFIED = """async atime bind defaults dev diratime dirsync exec lazytime loud mand noatime nodev nodiratime noexec
noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime
remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro
rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync
tmpcopyup unbindable idmap ridmap""".split()


@pytest.mark.parametrize("name", SPECIFIED)
def test_every_option_of_the_specification_is_known(name):
    assert name in options.known()
    _, _, settings, *_ = rootfs.split_options((name,))
    assert settings == ([(name, None)] if name in ("sync", "dirsync", "lazytime", "mand") else [])


@pytest.mark.parametrize(("given", "on", "off"), [
    (("ro",), syscalls.MOUNT_ATTR_RDONLY, 0),
    (("ro", "rw"), 0, syscalls.MOUNT_ATTR_RDONLY),
    (("rw", "ro"), syscalls.MOUNT_ATTR_RDONLY, 0),
    (("nosuid", "nodev", "noexec"), 0b1110, 0),
    (("noatime",), syscalls.MOUNT_ATTR_NOATIME, syscalls.MOUNT_ATTR__ATIME),
    (("strictatime",), syscalls.MOUNT_ATTR_STRICTATIME, syscalls.MOUNT_ATTR__ATIME),
    (("noatime", "relatime"), 0, syscalls.MOUNT_ATTR__ATIME),
    (("nosymfollow",), syscalls.MOUNT_ATTR_NOSYMFOLLOW, 0),
    (("defaults", "async", "loud"), 0, 0),
])
def test_of_two_attributes_the_later_one_counts(given, on, off):
    assert rootfs.split_options(given)[:2] == (on, off)


@pytest.mark.parametrize(("given", "deep"), [
    (("ro", "rnosuid"), (syscalls.MOUNT_ATTR_NOSUID, 0)),
    (("rro", "rrw"), (0, syscalls.MOUNT_ATTR_RDONLY)),
    (("rnoatime",), (syscalls.MOUNT_ATTR_NOATIME, syscalls.MOUNT_ATTR__ATIME)),
    (("ro", "bind"), (0, 0)),
])
def test_with_an_r_before_it_an_attribute_is_that_of_all_below(given, deep):
    assert rootfs.split_options(given)[5] == deep


def test_an_attribute_of_all_below_is_the_mounts_own_too():
    assert rootfs.split_options(("rro",))[:2] == (syscalls.MOUNT_ATTR_RDONLY, 0)


def test_propagation_binds_and_settings_are_told_apart():
    _, _, settings, propagation, recursive, _, deeds = rootfs.split_options(
        ("rbind", "rslave", "private", "size=1k", "mode=", "inode64", "tmpcopyup"))
    assert settings == [("size", "1k"), ("mode", ""), ("inode64", None)]
    assert propagation == [(syscalls.MS_SLAVE, AT_RECURSIVE), (syscalls.MS_PRIVATE, 0)]
    assert recursive
    assert deeds == {"tmpcopyup"}
