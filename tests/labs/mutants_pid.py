"""Typical wrong answers of lab 03: {check: {name of the mutant: (source, id of the message)}}."""

CLONE = "def clone_into_namespaces(kinds):\n    flags = 0\n    for kind in kinds: flags |= namespaces.KINDS[kind][1]\n    {}\n"
PARENT = "def die_with_parent(parent):\n    {}\n"
REAP = "def reap_children(child):\n    {}\n"
ASK = "syscalls.prctl(PR_SET_PDEATHSIG, 9)"
LOOP = "while True:\n        ended, status = os.wait()\n        if ended == child: {}"
CODE = "code = os.waitstatus_to_exitcode(status); return {}"
GOOD_CLONE = CLONE.format("return syscalls.clone3(flags)")
GOOD_PARENT = PARENT.format(f"{ASK}\n    if os.getppid() not in (0, parent): raise ProcessLookupError('gone')")
GOOD_REAP = REAP.format(LOOP.format(CODE.format("code if code >= 0 else 128 - code")))

MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "pid.clone": {
        "does_nothing": (CLONE.format("return None"), "pid.clone.no_child"),
        "forks": (CLONE.format("return os.fork()"), "pid.clone.same"),
        "unshares_and_forks": (CLONE.format("syscalls.unshare(flags); return os.fork()"), "pid.clone.moved"),
        "unshares": (CLONE.format("syscalls.unshare(flags)"), "pid.clone.moved"),
        "pid_alone": (CLONE.format("return syscalls.clone3(CLONE_NEWPID)"), "pid.clone.missing"),
        "last_kind_alone": (CLONE.replace("|=", "=").format("return syscalls.clone3(flags | CLONE_NEWPID)"),
                            "pid.clone.missing"),
        "always_all": (CLONE.format("return syscalls.clone3(flags | CLONE_NEWUTS)"), "pid.clone.more"),
        "no_or": (CLONE.replace("|=", "=").format("return syscalls.clone3(flags)"), "pid.clone.missing"),
        "returns_in_the_loop": (CLONE.replace("flags |= namespaces.KINDS[kind][1]", "return syscalls.clone3("
                                              "namespaces.KINDS[kind][1])"), "pid.clone.missing"),
        "swallows": (CLONE.format("try: return syscalls.clone3(flags)\n    except OSError: return -1"), "swallowed"),
        "returns_nothing": (CLONE.format("syscalls.clone3(flags)"), "pid.clone.returned"),
        "returns_its_own": (CLONE.format("syscalls.clone3(flags); return os.getpid()"), "pid.clone.returned"),
        "child_takes_itself_for_the_parent": (CLONE.format("return syscalls.clone3(flags) or os.getpid()"),
                                              "pid.clone.child_value"),
        "child_exits": (CLONE.format("pid = syscalls.clone3(flags)\n    if pid == 0: os._exit(0)\n    return pid"),
                        "pid.clone.child_value"),
    },
    "pid.parent": {
        "does_nothing": (PARENT.format("return None"), "pid.parent.survives"),
        "another_option": (PARENT.format("syscalls.prctl(PR_SET_DUMPABLE, 0)"), "pid.parent.survives"),
        "a_signal_that_process_1_ignores": (GOOD_PARENT.replace(", 9", ", 15"), "pid.parent.deaf"),
        "no_second_look": (PARENT.format(ASK), "pid.parent.late"),
        "nought_is_gone": (GOOD_PARENT.replace("not in (0, parent)", "!= parent"), "pid.parent.zero"),
        "looks_first": (PARENT.format(f"if os.getppid() not in (0, parent): raise ProcessLookupError('gone')\n    {ASK}"),
                        "pid.parent.order"),
        "ends": (PARENT.format("os._exit(3)"), "went_away"),
        "parent_is_1": (GOOD_PARENT.replace("not in (0, parent)", "!= 1"), "raised"),
        "swallows": (PARENT.format(f"try: {ASK}\n    except OSError: pass"), "pid.parent.late"),
    },
    "pid.reap": {
        "does_nothing": (REAP.format("return None"), "pid.reap.early"),
        "waits_once": (REAP.format("return os.waitstatus_to_exitcode(os.wait()[1])"), "pid.reap.early"),
        "child_alone": (REAP.format("return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])"),
                        "pid.reap.zombies"),
        "status": (REAP.format(LOOP.format("return status")), "pid.reap.code"),
        "negative": (REAP.format(LOOP.format(CODE.format("code"))), "pid.reap.signal"),
        "number_alone": (REAP.format(LOOP.format(CODE.format("abs(code)"))), "pid.reap.signal"),
        "no_code": (REAP.format(LOOP.format("return None")), "pid.reap.no_code"),
        "kills_the_rest": (REAP.format(LOOP.format("os.kill(-1, 9); " + CODE.format("code if code >= 0 else 128 - code"))
                                       + "\n").replace("os.kill(-1, 9);", "os.kill(-1, 9); os.wait();"),
                           "pid.reap.killed"),
        "until_nobody_is_left": (REAP.format("code = 0\n    while True:\n        try: ended, status = os.wait()\n"
                                             "        except ChildProcessError: return code\n"
                                             "        if ended == child: code = os.waitstatus_to_exitcode(status)"),
                                 "pid.reap.goes_on"),
        "adds_128_always": (REAP.format(LOOP.format(CODE.format("128 + abs(code)"))), "pid.reap.always"),
        "loops_without_a_wait": (GOOD_REAP.replace("os.wait()", "os.waitpid(-1, os.WNOHANG)"), "pid.reap.busy"),
    },
    "pid.container": {
        "shares_the_numbers": (GOOD_PARENT + GOOD_REAP + CLONE.format("return os.fork()"),
                               "pid.container.same_namespace"),
        "lives_on": (GOOD_CLONE + GOOD_REAP + PARENT.format("return None"), "pid.container.survives"),
        "leaves_zombies": (GOOD_CLONE + GOOD_PARENT
                           + REAP.format("return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])"),
                           "pid.container.zombies"),
        "step_raises": (GOOD_CLONE + GOOD_REAP + PARENT.format("raise ValueError('my own mistake')"), "not_started"),
        "no_number": (GOOD_PARENT + GOOD_REAP + CLONE.format("return 12345"), "not_started"),
        "one_is_missing": (GOOD_CLONE + GOOD_PARENT, "not_written"),
    },
}
