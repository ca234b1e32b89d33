"""Typical wrong answers of lab 07: {check: {name of the mutant: (source, id of the message)}}."""

MAPS = "from contain_lab import files\n\n\ndef write_id_maps(pid, uids, gids):\n    {}\n"
DENY = "from contain_lab import files\n\n\ndef deny_setgroups(pid):\n    {}\n"
ROOT = "from contain_lab import files\n\n\ndef become_root():\n    {}\n"
LINES = "''.join('%d %d %d\\n' % tuple(each) for each in {})"
EACH = "[files.put('/proc/%d/%s_map' % (pid, kind), {}) for kind, ranges in {}]"
BOTH = "(('uid', uids), ('gid', gids))"
GOOD_MAPS = EACH.format(LINES.format("ranges"), BOTH)
GOOD_ROOT = ("'allow' in files.get('/proc/self/setgroups') and os.setgroups([]); "
             "os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)")
PUT_DENY = "files.put('/proc/%d/setgroups' % pid, 'deny')"

MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "user.maps": {
        "does_nothing": (MAPS.format("return None"), "user.maps.nothing"),
        "only_users": (MAPS.format(EACH.format(LINES.format("ranges"), "(('uid', uids),)")), "user.maps.one_only"),
        "turned": (MAPS.format(EACH.format("''.join('%d %d %d\\n' % (b, a, c) for a, b, c in ranges)", BOTH)),
                   "user.maps.turned"),
        "first_range": (MAPS.format(EACH.format(LINES.format("ranges[:1]"), BOTH)), "user.maps.first_only"),
        "swapped": (MAPS.format(GOOD_MAPS.replace("'uid', uids", "'uid', gids").replace("'gid', gids", "'gid', uids")),
                    "user.maps.swapped"),
        "one_id_each": (MAPS.format(EACH.format("''.join('%d %d 1\\n' % (a, b) for a, b, c in ranges)", BOTH)),
                        "user.maps.other"),
        "a_write_a_line": (MAPS.format("for kind, ranges in (('uid', uids), ('gid', gids)):\n"
                                       "        for each in ranges:\n"
                                       "            files.put('/proc/%d/%s_map' % (pid, kind), '%d %d %d' % tuple(each))"),
                           "user.maps.two_writes"),
        "no_newline": (MAPS.format(EACH.format(LINES.format("ranges").replace("\\n", ""), BOTH)), "user.maps.text"),
        "groups_after_users": (MAPS.format(EACH.format(LINES.format("[*uids, *gids]"), BOTH)), "user.maps.text"),
        "swallows": (MAPS.format(f"try: {GOOD_MAPS}\n    except OSError: print('refused')"), "swallowed"),
        "swallows_where_nobody_is": (MAPS.format(f"os.path.exists('/proc/%d' % pid) and {GOOD_MAPS}"), "swallowed"),
        "its_own": (MAPS.format(GOOD_MAPS.replace("/proc/%d/%s_map' % (pid, kind)", "/proc/self/%s_map' % kind")),
                    "raised"),
        "wrong_type": (MAPS.format("files.put('/proc/%d/uid_map' % pid, uids)"), "raised"),
    },
    "user.setgroups": {
        "does_nothing": (DENY.format("return None"), "user.setgroups.allowed"),
        "allows": (DENY.format(PUT_DENY.replace("deny", "allow")), "user.setgroups.allowed"),
        "another_word": (DENY.format(PUT_DENY.replace("'deny'", "'denied'")), "raised"),
        "its_own_file": (DENY.format("files.put('/proc/self/setgroups', 'deny')"), "raised"),
        "swallows": (DENY.format(f"try: {PUT_DENY}\n    except OSError: pass"), "swallowed"),
        "maps_too": (DENY.format(f"{PUT_DENY}; files.put('/proc/%d/gid_map' % pid, '0 0 1')"),
                     "user.setgroups.mapped"),
        "calls_it": (DENY.format(f"os.setgroups([3]); {PUT_DENY}"), "user.setgroups.own"),
    },
    "user.root": {
        "does_nothing": (ROOT.format("return None"), "user.root.nobody"),
        "effective_ids": (ROOT.format("os.setgroups([]); os.setegid(0); os.seteuid(0)"), "user.root.effective_only"),
        "no_group": (ROOT.format("os.setgroups([]); os.setresuid(0, 0, 0)"), "user.root.group"),
        "group_alone": (ROOT.format("os.setgroups([]); os.setresgid(0, 0, 0)"), "user.root.group_only"),
        "keeps_groups": (ROOT.format("os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)"), "user.root.groups"),
        "forgets_the_newline": (ROOT.format(GOOD_ROOT.replace("'allow' in files.get('/proc/self/setgroups')",
                                                              "files.get('/proc/self/setgroups') == 'allow'")),
                                "user.root.groups"),
        "swallows": (ROOT.format("for call, ids in ((os.setgroups, ([],)), (os.setresgid, (0, 0, 0)), "
                                 "(os.setresuid, (0, 0, 0))):\n        try: call(*ids)\n"
                                 "        except OSError: pass"), "swallowed"),
        "never_asks": (ROOT.format("os.setgroups([]); os.setresgid(0, 0, 0); os.setresuid(0, 0, 0)"),
                       "user.root.denied"),
        "another_namespace": (ROOT.format(f"{GOOD_ROOT}; syscalls.unshare(CLONE_NEWUTS)"), "user.root.moved"),
    },
    "user.container": {
        "no_maps": (MAPS.format("return None") + ROOT.format(GOOD_ROOT), "not_started"),
        "one_id_less": (MAPS.format(EACH.format("''.join('%d %d %d\\n' % (a, b, c - 1) for a, b, c in ranges)", BOTH))
                        + ROOT.format(GOOD_ROOT), "user.container.maps"),
        "becomes_another": (MAPS.format(GOOD_MAPS) + ROOT.format(GOOD_ROOT.replace("0, 0, 0", "1, 1, 1")),
                            "user.container.owner"),
        "stays_who_it_was": (MAPS.format(GOOD_MAPS) + ROOT.format("return None"), "not_started"),
        "step_raises": (MAPS.format("raise ValueError('my own mistake')") + ROOT.format(GOOD_ROOT), "not_started"),
        "one_is_missing": (MAPS.format(GOOD_MAPS), "not_written"),
    },
}
