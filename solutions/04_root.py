# %% [markdown] id="title"
# # Lab 04. Root: a file system of its own
#
# *50 minutes. You build two steps: both moderate.*
#
# The path `/etc/passwd` means one file on the host and another one in a container, and a third one in the next container.
# In this lab you make that so. You see why the old answer to it, chroot, is no wall, and build the one that is.
#
# At the end you can
#
# - say what `/` is to the kernel, and where a process keeps it;
# - walk out of a chroot, and say which call let you;
# - write `bind_rootfs` and `pivot_into_rootfs`, and read the two errors that pivot_root is known for.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("04")

# %% [markdown] id="attack"
# ## The attack
#
# A container **without** one step of this lab. The labs before it are done: it has its own name, its own queues, its own
# processes. The intruder asks it for a file that only the host has:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only file --skip pivot_into_rootfs

# %% [markdown] id="attack-explained"
# `works`, twice. (`$place` is the folder of the host in which the intruder's stage has put the secret.) The files of
# the image were there, mounted and complete, in a folder of the host. But nobody had told the kernel that this folder
# is `/`. A path is a walk through the file system, and the walk began where it always does.
#
# ## Recall
#
# Two questions on the labs before.

# %% id="recall" kind="Recall"
recall("04")

# %% [markdown] id="where-paths-begin"
# ## Where paths begin
#
# The kernel keeps two directories for each process. A path that begins with `/` is walked from the first, the **root**; any
# other from the second, the **working directory**. `..` goes one up, and in the root it goes nowhere. That is all that `/`
# means. man: path_resolution(7).
#
# You can see both of any process, in `/proc/PID/root` and `/proc/PID/cwd`:

# %% id="two-directories" kind="Run"
# !cd /usr/bin; readlink /proc/self/root /proc/self/cwd

# %% [markdown] id="make-a-root"
# So a container's file system begins as a folder. Let us make one. Busybox is one program that plays many: `ls` when it is
# called `ls`, `sh` when it is called `sh`. We take it out of the image, and give it these names:

# %% id="make-root" kind="Run"
from contain_lab import image
# !mkdir -p root/bin && cp {image.find("busybox").rootfs}/bin/busybox root/bin/
# !for name in sh ls cat; do ln -sf busybox root/bin/$name; done
# !ls root/bin

# %% [markdown] id="chroot-explained"
# The oldest way to make a folder the root of a process is chroot(2), from 1979. The command `chroot` calls it, and executes
# a program:

# %% id="run-chroot" kind="Run"
# !chroot root ls -a /

# %% [markdown] id="loader"
# `.`, `..` and `bin`: this is all that the process can name. Four files are enough for a world.
#
# ## Predict

# %% id="predict-loader" kind="Predict"
predict("root-loader")

# %% id="run-loader" kind="Run"
# !cp /bin/ls root/bin/host-ls
# !LC_ALL=C chroot root host-ls

# %% id="reveal-loader" kind="Explain"
reveal("root-loader")

# %% [markdown] id="loader-explained"
# `ldd` tells what a program asks for when it is loaded. The host's `ls` asks for a loader, `/lib64/ld-linux-x86-64.so.2` on
# a PC, `/lib/ld-linux-aarch64.so.1` on ARM. Busybox asks for none. It is **static**: all that it needs is within. That is why
# an image of one file can work, and why a program copied from another system often cannot, with an error that names the
# wrong file.

# %% id="show-loader" kind="Run"
# !ldd /bin/ls | grep -o "ld-linux"
# !ldd root/bin/busybox

# %% [markdown] id="chroot-is-no-wall"
# ## A chroot is no wall
#
# A process in there cannot name a file outside. Can it get out?

# %% id="predict-escape" kind="Predict"
predict("root-escape")

# %% [markdown] id="escape-explained"
# This cell goes into the chroot and out again. It runs in a process of its own, and only looks.

# %% id="run-escape" kind="Run"
%%python
import os
os.chdir("root")
os.chroot(".")
print("locked in: ", sorted(os.listdir("/")))
os.makedirs("/deeper", exist_ok=True)
os.chroot("/deeper")        # the root goes down; the working directory stays
for _ in range(64):
    os.chdir("..")          # up, and past where the root was
os.chroot(".")              # the top is the host's /
print("and out: /usr/bin is there:", os.path.isdir("/usr/bin"))

# %% id="reveal-escape" kind="Explain"
reveal("root-escape")

# %% [markdown] id="escape-why"
# Nothing here is a bug. The manual page says so itself: chroot changes one ingredient of how paths are walked, and does
# nothing else. man: chroot(2). The host's file systems were mounted all the time; it took one directory above the root to
# walk to them.
#
# There are other such directories. The intruder has one: `/proc/1/root` leads to the root of process 1.

# %% id="run-proc-root" kind="Run"
# !contain-lab intruder --only chroot

# %% [markdown] id="what-a-mount-is"
# In our container the same path leads to the container's own root: process 1 is its own, too. And above that root there is
# nothing. How is this done? (The other steps of the last line take rights away. They are lab 17.)
#
# ## A root is a mount
#
# The tree that you see at `/` is put together from **mounts**. Each says: this folder of this file system stands at this
# place. The list of them belongs to the **mount namespace**, and every process can read it in `/proc/PID/mountinfo`. Here
# is the list of a container, drawn as a tree. (Its last column, propagation, is lab 05: leave it until then.)

# %% id="start-box" kind="Run" tags=["nbval-ignore-output"]
box = background("busybox", "sleep", "600")
mount_tree(box.pid)

# %% [markdown] id="what-is-not-there"
# Look for what is **not** there: the disk of the host. Not hidden, not forbidden: not in the list. There is no directory
# above this root, because the root is the root of the *namespace*, and not of one process.
#
# So a container needs a list of mounts of its own (`unshare(CLONE_NEWNS)`, a copy of the host's list), the image's
# folder as the root of that list, and then the rest of the list thrown away. The call for the middle part is
# **pivot_root(2)**. There is a command of that name, too. It takes two folders: the new root, and the place that the old
# root goes to. We stand in the new root and say `.` for both; the section *Order* tells why that is possible.

# %% id="predict-busy" kind="Predict"
predict("root-busy")

# %% id="run-busy" kind="Run"
# !unshare --mount sh -c "cd root && pivot_root . ."

# %% id="reveal-busy" kind="Explain"
reveal("root-busy")

# %% [markdown] id="busy-explained"
# The message is the one that everybody who writes a runtime meets first. (Where your labs lie on another mount than `/`, the
# kernel says EINVAL: the folder is not the root of a mount. It is the same mistake, and has the same cure.)
#
# The cure sounds odd: mount the folder **on itself**. A *bind mount* makes a mount of a folder that is there.

# %% id="predict-bind" kind="Predict"
predict("root-bind")

# %% id="run-bind" kind="Run"
# !unshare --mount sh -c "mount --bind root root; echo written > root/note; umount root"
# !cat root/note; rm root/note

# %% id="reveal-bind" kind="Explain"
reveal("root-bind")

# %% [markdown] id="build-bind-explained"
# ## Build: make a mount of it
#
# Behind `mount --bind` is one call of the old mount(2), with two paths. The kernel of today has two calls, and between them
# is a **descriptor**:
#
# 1. `open_tree(AT_FDCWD, path, flags)` with `OPEN_TREE_CLONE` copies the mounts at a path. The copy is *detached*: it
#    stands nowhere yet, and you hold a descriptor of it. `AT_RECURSIVE` copies what is mounted below, too, and
#    `OPEN_TREE_CLOEXEC` sees that the descriptor does not outlive `execve`. man: open_tree(2).
# 2. `move_mount` attaches it, onto a descriptor of the place. man: move_mount(2).
#
# A path can be changed by somebody while you use it, a descriptor cannot. That matters in lab 05. The room `rootfs` has a
# helper for the second half, which all its steps use. It closes both descriptors, whatever happens:

# %% id="show-attach" kind="Run"
from inspect import getsource
from contain_lab import rootfs
print(getsource(rootfs.attach))

# %% [markdown] id="build-bind-task"
# *Moderate, 8 minutes.* Write `bind_rootfs(root)`: the folder becomes a mount, with all that is mounted in it. (`AT_FDCWD`
# means: a relative path begins at the working directory.)

# %% id="build-bind_rootfs" build="bind_rootfs"
# 1. a detached copy of what is mounted at root: open_tree, with three flags
# 2. a descriptor of the place: os.open, with O_PATH and O_CLOEXEC
# 3. attach the one at the other

# %% id="check-bind" check="root.bind"

# %% [markdown] id="order-explained"
# ## Order
#
# *Moderate, 4 minutes.* pivot_root(2) makes a mount the root of the namespace, and puts the old root at a place of your
# choice, at or below the new one. If both are `.`, the old root is put **on top of** the new one, for a moment.

# %% id="order" kind="Order"
order("root-pivot")

# %% [markdown] id="left-behind"
# ## Build: the pivot
#
# The first five of these lines are needed. `chdir("/")` is caution: who stood in the new root before the pivot still stands
# there after it, and with this line nobody has to think about it. Take one of the five away, `umount2`:

# %% id="predict-left" kind="Predict"
predict("root-left")

# %% id="run-left" kind="Run"
%%sh
unshare --mount sh -c '
mount --rbind root root
cd root
pivot_root . .
exec /bin/sh -c "echo at /: ; ls -d /* ; echo at /..: ; ls -d /../usr /../etc"'

# %% id="reveal-left" kind="Explain"
reveal("root-left")

# %% [markdown] id="build-pivot-task"
# (The last line of the script executes `/bin/sh`, and gets our busybox: after the pivot the path leads there. The shell
# before it was the host's and went on running. A program that is loaded needs its path no more.)
#
# pivot_root asks for four things, and its manual page says which errno belongs to which:
#
# - the new root is a mount, and another one than the root of now: EBUSY, as you have seen, or EINVAL;
# - the place for the old root is the new root, or a folder below it: EINVAL;
# - the mounts on which both stand are not *shared*: EINVAL, below in *Break it*;
# - the caller's root is the root of its namespace: EINVAL in a chroot.
#
# The old root is in use, by the very process that unmounts it. So an ordinary unmount says EBUSY. With the flag
# `MNT_DETACH` the mount leaves the list at once, with all that is mounted on it, and is freed when its last user goes.
#
# *Moderate, 8 minutes.* Write `pivot_into_rootfs(root)`. It is given the path of a mount. When it returns, that is `/`, it
# is the working directory, and no mount of the host is left. `os.chdir` is Python's, `pivot_root` and `umount2` are in
# `syscalls`.

# %% id="build-pivot_into_rootfs" build="pivot_into_rootfs"
# The order of above, from chdir(root) on.

# %% [markdown] id="check-pivot-task"
# The check does not ask your process what it sees. It enters the mount namespace from outside, and reads the list there.

# %% id="check-pivot" check="root.pivot"

# %% [markdown] id="break"
# ## Break it
#
# `contain-lab run --rootfs FOLDER` takes your folder in the place of an image. First without the bind mount:

# %% id="break-bind" kind="Break it"
# !contain-lab run --rm --skip bind_rootfs --rootfs root ls /

# %% [markdown] id="break-bind-explained"
# The step is named, the call, and the errno that you know. The start ends there, and what was made before it is undone.
# A second errno of this call:

# %% id="predict-shared" kind="Predict"
predict("root-shared")

# %% id="break-shared" kind="Break it"
%%sh
unshare --mount sh -c '
mount --make-rshared /
mount --rbind root root
cd root
pivot_root . . || echo refused'

# %% id="reveal-shared" kind="Explain"
reveal("root-shared")

# %% [markdown] id="break-skip"
# What *shared* is, and the step against it, are in lab 05. Now a pivot that does not fail, but is not called. (`ls` says
# with `--version` whose it is; busybox's knows no such option.)

# %% id="predict-skip" kind="Predict"
predict("root-skip")

# %% id="break-pivot" kind="Break it"
# !contain-lab run --rm --skip pivot_into_rootfs busybox ls --version | grep -o "GNU coreutils"

# %% id="reveal-skip" kind="Explain"
reveal("root-skip")

# %% [markdown] id="break-half"
# Last, look at the place from inside. `--break` opens a shell right after the pivot. What does `/..` lead to now?

# %% id="break-after" kind="Break it"
# !echo "echo /: /*; echo /..: /../*" | contain-lab run --rm --break pivot_into_rootfs --rootfs root true

# %% [markdown] id="break-after-explained"
# To the same root: nothing lies on top of it any more, and there is nothing above. (`dev`, `proc` and `sys` are new. The
# runtime has made these empty folders in yours, because file systems are mounted there. Lab 05 is about them.)
#
# ## Measure

# %% id="predict-cost" kind="Predict"
predict("root-cost")

# %% id="measure" kind="Measure"
measure("bind mount the image, unmount it", "copy the image, remove it", rounds=5)

# %% id="reveal-cost" kind="Explain"
reveal("root-cost")

# %% [markdown] id="wild"
# (Who writes into a bound folder changes the image, for everybody. The layer that `contain-lab run` lays above it is a mount,
# too, and as cheap: lab 10.)
#
# ## In the wild
#
# **runc** and **crun**, with those of their calls that concern the root:

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "root")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "root")

# %% [markdown] id="wild-explained"
# The folder is bound on itself, `pivot_root(".", ".")` follows, then `umount2(".", MNT_DETACH)` and `chdir("/")`. You have
# written the same four lines. Instead of relying on the working directory, both keep a descriptor of the old root and of the
# new one and go there with `fchdir`. crun unmounts until the kernel says EINVAL: nothing is mounted there any more.
#
# Where you meet the other ways:
#
# - While a machine boots, `/` is the *initramfs*, and pivot_root refuses it with EINVAL: this root is no mount that could
#   be moved. There `switch_root` moves the new root over it (`MS_MOVE`) and calls chroot. `runc --no-pivot` does the same,
#   for containers of a machine that never left its initramfs. What is covered is still there: whoever may unmount sees it.
# - Package builders (`debootstrap`, `mock`, a Linux installer) use chroot. They want another `/`, not a wall, and for that
#   it is right.
# - `systemd-nspawn` and `bwrap` pivot, as we do.
#
# From the host, a container's files can be seen through its process, whatever runtime has started it:

# %% id="wild-proc" kind="In the wild"
# !ls /proc/{box.pid}/root

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# Both steps in a real container, on your own folder:

# %% id="run-mine" kind="Run"
# !contain-lab run --rm --with my_runtime --rootfs root ls /

# %% [markdown] id="check-container-task"
# The check starts one on the files of the busybox image, and looks at its root from outside:

# %% id="check-container" check="root.container"

# %% [markdown] id="held"
# And the attack from the beginning. (An image has a layer above it, which is a mount by itself: there your second step
# works alone.)

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only file --with my_runtime

# %% [markdown] id="further"
# ## Further
#
# *Hard, 15 minutes, no check.* A wall has a hole if one thing is forgotten, and this one was worth a CVE in 2024
# (CVE-2024-21626, runc). In a new cell with `%%build rootfs` write another `pivot_into_rootfs`, whose first line is
# `os.set_inheritable(os.open("/", os.O_PATH), True)`. The trial and the check are content: the old root is mounted nowhere. Then,
# in a new cell:
#
# ```console
# !contain-lab run --rm --with my_runtime --skip close_descriptors busybox sh -c 'ls -d /proc/self/fd/*/usr/share'
# ```
#
# Why does a mount that is in no list any more still answer? Which step of the runtime holds this, when it is not skipped?
# Run your old Build cell again at the end.

# %% [markdown] id="clean"
# ## Clean up
#
# (The folder `root` is yours. Put more programs into it.)

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `bind_rootfs`: make a mount of a folder. No file is copied.
# - `pivot_into_rootfs`: exchange the root of the namespace, and let go of the old one. What is not mounted has no name.
#
# The folder has no `/proc`, no `/dev` and no `/sys` yet that would deserve the name. In lab 05 they are mounted, and the
# intruder uses the first of them to write into the kernel.
