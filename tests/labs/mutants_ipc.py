"""Typical wrong answers of lab 02: {check: {name of the mutant: (source, id of the message)}}."""

UNSHARE = "def unshare_ipc():\n    {}\n"
SET = "from contain_lab.namespaces.sysctl import open_proc\n\n\ndef set_sysctl(name, value):\n    {}\n"
PATH = "'/proc/sys/' + name.replace('.', '/')"
OPEN = "file = os.open('sys/' + name.replace('.', '/'), os.O_WRONLY, dir_fd=proc)"
GOOD_UNSHARE = UNSHARE.format("syscalls.unshare(CLONE_NEWIPC)")
GOOD_SET = SET.format(f"proc = open_proc()\n    try:\n        {OPEN}\n        try: os.write(file, value.encode())\n"
                      "        finally: os.close(file)\n    finally: os.close(proc)")
SHELL = "import subprocess; subprocess.run(['sh', '-c', 'echo {} > {}'.format(value, " + PATH + ")], check=True)"

MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "ipc.unshare": {
        "does_nothing": (UNSHARE.format("return None"), "ipc.unshare.same"),
        "another_flag": (UNSHARE.format("syscalls.unshare(CLONE_NEWUTS)"), "ipc.unshare.other_kind"),
        "too_many_flags": (UNSHARE.format("syscalls.unshare(CLONE_NEWIPC | CLONE_NEWUTS)"), "ipc.unshare.more"),
        "pid_too": (UNSHARE.format("syscalls.unshare(CLONE_NEWIPC | CLONE_NEWPID)"), "ipc.unshare.more"),
        "swallows": (UNSHARE.format("try: syscalls.unshare(CLONE_NEWIPC)\n    except OSError: pass"), "swallowed"),
        "in_a_child": (UNSHARE.format("return os.fork() or syscalls.unshare(CLONE_NEWIPC)"), "forked"),
    },
    "ipc.sysctl": {
        "does_nothing": (SET.format("return None"), "ipc.sysctl.unchanged"),
        "opens_only": (SET.format(f"proc = open_proc(); {OPEN}; os.close(file); os.close(proc)"),
                       "ipc.sysctl.unchanged"),
        "fixed_value": (GOOD_SET.replace("value.encode()", "b'99'"), "ipc.sysctl.other"),
        "fixed_name": (GOOD_SET.replace("name.replace('.', '/')", "'net/ipv4/ip_default_ttl'"),
                       "ipc.sysctl.one_name"),
        "first_dot_alone": (GOOD_SET.replace("'.', '/'", "'.', '/', 1"), "raised"),
        "by_the_path": (SET.format(f"file = os.open({PATH}, os.O_WRONLY)\n    try: os.write(file, value.encode())\n"
                                   "    finally: os.close(file)"), "ipc.sysctl.faked"),
        "by_a_shell": (SET.format(SHELL), "ipc.sysctl.faked"),
        "leaves_the_file_open": (GOOD_SET.replace("os.close(file)", "pass"), "ipc.sysctl.descriptor"),
        "leaves_proc_open": (GOOD_SET.replace("os.close(proc)", "pass"), "ipc.sysctl.descriptor"),
        "closes_when_all_is_well": (SET.format(f"proc = open_proc(); {OPEN}; os.write(file, value.encode()); "
                                               "os.close(file); os.close(proc)"), "ipc.sysctl.descriptor_after_error"),
        "swallows": (GOOD_SET.replace("    finally: os.close(proc)", "    except OSError: pass\n"
                                          "    finally: os.close(proc)"), "ipc.sysctl.silent"),
        "mounts_it": (SET.format("syscalls.unshare(CLONE_NEWNS)\n    syscalls.mount('proc', '/proc', 'proc', 0)\n"
                                 f"    with open({PATH}, 'w') as file: file.write(value)"), "ipc.sysctl.mounted"),
        "outside_too": (GOOD_SET + "    import subprocess; subprocess.run(['nsenter', '-t', '1', '-n', '-i', 'sh', '-c', "
                        "'echo {} > {}'.format(value, " + PATH + ")], check=True)\n", "ipc.sysctl.outside"),
    },
    "ipc.container": {
        "shares_them": (GOOD_SET + UNSHARE.format("return None"), "ipc.container.same_namespace"),
        "another_kind": (GOOD_SET + UNSHARE.format("syscalls.unshare(CLONE_NEWUTS)"), "ipc.container.same_namespace"),
        "sets_nothing": (GOOD_UNSHARE + SET.format("return None"), "ipc.container.parameter"),
        "sets_another_value": (GOOD_UNSHARE + GOOD_SET.replace("value.encode()", "b'99'"), "ipc.container.parameter"),
        "step_raises": (GOOD_SET + UNSHARE.format("raise ValueError('my own mistake')"), "not_started"),
        "one_is_missing": (GOOD_UNSHARE, "not_written"),
    },
}
