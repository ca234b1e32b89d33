"""Typical wrong answers of lab 04."""

BIND = "def bind_rootfs(root):\n    {}\n"
PIVOT = "def pivot_into_rootfs(root):\n    {}\n"
COPY = "tree = syscalls.open_tree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)"
PLACE = "place = os.open(root, os.O_PATH | os.O_CLOEXEC)"
GOOD_BIND = BIND.format("syscalls.mount(root, root, None, MS_BIND | MS_REC)")
GOOD_PIVOT = PIVOT.format("os.chdir(root); syscalls.pivot_root('.', '.'); syscalls.umount2('.', MNT_DETACH); os.chdir('/')")

MUTANTS = {
    "root.bind": {
        "does_nothing": (BIND.format("return None"), "root.bind.nothing"),
        "never_attached": (BIND.format(f"{COPY}; os.close(tree)"), "root.bind.nothing"),
        "opened_not_copied": (BIND.format(f"tree = syscalls.open_tree(AT_FDCWD, root, OPEN_TREE_CLOEXEC); {PLACE}; "
                                          "syscalls.move_mount(tree, place)"), "not_detached"),
        "opened_with_all_below": (BIND.format(f"{COPY.replace('OPEN_TREE_CLONE | ', '')}; os.close(tree)"), "not_copied"),
        "attached_the_wrong_way": (BIND.format(f"{COPY}; {PLACE}; from contain_lab.rootfs import attach; "
                                               "attach(place, tree)"), "not_detached"),
        "swallows": (BIND.format("try: syscalls.mount(root, root, None, MS_BIND | MS_REC)\n    except OSError: pass"),
                     "swallowed"),
        "fixed_place": (BIND.format("os.makedirs('/tmp/root', exist_ok=True); "
                                    "syscalls.mount(root, '/tmp/root', None, MS_BIND | MS_REC)"),
                        "root.bind.elsewhere"),
        "the_whole_machine": (BIND.format("syscalls.mount('/', root, None, MS_BIND | MS_REC)"),
                              "root.bind.other_content"),
        "an_empty_one": (BIND.format("syscalls.mount('tmpfs', root, 'tmpfs', 0)"), "root.bind.other_content"),
        "one_mount_alone": (BIND.format("syscalls.mount(root, root, None, MS_BIND)"), "root.bind.shallow"),
        "read_only": (BIND.format(f"{COPY}; syscalls.mount_setattr(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY); {PLACE}; "
                                  "syscalls.move_mount(tree, place); os.close(tree); os.close(place)"),
                      "root.bind.options"),
        "left_open": (BIND.format(f"{COPY}; {PLACE}; syscalls.move_mount(tree, place)"), "root.bind.descriptor"),
    },
    "root.pivot": {
        "does_nothing": (PIVOT.format("return None"), "root.pivot.unchanged"),
        "chdir_alone": (PIVOT.format("os.chdir(root)"), "root.pivot.unchanged"),
        "chroot": (PIVOT.format("os.chroot(root); os.chdir('/')"), "root.pivot.chroot"),
        "chroot_after_a_move": (PIVOT.format("os.chdir(root); syscalls.mount('.', '/', None, MS_MOVE); os.chroot('.')"),
                                "root.pivot.covered"),
        "old_root_left": (PIVOT.format("os.chdir(root); syscalls.pivot_root('.', '.'); os.chdir('/')"),
                          "root.pivot.old_root"),
        "old_root_in_a_folder": (PIVOT.format("os.mkdir(root + '/old'); syscalls.pivot_root(root, root + '/old'); "
                                              "os.chdir('/')"), "root.pivot.old_root"),
        "working_directory_outside": (PIVOT.format("syscalls.pivot_root(root, root); syscalls.umount2('/', MNT_DETACH)"),
                                      "root.pivot.cwd"),
        "mounts_lost": (PIVOT.format("os.chdir(root); syscalls.pivot_root('.', '.'); "
                                     "syscalls.umount2('.', MNT_DETACH); os.chdir('/'); "
                                     "syscalls.umount2('/data', MNT_DETACH)"), "root.pivot.lost"),
        "another_root": (PIVOT.format("os.mkdir('/tmp/other'); syscalls.mount('t', '/tmp/other', 'tmpfs', 0); "
                                      "os.chdir('/tmp/other'); syscalls.pivot_root('.', '.'); "
                                      "syscalls.umount2('.', MNT_DETACH); os.chdir('/')"), "root.pivot.elsewhere"),
        "no_mount": (PIVOT.format("os.chdir(root + '/..'); syscalls.pivot_root('.', '.')"), "root.pivot.refused"),
        "unmounts_first": (PIVOT.format("os.chdir(root); syscalls.umount2('.', MNT_DETACH); "
                                        "syscalls.pivot_root('.', '.'); os.chdir('/')"), "detached_root"),
        "swallows": (PIVOT.format("try: os.chdir(root); syscalls.pivot_root('.', '.'); "
                                  "syscalls.umount2('.', MNT_DETACH); os.chdir('/')\n    except OSError: pass"),
                     "swallowed"),
        "old_root_above": (PIVOT.format("syscalls.pivot_root(root, '/')"), "root.pivot.refused"),
        "imports_afterwards": (PIVOT.format("os.chdir(root); syscalls.pivot_root('.', '.'); "
                                            "syscalls.umount2('.', MNT_DETACH); import csv"), "raised"),
    },
    "root.container": {
        "no_bind": (GOOD_PIVOT + BIND.format("return None"), "root.container.step_failed"),
        "no_pivot": (GOOD_BIND + PIVOT.format("return None"), "root.container.other_root"),
        "chroot": (GOOD_BIND + PIVOT.format("os.chroot(root); os.chdir('/')"), "root.container.host_mounted"),
        "old_root_left": (GOOD_BIND + PIVOT.format("os.chdir(root); syscalls.pivot_root('.', '.'); os.chdir('/')"),
                          "root.container.host_mounted"),
        "a_root_within": (GOOD_BIND + PIVOT.format(
            "os.chdir(root); syscalls.pivot_root('.', '.'); syscalls.umount2('.', MNT_DETACH); os.chdir('/'); "
            "os.chroot('/usr')"), "root.container.step_failed"),
        "a_copy": (GOOD_PIVOT + BIND.format("import shutil; shutil.copytree(root, '/tmp/copy', symlinks=True); "
                                            "syscalls.mount('/tmp/copy', root, None, MS_BIND)"),
                   "root.container.other_root"),
        "step_raises": (GOOD_BIND + PIVOT.format("raise ValueError('my own mistake')"), "root.container.step_failed"),
        "one_is_missing": (GOOD_BIND, "not_written"),
    },
}
