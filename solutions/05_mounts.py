# %% [markdown] id="title"
# # Lab 05. Mounts: what is where, and who hears of it
#
# *60 minutes. You build three steps: two easy, one moderate.*
#
# A container has a root. Now it gets what stands in it: `/proc`, `/dev`, `/sys`. And the walls around these, because
# half of what is in `/proc` belongs to the machine.
#
# At the end you can
#
# - say what a mount namespace copies, and how far a mount is heard;
# - write `set_propagation`, `mount_proc` and `make_path_readonly`;
# - tell what an image can do to a runtime with one symbolic link, and what the runtime does against it.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("05")

# %% [markdown] id="attack"
# ## The attack
#
# When a process crashes, the kernel may run a program that saves its memory. The program's name is in
# `/proc/sys/kernel/core_pattern`, and the kernel runs it **on the host, as root**. Here is a container without one step of
# this lab. The intruder writes what stands there already; another one would write the name of its own program, and crash.

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only sysctl --skip make_path_readonly

# %% [markdown] id="attack-explained"
# `works`, twice. The container has a `/proc` of its own, and still this file is the machine's.
#
# (A notebook of an ordinary user says `held`: the file belongs to a root that you are not. That is another wall, and lab 07.
# The steps of this lab are the same.)
#
# ## Recall

# %% id="recall" kind="Recall"
recall("05")

# %% [markdown] id="list-of-mounts"
# ## A list, and a copy of it
#
# A mount says: this folder of this file system stands at this place. The mounts that a process can see are those of its
# **mount namespace**. `unshare(CLONE_NEWNS)` moves the caller into a new one, which begins as a copy. A copy of what?
#
# ## Predict

# %% id="predict-files" kind="Predict"
predict("mounts-files")

# %% id="run-files" kind="Run"
%%sh
mkdir -p folder
unshare --mount sh -c "sleep 0.2; echo inside: ; ls folder" &
sleep 0.1
touch folder/later
wait

# %% id="reveal-files" kind="Explain"
reveal("mounts-files")

# %% [markdown] id="files-explained"
# So the namespace keeps apart what is **mounted**. The intruder shows what that is good for. It unmounts a disk of its host:
# once as a plain process, once from a container that has its own list. (`umount` in there finds no such disk.)

# %% id="run-umount" kind="Run"
# !contain-lab intruder --only umount

# %% [markdown] id="propagation"
# ## Who hears of it
#
# But a copy of the list is not all. Each mount has a **propagation**: whether mounts that are made or taken away below it
# are passed on. Mounts that pass on to each other are a **peer group**, and `/proc/PID/mountinfo` numbers the groups:
# `shared:7` is a member of group 7, `master:7` a *slave* of it, which hears and is not heard. Neither word: *private*.
#
# The kernel makes mounts private. systemd, which starts most machines, makes `/` **shared**, with all below it. (In a
# terminal, `findmnt -o TARGET,PROPAGATION` tells what yours are.)
#
# `try_propagation` plays it through on a stage: a host whose `/srv` is shared, and a container whose namespace is a copy.
# Then each mounts a file system below `/srv`.

# %% id="predict-shared" kind="Predict"
predict("mounts-shared")

# %% id="run-shared" kind="Run"
try_propagation("shared")

# %% id="reveal-shared" kind="Explain"
reveal("mounts-shared")

# %% [markdown] id="shared-explained"
# The picture gives each peer group a letter. The same letter on both sides: they hear each other. A runtime that stopped
# here would mount the container's `/proc` on the host; and one that unmounts the old root would unmount the host.

# %% id="predict-slave" kind="Predict"
predict("mounts-slave")

# %% id="run-slave" kind="Run"
try_propagation("slave")

# %% id="reveal-slave" kind="Explain"
reveal("mounts-slave")

# %% id="run-private" kind="Run"
try_propagation("private")

# %% [markdown] id="build-propagation"
# ## Build: cut it off
#
# The oldest call for mounts, mount(2), does many things, and its flags say which. With `MS_PRIVATE`, `MS_SLAVE` or
# `MS_SHARED` it changes the propagation of a mount that is there. It needs no source and no kind of file system then: both
# are `None`. `MS_REC`, joined to the flag by `|`, means all mounts below it, too. Here is the step before yours:

# %% id="worked-unshare" kind="Run"
from inspect import getsource
from contain_lab.namespaces import mount
print(getsource(mount.unshare_mount))

# %% [markdown] id="build-propagation-task"
# *Easy, 5 minutes.* Write `set_propagation(path, propagation)`: the mounts at the path **and below it** get the propagation.
# The runtime calls it with `/` and `MS_PRIVATE`, right after `unshare_mount`.

# %% id="build-set_propagation" build="set_propagation"
# One call: syscalls.mount(source, target, kind, flags). Source and kind are None.

# %% id="check-propagation" check="mounts.propagation"

# %% [markdown] id="skip-propagation"
# What if it is left out? `--skip` runs the start in a stand-in for a machine whose mounts are shared.

# %% id="predict-skip" kind="Predict"
predict("mounts-skip")

# %% id="break-propagation" kind="Break it"
# !contain-lab run --rm --skip set_propagation busybox true

# %% id="reveal-skip" kind="Explain"
reveal("mounts-skip")

# %% [markdown] id="a-new-proc"
# (Not so for an ordinary user: mounts that are copied into the namespace of another user become slaves by themselves. The
# container starts.)
#
# ## A new /proc
#
# `/proc` is no folder of files. It is a file system that the kernel makes up while you read. Which processes it shows was
# settled when it was mounted: those of the PID namespace of **the process that mounted it**. So a container needs a new one.
# Without it:

# %% id="run-no-proc" kind="Run"
# !contain-lab run --rm --skip mount_proc busybox ps

# %% [markdown] id="no-proc-explained"
# Not even itself. Here is how the package mounts another new file system, one that lives in memory:

# %% id="worked-tmpfs" kind="Run"
from contain_lab import rootfs
print(getsource(rootfs.mount_tmpfs), getsource(rootfs.mount_new), sep="\n")

# %% [markdown] id="worked-tmpfs-explained"
# Three thoughts are in these lines.
#
# - `split_options` parts the words of a config (`nosuid`, `size=64k`) into *attributes* of the mount and *settings* of the
#   file system.
# - `new_filesystem` makes it with three calls: fsopen(2), fsconfig(2) for each setting, fsmount(2). The result is detached:
#   a descriptor of a mount that stands nowhere yet.
# - `attach` you know from lab 04. The **place** is a descriptor, too, and not a path. The next cells show why.

# %% [markdown] id="the-link"
# ## A link in an image
#
# An image comes from anywhere, and it is made of files that its author chose. Symbolic links are among them.

# %% id="make-evil" kind="Run"
# !mkdir -p evil/etc && ln -sfn /etc evil/data && ls evil

# %% id="predict-link" kind="Predict"
predict("mounts-link")

# %% [markdown] id="run-link-explained"
# We do it in a mount namespace that goes away at once, and look for a file of the host's `/etc` before and after:

# %% id="run-link" kind="Run"
%%sh
unshare --mount sh -c '
test -e /etc/passwd && echo before: /etc/passwd is there
mount -t tmpfs cl-volume evil/data
test -e /etc/passwd || echo after: /etc is empty'

# %% id="reveal-link" kind="Explain"
reveal("mounts-link")

# %% [markdown] id="open-in-root"
# (In a real runtime the host's `/etc` would have been covered in the container's namespace only, and that is bad enough:
# the runtime goes on working in there, with files of the image's choice. CVE-2021-30465 in runc was of this kind.)
#
# The cure is a call of the kernel: openat2(2) with `RESOLVE_IN_ROOT` walks a path as a process would whose root is the
# image. Here is the same path, opened that way:

# %% id="run-open-in-root" kind="Run"
import os
from contain_lab import files
place = files.open_in_root("evil", "/data")
print(os.path.relpath(os.readlink(f"/proc/self/fd/{place}")))
os.close(place)

# %% [markdown] id="real-directory"
# Within the image. A descriptor stays what it is, even if somebody exchanges the link a moment later; a path would be walked
# again. `make_in_root`, which `mount_new` uses, does the same and makes what is missing.
#
# For `/proc` this is not enough. A runtime writes to files such as `/proc/self/attr/exec`, which takes the security label of
# a container, and trusts that the kernel reads. An image that had brought a `/proc` of plain files made runc write to nobody
# (CVE-2019-16884). So a root in which the place of `/proc` is a link, to wherever, is **refused**: `check_real_directory`, a
# helper of the same room that takes a root and a target, raises an error then.
#
# *Easy, 5 minutes.* Write `mount_proc(root, target, options)`: refuse a link, then mount a new file system. Both its kind
# and its source are called `proc`.

# %% id="build-mount_proc" build="mount_proc"
# 1. refuse a place that is a link, or lies behind one
# 2. mount a new file system there, as mount_tmpfs does

# %% id="check-proc" check="mounts.proc"

# %% [markdown] id="whose"
# ## What is nobody's
#
# Your container sees its own processes. What else is in `/proc`?

# %% id="predict-own" kind="Predict"
predict("mounts-own")

# %% id="run-own" kind="Run"
%%sh
box="contain-lab run --rm --hostname box"
writable="test -w /proc/sys/kernel/core_pattern && echo core_pattern: writable"
$box --skip make_path_readonly busybox sh -c "cat /proc/sys/kernel/hostname; $writable"

# %% id="reveal-own" kind="Explain"
reveal("mounts-own")

# %% [markdown] id="readonly-explained"
# ## Build: read-only
#
# A file system can be mounted read-only. But `/proc` as a whole must stay writable: a process sets its own name there, and
# more. Only **some paths** of it shall be closed. Read-only is an attribute of a *mount*, so make a mount of the path
# first: a bind mount over itself, as with the root in lab 04. Then give that one the attribute. Here is the step for the
# root, which is a mount already:

# %% id="worked-readonly" kind="Run"
print(getsource(rootfs.make_root_readonly))

# %% [markdown] id="build-readonly-task"
# *Moderate, 10 minutes.* Write `make_path_readonly(root, path)`:
#
# 1. Open the place below the root. Kernels differ in what they have in `/proc`: if it is not there, there is nothing to do.
# 2. Make a detached copy of what is mounted there. `open_tree` takes a descriptor and the path `""` if `AT_EMPTY_PATH` is
#    among its flags. Copy what is mounted below, too.
# 3. Make the copy read-only, with all that is mounted below. It is still detached, so nobody can write in between.
# 4. Attach it where it was taken from.

# %% id="build-make_path_readonly" build="make_path_readonly"
# 1. files.open_in_root raises FileNotFoundError where nothing is
# 2. open_tree on that descriptor, with four flags
# 3. mount_setattr on the copy
# 4. attach

# %% id="check-readonly" check="mounts.readonly"

# %% [markdown] id="masked"
# ## Masked
#
# Some paths shall not even be read: `/proc/kcore` is the memory of the machine, `/proc/timer_list` tells what every process
# of it waits for. They are **masked**: something harmless is mounted over them. A folder is covered by an empty file system,
# a file by the device `/dev/null`. (Kernels differ in which of these files they have. What is not there is not masked.)

# %% id="run-masked" kind="Run"
# !contain-lab run --rm busybox sh -c "wc -c < /proc/timer_list; ls /sys/firmware | wc -l"
# !contain-lab intruder --only timers --skip mask_path

# %% [markdown] id="dev"
# Where does `/dev/null` come from? Not from the image. The runtime mounts an empty tmpfs on `/dev`, and makes six nodes in
# it. A **device node** is a name for two numbers; the kernel knows by them which driver is meant (1 and 3: the null device).
# That is all that a container needs of `/dev`, and it is not the host's disks.

# %% id="run-dev" kind="Run"
# !contain-lab run --rm busybox stat -c "%n is a %F, numbers %t and %T" /dev/null /dev/zero

# %% [markdown] id="dev-explained"
# A runtime that took whatever is called `/dev/null` in the container could be led astray. This image has a link there:

# %% id="make-evil-null" kind="Run"
# !mkdir -p evil/dev evil/proc/sys/kernel && touch evil/secret evil/proc/sys/kernel/core_pattern
# !ln -sfn /proc/sys/kernel/core_pattern evil/dev/null && readlink evil/dev/null

# %% id="predict-mask" kind="Predict"
predict("mounts-mask")

# %% id="run-mask" kind="Run"
%%sh
unshare --mount sh -c '
mount --bind evil/dev/null evil/secret
cmp evil/secret /proc/sys/kernel/core_pattern && echo the mask is core_pattern'

# %% id="reveal-mask" kind="Explain"
reveal("mounts-mask")

# %% [markdown] id="mask-explained"
# The package's step opens the node below the root, and then asks what it has got: a character device, numbers 1 and 3, or
# no mask. It refuses this image. Read the source: you know all its calls by now.

# %% id="run-mask-ours" kind="Run"
print(getsource(rootfs.mask_path))
try:
    rootfs.mask_path("evil", "/secret")
except Exception as error:
    print("refused:", error)

# %% [markdown] id="order-explained"
# ## Order
#
# *Moderate, 4 minutes.* All of it, together with lab 04.

# %% id="order" kind="Order"
order("mounts-start")

# %% [markdown] id="break"
# ## Break it
#
# **No devices.** Then nothing can mask a file:

# %% id="break-devices" kind="Break it"
# !contain-lab run --rm --skip make_devices busybox true

# %% [markdown] id="break-devices-explained"
# `ENOENT`: the step wanted `/dev/null`. It does not go on without a mask. A wall that is left out when something is
# missing is the wall that attackers look for. (An ordinary user may make no device nodes. There the runtime binds those of
# the host, and the step to skip is `bind_devices`.)
#
# **Root against a read-only mount.** The container's user is root. It tries to write, and to make the mount writable again:

# %% id="break-write" kind="Break it"
# !contain-lab run --rm busybox sh -c "echo core > /proc/sys/kernel/core_pattern; mount -o remount,rw /proc/sys"

# %% [markdown] id="break-write-explained"
# `Read-only file system` (EROFS) is the mount's answer, and being root does not help: it is not a matter of permission. The
# second, `permission denied`, is the kernel's EPERM: mounting takes CAP_SYS_ADMIN, which the runtime has given up.
# Without that second wall the first would stand for a moment.
#
# **A read-only root.** The package's step for it, which you have read above, is behind one option:

# %% id="break-root" kind="Break it"
# !contain-lab run --rm --read-only busybox sh -c "touch /note; touch /dev/shm/note && echo /dev/shm: written"

# %% [markdown] id="break-root-explained"
# `Read-only file system` for the root, and not for `/dev/shm`: that is a tmpfs, another mount, with attributes of its own. So a container
# can have a root that nobody changes, and a few places in memory to write to.
#
# All in all, this is how `/proc` of a default container looks from outside. (A masked file stands there as `tmpfs, /null of
# it`: that is the node `null` of the container's `/dev`, which is `/dev/null`. What is written to it is dropped.)

# %% id="start-box" kind="Run" tags=["nbval-ignore-output"]
box = background("busybox", "sleep", "600")
mount_tree(box.pid, "/proc")

# %% [markdown] id="wild"
# ## In the wild
#
# **runc** and **crun**, with some of their calls on mounts. (Where one is not installed, the cell says so.)

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "mounts")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "mounts")

# %% [markdown] id="wild-explained"
# In runc's lines you find your three steps: `MS_REC|MS_SLAVE` on `/`; `proc` mounted onto `/proc/self/fd/6`, a descriptor
# written as a path, because the old mount(2) takes none; `/proc/sys` bound over itself and made read-only. `/sys/firmware`
# shows how it masks: it tries `/dev/null`, hears ENOTDIR, and takes an empty tmpfs.
#
# runc closes paths after the pivot, as we do. crun does it before, while `/` is still the host's. So it opens each place
# with `openat2` and `RESOLVE_IN_ROOT`, and mounts onto the descriptor. (That `/proc/sys` is then bound and made read-only
# is in lines that name nothing but descriptors; they are left out.)
#
# - The lists of paths come from Docker, and all take them over: `maskedPaths` and `readonlyPaths` in the runtime's
#   config. `--privileged` empties both. In Docker as here, it is an option that takes walls away:

# %% id="wild-privileged" kind="In the wild"
# !contain-lab run --rm --privileged busybox sh -c "test -w /proc/sys/kernel/core_pattern && echo core_pattern: writable"

# %% [markdown] id="wild-volumes"
# - `docker run -v /disk:/disk:rslave` is this lab's propagation, for one volume. Kubernetes calls `rslave`
#   *HostToContainer* and `rshared` *Bidirectional*, and allows the second to privileged containers alone.
# - No tool of theirs is needed to see it. The host's `/proc` has the list of any container, ours and theirs:

# %% id="wild-proc" kind="In the wild"
# !grep -oE "/proc/(bus|fs|irq|sys) r[ow]" /proc/{box.pid}/mountinfo

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# A real container, with your steps in the place of ours:

# %% id="run-mine" kind="Run"
# !contain-lab run --rm --with my_runtime busybox ps

# %% [markdown] id="check-container-task"
# The check starts one on a stage where all mounts are shared, and reads its list from outside:

# %% id="check-container" check="mounts.container"

# %% [markdown] id="held"
# And the attack from the beginning:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only sysctl --with my_runtime

# %% [markdown] id="further"
# ## Further
#
# *Hard, 15 minutes, no check.* Since Linux 5.8 a proc file system takes the setting `subset=pid`: it shows processes, and
# nothing else. In a new cell with `%%build rootfs`, write another `mount_proc` that adds it to the options. Start a container
# with it, and list `/proc`. Then start one with `--skip make_path_readonly`, and let the intruder try `sysctl`
# (`!contain-lab intruder --only sysctl --with my_runtime --skip make_path_readonly`). Which steps of this lab would be needless?
# Try `free` and `top` in there, and you know why runtimes do not do it. Run your old Build cell again at the end.

# %% [markdown] id="clean"
# ## Clean up

# %% id="clean-up" kind="Clean up"
# !rm -rf evil folder
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `set_propagation`: a copy of the list of mounts that nobody else hears of.
# - `mount_proc`: a new `/proc`, at a place that is what it seems.
# - `make_path_readonly`: a mount over itself, for what belongs to the whole machine.
#
# In lab 06 the container loses the network of the host, and the intruder the service that it talks to there.
