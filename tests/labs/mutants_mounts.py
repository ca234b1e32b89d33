"""Typical wrong answers of lab 05: {check: {name of the mutant: (source, id of the message)}}."""

SET = "def set_propagation(path, propagation):\n    {}\n"
PROC = "from contain_lab import files, rootfs\n\n\ndef mount_proc(root, target, options):\n    {}\n"
READONLY = "from contain_lab import files\nfrom contain_lab.rootfs import attach\n\n\ndef make_path_readonly(root, path):\n    {}\n"
GOOD_SET = SET.format("syscalls.mount(None, path, None, MS_REC | propagation)")
GOOD_PROC = PROC.format("rootfs.check_real_directory(root, target); "
                        "rootfs.mount_new(root, target, 'proc', 'proc', options)")
OPEN = "try:\n        place = files.open_in_root(root, path)\n    except FileNotFoundError:\n        return\n    "
COPY = "tree = syscalls.open_tree(place, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE)"
CLOSE = "syscalls.mount_setattr(tree, AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY)"
GOOD_READONLY = READONLY.format(f"{OPEN}{COPY}; {CLOSE}; attach(tree, place)")

MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "mounts.propagation": {
        "does_nothing": (SET.format("return None"), "mounts.propagation.unchanged"),
        "unshares": (SET.format("syscalls.unshare(CLONE_NEWNS)"), "mounts.propagation.mounted"),
        "one_mount_alone": (SET.format("syscalls.mount(None, path, None, propagation)"), "mounts.propagation.shallow"),
        "always_private": (SET.format("syscalls.mount(None, path, None, MS_REC | MS_PRIVATE)"),
                           "mounts.propagation.other_kind"),
        "always_the_root": (SET.format("syscalls.mount(None, '/', None, MS_REC | propagation)"),
                            "mounts.propagation.more"),
        "binds": (SET.format("syscalls.mount(path, path, None, MS_BIND | MS_REC); "
                             "syscalls.mount(None, path, None, MS_REC | propagation)"), "mounts.propagation.mounted"),
        "recursive_alone": (SET.format("syscalls.mount(None, path, None, MS_REC)"), "no_propagation"),
        "swallows": (SET.format("try: syscalls.mount(None, path, None, MS_REC | propagation)\n    except OSError: pass"),
                     "swallowed"),
        "flags_of_two_kinds": (SET.format("syscalls.mount(path, path, None, MS_REC | MS_SHARED | propagation)"),
                               "raised"),
    },
    "mounts.proc": {
        "does_nothing": (PROC.format("return None"), "mounts.proc.nothing"),
        "never_attached": (PROC.format("os.close(rootfs.new_filesystem('proc', 'proc', []))"), "mounts.proc.nothing"),
        "a_tmpfs_called_proc": (PROC.format("rootfs.mount_new(root, target, 'tmpfs', 'proc', options)"),
                                "mounts.proc.other_kind"),
        "the_old_one": (PROC.format("syscalls.mount('/proc', root + target, None, MS_BIND | MS_REC)"),
                        "mounts.proc.bound"),
        "without_the_root": (PROC.format("rootfs.mount_new('/tmp', target, 'proc', 'proc', options)"),
                             "mounts.proc.elsewhere"),
        "fixed_place": (PROC.format("rootfs.mount_new(root, '/proc', 'proc', 'proc', options)"),
                        "mounts.proc.elsewhere"),
        "no_options": (PROC.format("rootfs.mount_new(root, target, 'proc', 'proc', ())"), "mounts.proc.options"),
        "joined_as_text": (PROC.format("os.makedirs(root + target, exist_ok=True); "
                                       "syscalls.mount('proc', root + target, 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC)"),
                           "mounts.proc.outside"),
        "follows_links": (PROC.format("rootfs.mount_new(root, target, 'proc', 'proc', options)"),
                          "mounts.proc.followed"),
        "looks_at_the_last_part": (PROC.format("assert not os.path.islink(root + target); "
                                               "rootfs.mount_new(root, target, 'proc', 'proc', options)"),
                                   "mounts.proc.followed"),
        "swallows": (f"{PROC.format('try: mount_well(root, target, options)')}\n    except Exception: pass\n\n\n"
                     + GOOD_PROC.partition("\n\n\n")[2].replace("mount_proc", "mount_well"), "mounts.proc.silent"),
        "swallows_the_mount": (PROC.format("rootfs.check_real_directory(root, target)\n    try: rootfs.mount_new("
                                           "root, target, 'proc', 'proc', options)\n    except OSError: pass"),
                               "swallowed"),
        "another_source": (PROC.format("rootfs.check_real_directory(root, target); "
                                       "rootfs.mount_new(root, target, 'proc', 'tmpfs', options)"),
                           "mounts.proc.source"),
        "no_place_for_it": (PROC.format("syscalls.mount('proc', root + target, 'proc', "
                                        "MS_NOSUID | MS_NODEV | MS_NOEXEC)"), "raised"),
    },
    "mounts.readonly": {
        "does_nothing": (READONLY.format("return None"), "mounts.readonly.nothing"),
        "never_attached": (READONLY.format(f"{OPEN}{COPY}; {CLOSE}; os.close(tree); os.close(place)"),
                           "mounts.readonly.nothing"),
        "writable": (READONLY.format(f"{OPEN}{COPY}; attach(tree, place)"), "mounts.readonly.writable"),
        "no_copy": (READONLY.format(f"{OPEN}syscalls.mount_setattr(place, AT_EMPTY_PATH, MOUNT_ATTR_RDONLY); "
                                    "os.close(place)"), "not_copied"),
        "attached_the_wrong_way": (READONLY.format(f"{OPEN}{COPY}; {CLOSE}; attach(place, tree)"), "not_detached"),
        "swallows": (READONLY.format(f"try: place = files.open_in_root(root, path); {COPY}; {CLOSE}; attach(tree, place)\n"
                                     "    except OSError: pass"), "swallowed"),
        "the_whole_root": (READONLY.format("place = os.open(root, os.O_PATH); "
                                           "syscalls.mount_setattr(place, AT_EMPTY_PATH, MOUNT_ATTR_RDONLY); "
                                           "os.close(place)"), "mounts.readonly.more"),
        "a_copy_below_it": (READONLY.format(
            f"{OPEN}tree = syscalls.open_tree(place, '', OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH); {CLOSE}; "
            "attach(tree, place)"), "mounts.readonly.covered"),
        "one_mount_alone": (READONLY.format(
            f"{OPEN}{COPY}; syscalls.mount_setattr(tree, AT_EMPTY_PATH, MOUNT_ATTR_RDONLY); attach(tree, place)"),
            "mounts.readonly.shallow"),
        "joined_as_text": (READONLY.format(f"{OPEN.replace('files.open_in_root(root, path)', 'os.open(root + path, os.O_PATH)')}"
                                           f"{COPY}; {CLOSE}; attach(tree, place)"), "mounts.readonly.outside"),
        "masks": (READONLY.format(f"{OPEN}from contain_lab.rootfs import new_filesystem; "
                                  "tree = new_filesystem('tmpfs', 'tmpfs', [], MOUNT_ATTR_RDONLY); attach(tree, place)"),
                  "mounts.readonly.other_content"),
        "insists": (READONLY.format(f"place = files.open_in_root(root, path); {COPY}; {CLOSE}; attach(tree, place)"),
                    "mounts.readonly.missing"),
        "left_open": (READONLY.format(f"{OPEN}{COPY}; {CLOSE}; syscalls.move_mount(tree, place)"),
                      "mounts.readonly.descriptor"),
    },
    "mounts.container": {
        "shares": (SET.format("return None") + GOOD_PROC + GOOD_READONLY, "mounts.container.step_failed"),
        "hears": (SET.format("syscalls.mount(None, '/', None, MS_REC | MS_SLAVE)") + GOOD_PROC + GOOD_READONLY,
                  "mounts.container.heard"),
        "no_proc": (GOOD_SET + PROC.format("return None") + GOOD_READONLY, "mounts.container.no_proc"),
        "the_hosts": (GOOD_SET + PROC.format("syscalls.mount('/proc', root + target, None, MS_BIND)") + GOOD_READONLY,
                      "mounts.container.host_proc"),
        "writable": (GOOD_SET + GOOD_PROC + READONLY.format("return None"), "mounts.container.writable"),
        "step_raises": (GOOD_SET + PROC.format("raise ValueError('my own mistake')") + GOOD_READONLY,
                        "mounts.container.step_failed"),
        "one_is_missing": (GOOD_SET + GOOD_PROC, "not_written"),
    },
}
