"""The kernel's words: one thin function per system call, with the kernel's name, and its constants.

Nothing is decided here. A call that fails raises a plain `OSError(errno, text)` with `call` hung on it: the call
with its arguments decoded, as strace(1) would print it. What Python's `os` has (chdir, mkdir, setresuid, execve)
is used from there. man: syscalls(2), intro(2). Only this room knows ctypes, and of it the part in C alone: the rest
would cost every start of a container a millisecond.
"""

import _ctypes
import os
import sys

# ---- constants, with the names and values of <linux/*.h>

CLONE_NEWTIME, CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x80, 0x20000, 0x2000000, 0x4000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x8000000, 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS, MS_REMOUNT = 1, 2, 4, 8, 16, 32
MS_DIRSYNC, MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_MOVE, MS_REC = 128, 1024, 2048, 4096, 8192, 16384
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
MS_RELATIME, MS_STRICTATIME, MS_LAZYTIME = 1 << 21, 1 << 24, 1 << 25
MNT_FORCE, MNT_DETACH, UMOUNT_NOFOLLOW = 1, 2, 8

OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC, AT_RECURSIVE, AT_EMPTY_PATH = 1, os.O_CLOEXEC, 0x8000, 0x1000
AT_FDCWD = -100
MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_T_EMPTY_PATH = 4, 0x40
FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC = 1, 1
FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE, FSCONFIG_CMD_RECONFIGURE = 0, 1, 6, 7
FSPICK_CLOEXEC, FSPICK_EMPTY_PATH = 1, 8
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8
MOUNT_ATTR_NOATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR_NODIRATIME = 0x10, 0x20, 0x80
MOUNT_ATTR__ATIME, MOUNT_ATTR_IDMAP, MOUNT_ATTR_NOSYMFOLLOW = 0x70, 0x100000, 0x200000

RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 1, 2, 4, 8, 16
RESOLVE_IN_ROOT_SAFELY = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP = 1, 4, 8, 23, 24
PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 37, 38, 47
PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 2, 4

# capabilities by number, as <linux/capability.h> has them, without CAP_
CAPABILITIES = tuple((
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT "
    "SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP "
    "MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split())

CLOSE_RANGE_CLOEXEC = 4
KEYCTL_JOIN_SESSION_KEYRING = 1
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1, 2, 4
SIGCHLD = 17
IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS = 1, 0x8913, 0x8914
PROC_SUPER_MAGIC, CGROUP2_SUPER_MAGIC = 0x9FA0, 0x63677270

NUMBERS = {"clone3": 435, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
           "fspick": 433, "close_range": 436, "openat2": 437, "mount_setattr": 442,
           "pidfd_send_signal": 424, "pidfd_open": 434, "pivot_root": 41 if os.uname().machine == "aarch64" else 155,
           "seccomp": 277 if os.uname().machine == "aarch64" else 317,
           "keyctl": 219 if os.uname().machine == "aarch64" else 250}

# Which arguments are flags, and the prefix of their names: how a call is decoded.
FLAGS = {
    ("unshare", "flags"): "CLONE_NEW", ("setns", "kind"): "CLONE_NEW", ("clone3", "flags"): "CLONE_NEW",
    ("mount", "flags"): "MS_", ("umount2", "flags"): "MNT_", ("open_tree", "flags"): "OPEN_TREE_CL|AT_",
    ("move_mount", "flags"): "MOVE_MOUNT_", ("fsopen", "flags"): "FSOPEN_", ("fsmount", "flags"): "FSMOUNT_",
    ("fspick", "flags"): "FSPICK_", ("fsmount", "attributes"): "MOUNT_ATTR_", ("mount_setattr", "set"): "MOUNT_ATTR_",
    ("mount_setattr", "clear"): "MOUNT_ATTR_", ("mount_setattr", "flags"): "AT_",
    ("mount_setattr", "propagation"): "MS_", ("openat2", "resolve"): "RESOLVE_", ("openat2", "flags"): "O_",
    ("close_range", "flags"): "CLOSE_RANGE_", ("seccomp", "flags"): "SECCOMP_FILTER_FLAG_",
}
# Which arguments are one of several words.
WORDS = {("prctl", "option"): "PR_", ("fsconfig", "command"): "FSCONFIG_",
         ("seccomp", "operation"): "SECCOMP_SET_MODE_", ("keyctl", "operation"): "KEYCTL_"}

# Calls of which Python's `os` has the thin function: name -> its arguments.
OF_OS = {"chdir": ("path",), "mkdir": ("path", "mode"), "rmdir": ("path",), "mknod": ("path", "mode", "device"),
         "symlink": ("target", "path"), "setsid": (), "setgroups": ("groups",), "umask": ("mask",),
         "setresgid": ("real", "effective", "saved"), "setresuid": ("real", "effective", "saved"),
         "execve": ("path", "args", "env"), "mkfifo": ("path", "mode")}


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]  # generic for typeshed alone
    _type_ = "l"


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _Word64(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "L"


class _Word32(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "I"


class _Function(_ctypes.CFuncPtr):
    _flags_, _restype_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO, _Int


class _FunctionUnderLock(_ctypes.CFuncPtr):
    """Called without letting other threads run: for what belongs to the interpreter, and for a clone."""

    _flags_, _restype_ = _Function._flags_ | _ctypes.FUNCFLAG_PYTHONAPI, _Int


class _Process:
    """All that this process has loaded: libc, and the interpreter."""

    _handle = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # typeshed knows names of files only


def _function(name: str, under_lock: bool = False) -> "_ctypes.CFuncPtr":
    return (_FunctionUnderLock if under_lock else _Function)((name, _Process))  # type: ignore[arg-type]


# ---- how a call is made, and what is said when it fails

def _text(value: "str | bytes | int | None") -> "bytes | int | None":
    return os.fsencode(value) if isinstance(value, str) else value


def _call(name: str, *args: object) -> int:
    """Call libc's function of this name, or the kernel by number; -1 becomes an OSError."""
    passed = [_text(arg) if isinstance(arg, (str, bytes, int, type(None))) else arg for arg in args]
    passed = [_Long(arg) if isinstance(arg, int) else arg for arg in passed]
    by_number = [_Long(NUMBERS[name])] if name in NUMBERS else []
    function = "syscall" if by_number else name
    if function not in _functions:
        _functions[function] = _function(function)
    try:
        result = _functions[function](*by_number, *passed)
    except _ctypes.ArgumentError:
        raise _mistyped(name) from None
    if result == -1:
        raise failed(_ctypes.get_errno(), name)
    return int(result)


_functions: "dict[str, _ctypes.CFuncPtr]" = {}


def _mistyped(name: str) -> TypeError:
    """What is said of an argument that no system call takes."""
    code, given = (frame := sys._getframe(2)).f_code, frame.f_locals
    wrong = [f"{arg} is {given[arg]!r}" for arg in code.co_varnames[:code.co_argcount]
             if not isinstance(given[arg], (str, bytes, int, type(None)))]
    return TypeError(f"{name}: {', '.join(wrong) or 'an argument'}: a number or a text is due")


def failed(number: int, name: str, args: tuple[object, ...] | None = None) -> OSError:
    """An OSError for a call of this module that failed; its arguments are those of the function that calls it."""
    if args is None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_name != name:
            frame = frame.f_back
        code = frame.f_code
        args = tuple(frame.f_locals.get(arg) for arg in code.co_varnames[:code.co_argcount])
    error = OSError(number, os.strerror(number))
    error.call = decode(name, args)  # type: ignore[attr-defined]
    return error


def decode(name: str, args: tuple[object, ...]) -> str:
    """A call as strace(1) prints it: decode("unshare", (CLONE_NEWNS,)) -> "unshare(CLONE_NEWNS)"."""
    return f"{name}({', '.join(decoded_arguments(name, args).values())})"


def decoded_arguments(name: str, args: tuple[object, ...]) -> dict[str, str]:
    """The arguments of a call by their names, flags by theirs: {"flags": "CLONE_NEWNS|CLONE_NEWPID"}."""
    function = globals().get(name)
    function = getattr(function, "__wrapped__", function)
    names = function.__code__.co_varnames if function is not None else OF_OS.get(name, ())
    return {arg: _decoded(name, arg, value) for arg, value in zip(names, args, strict=False)}


def _decoded(call: str, arg: str, value: object) -> str:
    if isinstance(value, int) and (call, arg) in FLAGS:
        return flag_names(value, FLAGS[call, arg])
    if isinstance(value, int) and (call, arg) in WORDS:
        return next((name for name, other in globals().items()
                     if name.startswith(WORDS[call, arg]) and other == value), str(value))
    if value == AT_FDCWD:
        return "AT_FDCWD"
    if value is None:
        return "NULL"
    if arg == "program" and isinstance(value, bytes):
        return f"{{{len(value) // 8} instructions}}"
    if arg == "mode" and isinstance(value, int):
        return oct(value)
    return f'"{os.fsdecode(value)}"' if isinstance(value, (str, bytes)) else str(value)


def flag_names(value: int, prefix: str) -> str:
    """A set of flags by their names: flag_names(6, "MS_") -> "MS_NOSUID|MS_NODEV". prefix: one or more, with "|"."""
    names = []
    for name, flag in (vars(os) if prefix == "O_" else globals()).items():
        if isinstance(flag, int) and name.startswith(tuple(prefix.split("|"))) and flag > 0 and value & flag == flag:
            names.append(name)
            value &= ~flag
    return "|".join(names + ([hex(value)] if value or not names else []))


# ---- namespaces

def unshare(flags: int) -> None:
    """Move the calling process into new namespaces (PID and time: its next children). man: unshare(2)."""
    _call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    """Enter the namespace that a descriptor names; kind is its CLONE_NEW flag, or 0 for any. man: setns(2)."""
    _call("setns", fd, kind)


def sethostname(name: str) -> None:
    """Set the host name of this UTS namespace. man: sethostname(2)."""
    data = os.fsencode(name)
    _call("sethostname", data, len(data))


def setdomainname(name: str) -> None:
    """Set the NIS domain name of this UTS namespace. man: setdomainname(2)."""
    data = os.fsencode(name)
    _call("setdomainname", data, len(data))


def clone3(flags: int) -> int:
    """Make a child process in new namespaces: its pid in the parent, 0 in the child. man: clone(2), clone3.

    A raw clone with threads about can hang the child (a lock that another thread held stays locked for ever), so
    it is refused there: EBUSY. Python's own fork handlers run around it.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise failed(16, "clone3", (flags,))
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = (_Word64 * 11)(flags, 0, 0, 0, SIGCHLD)
    call, before, in_child, in_parent = (_function(name, under_lock=True) for name in (
        "syscall", "PyOS_BeforeFork", "PyOS_AfterFork_Child", "PyOS_AfterFork_Parent"))
    before()
    pid = call(_Long(NUMBERS["clone3"]), arguments, _Long(88))
    (in_child if pid == 0 else in_parent)()
    if pid == -1:
        raise failed(_ctypes.get_errno(), "clone3", (flags,))
    return int(pid)


# ---- mounts

def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """Mount, remount, bind, or change propagation, by paths. man: mount(2)."""
    _call("mount", source, target, kind, flags, data)


def umount2(target: str, flags: int) -> None:
    """Take a mount away; MNT_DETACH: from the tree now, for good when nobody uses it. man: umount(2)."""
    _call("umount2", target, flags)


def pivot_root(new_root: str, put_old: str) -> None:
    """Make new_root the root of this mount namespace, and put the old one at put_old. man: pivot_root(2)."""
    _call("pivot_root", new_root, put_old)


def open_tree(directory: int, path: str, flags: int) -> int:
    """A descriptor of a mount; with OPEN_TREE_CLONE of a detached copy of it. man: open_tree(2)."""
    return _call("open_tree", directory, path, flags)


def move_mount(mount: int, target: int) -> None:
    """Attach a detached mount onto a descriptor: no path that could be led astray. man: move_mount(2)."""
    _call("move_mount", mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)


def fsopen(kind: str, flags: int = FSOPEN_CLOEXEC) -> int:
    """Begin a new file system of a kind ("tmpfs", "proc"): a descriptor to configure. man: fsopen(2)."""
    return _call("fsopen", kind, flags)


def fsconfig(fd: int, command: int, key: str | None = None, value: str | None = None) -> None:
    """Set an option of a new file system, or create it. man: fsconfig(2)."""
    _call("fsconfig", fd, command, key, value, 0)


def fspick(fd: int, flags: int = FSPICK_CLOEXEC | FSPICK_EMPTY_PATH) -> int:
    """Take a mounted file system, to configure it anew: a descriptor. man: fspick(2)."""
    return _call("fspick", fd, "", flags)


def fsmount(fd: int, attributes: int = 0, flags: int = FSMOUNT_CLOEXEC) -> int:
    """A detached mount of a created file system: its descriptor. man: fsmount(2)."""
    return _call("fsmount", fd, flags, attributes)


def mount_setattr(fd: int, flags: int, set: int, clear: int = 0, propagation: int = 0, userns: int = 0) -> None:
    """Change the attributes of a mount; flags AT_RECURSIVE: of all below it too. man: mount_setattr(2).

    userns: for MOUNT_ATTR_IDMAP, a descriptor of the user namespace whose id maps it gets.
    """
    attributes = (_Word64 * 4)(set, clear, propagation, userns)
    _call("mount_setattr", fd, "", flags | AT_EMPTY_PATH, attributes, 32)


def openat2(directory: int, path: str, flags: int, mode: int, resolve: int) -> int:
    """Open a path with rules for how it is resolved. man: openat2(2)."""
    how = (_Word64 * 3)(flags, mode if flags & (os.O_CREAT | os.O_TMPFILE) else 0, resolve)
    return _call("openat2", directory, path, how, 24)


# ---- processes

def prctl(option: int, value: int, third: int = 0) -> int:
    """Operate on the calling process. man: prctl(2)."""
    return _call("prctl", option, value, third, 0, 0)


def is_child_subreaper() -> bool:
    """Whether orphans among our descendants become our children. man: prctl(2), PR_GET_CHILD_SUBREAPER."""
    answer = (_Int * 1)()
    _call("prctl", PR_GET_CHILD_SUBREAPER, answer, 0, 0, 0)
    return bool(answer[0])


def prlimit(pid: int, resource: int, soft: int, hard: int) -> None:
    """Set a resource limit; both limits below 2^64, which is no limit. man: prlimit(2)."""
    _call("prlimit", pid, resource, (_Word64 * 2)(soft, hard), None)


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set three of the five capability sets of the calling process, as bit masks. man: capset(2)."""
    header = (_Word32 * 2)(0x20080522, 0)
    low, high = 0xFFFFFFFF, 32
    _call("capset", header, (_Word32 * 6)(
        effective & low, permitted & low, inheritable & low, effective >> high, permitted >> high, inheritable >> high))


def seccomp(operation: int, flags: int, program: bytes) -> None:
    """Filter the system calls of the calling thread by a program, an array of struct sock_filter. man: seccomp(2)."""
    held = (_Word64 * (len(program) // 8)).from_buffer_copy(program)
    _call("seccomp", operation, flags, (_Word64 * 2)(len(held), _ctypes.addressof(held)))


def keyctl(operation: int, name: str | None = None) -> int:
    """Operate on the kernel's keys; KEYCTL_JOIN_SESSION_KEYRING without a name: a new, empty ring. man: keyctl(2)."""
    return _call("keyctl", operation, name)


def close_range(first: int, last: int, flags: int = 0) -> None:
    """Close all descriptors from first to last; CLOSE_RANGE_CLOEXEC: at execve. man: close_range(2)."""
    _call("close_range", first, last, flags)


def fstatfs_type(fd: int) -> int:
    """The magic number of the file system that a descriptor is on. man: fstatfs(2)."""
    answer = (_Long * 32)()
    _call("fstatfs", fd, answer)
    return int(answer[0])
