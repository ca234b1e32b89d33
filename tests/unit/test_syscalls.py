"""System calls: their numbers and constants, how they are decoded, and what a failure carries."""

import errno
import inspect
import os
import re
import subprocess
import threading
from pathlib import Path

import pytest

from contain_lab import syscalls
from contain_lab.errors import explain

CALLS = {name: each for name, each in vars(syscalls).items()
         if inspect.isfunction(each) and each.__module__ == syscalls.__name__ and not name.startswith("_")}
NO_CALLS = {"failed", "decode", "decoded_arguments", "flag_names"}
HEADERS = {  # header: prefixes of the constants that it has
    "linux/sched.h": "CLONE_NEW", "linux/mount.h": "MS_ OPEN_TREE_ MOVE_MOUNT_ FSOPEN_ FSMOUNT_ MOUNT_ATTR_",
    "linux/openat2.h": "RESOLVE_", "linux/prctl.h": "PR_", "linux/close_range.h": "CLOSE_RANGE_",
    "linux/sockios.h": "SIOC", "linux/magic.h": "PROC_SUPER_MAGIC CGROUP2_SUPER_MAGIC",
}
OF_OTHERS = {"MS_RDONLY", "RESOLVE_IN_ROOT_SAFELY", "OPEN_TREE_CLOEXEC"}  # same name elsewhere, or ours


def constants(prefixes: str) -> dict[str, int]:
    return {name: value for name, value in vars(syscalls).items()
            if name.startswith(tuple(prefixes.split())) and isinstance(value, int) and name not in OF_OTHERS}


def compiled(header: str, names: list[str]) -> dict[str, int]:
    """The values of names as the C preprocessor has them."""
    text = f"#include <{header}>\n" + "\n".join(f"CL_{name} {name}" for name in names)
    said = subprocess.run(["cc", "-E", "-P", "-"], input=text, capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^CL_(\w+) (.+)$", said, re.M))
    return {name: eval(re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b", r"\1", value)) for name, value in found.items()}


@pytest.mark.needs("cc")
def test_the_numbers_are_those_of_unistd():
    found = compiled("asm/unistd.h", [f"__NR_{name}" for name in syscalls.NUMBERS])
    assert {name: found[f"__NR_{name}"] for name in syscalls.NUMBERS} == syscalls.NUMBERS


@pytest.mark.needs("cc")
@pytest.mark.parametrize("header", HEADERS)
def test_the_constants_are_those_of_the_headers(header):
    ours = constants(HEADERS[header])
    assert ours
    assert compiled(header, list(ours)) == ours


@pytest.mark.needs("cc")
def test_the_capabilities_stand_at_their_numbers():
    names = [f"CAP_{name}" for name in syscalls.CAPABILITIES]
    assert list(compiled("linux/capability.h", names).values()) == list(range(len(names)))


@pytest.mark.parametrize(("value", "prefix", "said"), [
    (6, "MS_", "MS_NOSUID|MS_NODEV"), (0, "MS_", "0x0"), (1 << 31, "MS_", "0x80000000"),
    (syscalls.CLONE_NEWNS | 1, "CLONE_NEW", "CLONE_NEWNS|0x1"), (16 | 2, "RESOLVE_",
     "RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT"),
])
def test_flags_are_told_by_their_names(value, prefix, said):
    assert syscalls.flag_names(value, prefix) == said


@pytest.mark.parametrize(("name", "args", "said"), [
    ("unshare", (syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWNET,), "unshare(CLONE_NEWUTS|CLONE_NEWNET)"),
    ("sethostname", ("web",), 'sethostname("web")'),
    ("mount", (None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE, None),
     'mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)'),
    ("open_tree", (-100, "/x", syscalls.OPEN_TREE_CLONE), 'open_tree(AT_FDCWD, "/x", OPEN_TREE_CLONE)'),
    ("prctl", (syscalls.PR_SET_PDEATHSIG, 9), "prctl(PR_SET_PDEATHSIG, 9)"),
    ("fsconfig", (5, syscalls.FSCONFIG_SET_STRING, "mode", "755"), 'fsconfig(5, FSCONFIG_SET_STRING, "mode", "755")'),
    ("mkdir", ("/x", 0o700), 'mkdir("/x", 0o700)'),
    ("setns", (3, syscalls.CLONE_NEWPID), "setns(3, CLONE_NEWPID)"),
])
def test_a_call_is_decoded_as_strace_prints_it(name, args, said):
    assert syscalls.decode(name, args) == said


def test_a_failure_is_the_plain_error_with_its_call():
    with pytest.raises(FileNotFoundError) as caught:
        syscalls.umount2("/nowhere/at/all", syscalls.MNT_DETACH)
    assert type(caught.value) is FileNotFoundError
    assert caught.value.call == 'umount2("/nowhere/at/all", MNT_DETACH)'
    assert explain(caught.value)[0] == 'umount2("/nowhere/at/all", MNT_DETACH): no such file or directory (ENOENT)'


def test_a_failure_of_a_call_by_number_has_its_call_too():
    with pytest.raises(FileNotFoundError) as caught:
        syscalls.open_tree(syscalls.AT_FDCWD, "/nowhere", 0)
    assert caught.value.call == 'open_tree(AT_FDCWD, "/nowhere", 0x0)'


def test_openat2_opens_and_refuses(tmp_path):
    (tmp_path / "a").symlink_to("/etc/passwd")
    root = os.open(tmp_path, os.O_PATH)
    with pytest.raises(OSError, match="Too many levels") as caught:
        syscalls.openat2(root, "a", os.O_PATH, 0, syscalls.RESOLVE_NO_SYMLINKS)
    assert caught.value.errno == errno.ELOOP
    os.close(syscalls.openat2(root, ".", os.O_PATH, 0, syscalls.RESOLVE_IN_ROOT))
    os.close(root)


def test_clone3_is_refused_where_there_are_threads():
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with pytest.raises(OSError, match="busy") as caught:
            assert syscalls.clone3(0) or os._exit(0)
    finally:
        done.set()
        thread.join()
    assert caught.value.errno == errno.EBUSY


@pytest.mark.needs("root")
def test_a_capability_mask_reaches_beyond_32_bits():
    pid = os.fork()
    if pid == 0:
        kept = permitted() & (1 << 39 | 1)
        syscalls.capset(0, kept, 0)
        os._exit(0 if permitted() == kept else 1)
    assert os.waitpid(pid, 0)[1] == 0


def permitted() -> int:
    """The permitted capabilities of this process."""
    return int(re.search(r"CapPrm:\s*(\w+)", Path("/proc/self/status").read_text()).group(1), 16)


@pytest.mark.parametrize("name", sorted(set(CALLS) - NO_CALLS))
def test_the_docstring_of_a_call_names_its_manual_page(name):
    page = re.search(r"man: (\w+)\(2\)", CALLS[name].__doc__)
    assert page, f"{name} names no manual page"
    assert page.group(1) in {name, name.rstrip("23"), name.removesuffix("_type"), "clone", "prctl", "sethostname"}
    if name == "setdomainname":
        assert page.group(1) == name


def test_whoever_calls_a_call_of_os_finds_it_there():
    assert [name for name in syscalls.OF_OS if not callable(getattr(os, name, None))] == []


def test_an_argument_of_a_wrong_kind_is_named():
    with pytest.raises(TypeError, match=r"^setns: kind is \(1, 2\): a number or a text is due$"):
        syscalls.setns(0, (1, 2))


def test_flags_of_an_open_have_names():
    assert syscalls.decoded_arguments("openat2", (-100, "/", os.O_PATH | os.O_CLOEXEC, 0, 0))["flags"] == (
        "O_PATH|O_CLOEXEC")
