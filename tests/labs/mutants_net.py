"""Typical wrong answers of lab 06: {check: {name of the mutant: (source, id of the message)}}."""

UNSHARE = "def unshare_net():\n    {}\n"
UP = "import fcntl, struct, _socket\n\n\ndef bring_loopback_up():\n    {}\n"
NAME = "def name_namespace(pid, path):\n    {}\n"
SOCKET = "link = _socket.socket(2, 2)"
READ = "flags = struct.unpack('16sH14x', fcntl.ioctl(link.fileno(), 0x8913, struct.pack('16sH14x', b'lo', 0)))[1]"
WRITE = "fcntl.ioctl(link.fileno(), 0x8914, struct.pack('16sH14x', b'lo', {}))"
GOOD_UP = f"{SOCKET}; {READ}; {WRITE.format('flags | 1')}; link.close()"
CREATE = "os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o444))"
MOUNT = "syscalls.mount('/proc/%s/ns/net' % pid, path, None, MS_BIND)"
TIDY = f"{CREATE}\n    try: {MOUNT}\n    except OSError:\n        os.unlink(path); raise"
GOOD = (UNSHARE.format("syscalls.unshare(CLONE_NEWNET)"), UP.format(GOOD_UP), NAME.format(TIDY))

MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "net.unshare": {
        "does_nothing": (UNSHARE.format("return None"), "net.unshare.same"),
        "mount_flag": (UNSHARE.format("syscalls.unshare(CLONE_NEWNS)"), "net.unshare.other_kind"),
        "too_many_flags": (UNSHARE.format("syscalls.unshare(CLONE_NEWNET | CLONE_NEWUTS)"), "net.unshare.more"),
        "swallows": (UNSHARE.format("try: syscalls.unshare(CLONE_NEWNET)\n    except OSError: pass"), "swallowed"),
        "in_a_child": (UNSHARE.format("return os.fork() or syscalls.unshare(CLONE_NEWNET)"), "forked"),
    },
    "net.loopback": {
        "does_nothing": (UP.format("return None"), "net.loopback.down"),
        "reads_only": (UP.format(f"{SOCKET}; {READ}; link.close()"), "net.loopback.down"),
        "writes_what_was_there": (UP.format(f"{SOCKET}; {READ}; {WRITE.format('flags')}"), "net.loopback.down"),
        "another_bit": (UP.format(f"{SOCKET}; {READ}; {WRITE.format('flags | 0x100')}"), "net.loopback.other_flag"),
        "all_bits": (UP.format(f"{SOCKET}; {WRITE.format('0x7fff')}"), "net.loopback.more"),
        "without_reading": (UP.format(f"{SOCKET}; {WRITE.format('1')}; link.close()"), "net.loopback.lost"),
        "swallows": (UP.format(f"try: {GOOD_UP}\n    except OSError: print('refused')"), "swallowed"),
        "another_link": (UP.format(GOOD_UP.replace("b'lo'", "b'eth9'")), "raised"),
        "a_new_namespace": (UP.format(f"syscalls.unshare(CLONE_NEWNET); {GOOD_UP}"), "net.loopback.moved"),
        "the_hosts": (UP.format(f"syscalls.setns(os.open('/proc/1/ns/net', 0), 0); {GOOD_UP}"),
                      "net.loopback.outside"),
        "leaves_it_open": (UP.format(GOOD_UP.replace("close", "detach")), "net.loopback.descriptor"),
    },
    "net.name": {
        "does_nothing": (NAME.format("return None"), "net.name.no_file"),
        "no_place_for_it": (NAME.format(MOUNT), "raised"),
        "a_link": (NAME.format("os.symlink(f'/proc/{pid}/ns/net', path)"), "net.name.link"),
        "a_file": (NAME.format(CREATE), "net.name.file_only"),
        "its_own": (NAME.format(TIDY.replace("% pid", "% 'self'")), "net.name.own"),
        "another_kind": (NAME.format(TIDY.replace("ns/net", "ns/uts")), "net.name.other_kind"),
        "goes_there": (NAME.format(f"{TIDY}\n    syscalls.setns(os.open(path, os.O_CLOEXEC), CLONE_NEWNET)"),
                       "net.name.moved"),
        "leaves_it_open": (NAME.format(TIDY.replace("os.close(", "(")), "net.name.descriptor"),
        "over_another": (NAME.format(TIDY.replace(" | os.O_EXCL", "")), "net.name.took"),
        "removes_what_was_there": (NAME.format(f"try: {CREATE}; {MOUNT}\n    except OSError: os.unlink(path); raise"),
                                   "net.name.removed"),
        "empties_what_was_there": (NAME.format("os.path.exists(path) and not os.path.ismount(path) and "
                                               f"open(path, 'w').close()\n    {TIDY}"), "net.name.changed"),
        "swallows": (NAME.format(TIDY.replace("; raise", "")), "net.name.silent"),
        "leaves_the_file": (NAME.format(f"{CREATE}\n    {MOUNT}"), "net.name.left"),
    },
    "net.container": {
        "shares_the_network": (UNSHARE.format("return None") + GOOD[1] + GOOD[2], "net.container.same_namespace"),
        "stays_down": (GOOD[0] + UP.format("return None") + GOOD[2], "net.container.down"),
        "has_no_name": (GOOD[0] + GOOD[1] + NAME.format("return None"), "net.container.nameless"),
        "names_the_hosts": (GOOD[0] + GOOD[1] + NAME.format(TIDY.replace("% pid", "% 'self'")),
                            "net.container.other_name"),
        "step_raises": (GOOD[0] + GOOD[1] + NAME.format("raise ValueError('my own mistake')"), "not_started"),
        "one_is_missing": (GOOD[0] + GOOD[1], "not_written"),
    },
}
