# %% [markdown] id="title"
# # Lab 02. IPC: queues and memory of its own
#
# *35 minutes. You build two steps: one easy, one moderate.*
#
# Two programs that want to talk can share a piece of memory, or leave each other messages in a queue. The kernel keeps
# these things, and hands them to whoever asks by the right number. In this lab a container gets a set of its own, with
# limits of its own.
#
# At the end you can
#
# - say what an IPC namespace holds, and which shared memory it does **not** hold;
# - write `unshare_ipc` and `set_sysctl`;
# - tell a kernel parameter of a namespace from one of the whole machine.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("02")

# %% [markdown] id="attack"
# ## The attack
#
# A program on the host has put something into shared memory. We start a container without the step that this lab is
# about, and let the intruder look:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only memory --skip unshare_ipc

# %% [markdown] id="attack-explained"
# `works`, twice. The intruder read a file, `/proc/sysvipc/shm`: the kernel's list of shared memory, with the number that
# opens each piece. Its own root, its own processes and its own name have not helped: this list is not a matter of files
# or of processes.
#
# ## Recall

# %% id="recall" kind="Recall"
recall("02")

# %% [markdown] id="what-ipc-is"
# ## What is in it
#
# **IPC** means *interprocess communication*. Pipes and sockets are IPC, too, but an **IPC namespace** holds only these:
#
# | | made by | called by | listed by |
# |---|---|---|---|
# | System V shared memory | shmget(2) | a key: a number | `ipcs --shmems` |
# | System V message queues | msgget(2) | a key | `ipcs --queues` |
# | System V semaphores | semget(2) | a key | `ipcs --semaphores` |
# | POSIX message queues | mq_open(3) | a name, `/jobs` | a file system of type `mqueue` |
#
# Beside them it holds the kernel parameters that bound them. man: ipc_namespaces(7), sysvipc(7), mq_overview(7). (*System
# V* is the Unix of 1983 from which the first three come; POSIX made its own queues ten years later.)
#
# They are no files of a disk, so another root hides none of them. The `mqueue` file system is a window only: each file in
# it is a queue of the kernel, and to read it is to ask how full that is. A container has it at `/dev/mqueue`:

# %% id="run-mqueue" kind="Run"
# !contain-lab run --rm busybox sh -c "touch /dev/mqueue/jobs; ls /dev/mqueue; cat /dev/mqueue/jobs"
# !contain-lab run --rm busybox ls /dev/mqueue

# %% [markdown] id="mqueue-explained"
# `touch` made a queue: `QSIZE` says that it holds no byte yet. The second container has another IPC namespace, and there is
# nothing in its window.
#
# ## Predict

# %% id="predict-empty" kind="Predict"
predict("ipc-empty")

# %% [markdown] id="empty-command"
# Again we work on a stage: an IPC namespace that plays the host. In it `ipcmk` of util-linux makes a segment of 64 bytes,
# and `ipcs` lists what is there. The second `unshare` is the one that the question is about.

# %% id="run-empty" kind="Run"
%%sh
unshare --ipc sh -c '
ipcmk --shmem 64 > /dev/null
echo "on the stage:";           ipcs --shmems
echo "in a new IPC namespace:"; unshare --ipc ipcs --shmems'

# %% id="reveal-empty" kind="Explain"
reveal("ipc-empty")

# %% [markdown] id="persist"
# To whom does such a segment belong, and how long does it live?

# %% id="predict-persist" kind="Predict"
predict("ipc-persist")

# %% id="run-persist" kind="Run"
# !unshare --ipc sh -c "ipcmk --shmem 64; ipcs --shmems"

# %% id="reveal-persist" kind="Explain"
reveal("ipc-persist")

# %% [markdown] id="persist-explained"
# `nattch`, the number of processes that have it in their memory, is 0. Nobody uses it, and there it is. When the `sh` in
# the cell had ended, no process was left in that namespace. The kernel destroyed it, and the segment with it: a container
# cannot leave such things behind.
#
# ## Which shared memory?
#
# There is a second kind of shared memory, POSIX shared memory, and most programs of today use that one.

# %% id="predict-posix" kind="Predict"
predict("ipc-posix")

# %% [markdown] id="posix-code"
# `stand_apart` moves the process of the cell into mount, UTS and IPC namespaces of its own: nobody else sees what it
# mounts. `mount_tmpfs` mounts an empty file system in memory, here on `/dev/shm` (both in lab 05). Then the cell makes `/note` by
# shm_open, and moves into a new IPC namespace. At the end it covers `/dev/shm` by another empty file system.

# %% id="run-posix" kind="Run"
%%python
import os
from _posixshmem import shm_open
from contain_lab import namespaces, rootfs
from contain_lab.namespaces import ipc
namespaces.stand_apart()
rootfs.mount_tmpfs("/", "/dev/shm", ())
shm_open("/note", os.O_CREAT | os.O_RDWR, 0o600)
ipc.unshare_ipc()
print("in a new IPC namespace:", os.listdir("/dev/shm"))
rootfs.mount_tmpfs("/", "/dev/shm", ())
print("with another /dev/shm: ", os.listdir("/dev/shm"))

# %% id="reveal-posix" kind="Explain"
reveal("ipc-posix")

# %% [markdown] id="posix-explained"
# So two walls keep a container's shared memory apart: the IPC namespace for System V, and a file system on `/dev/shm` for
# POSIX. Our runtime builds both; the second one is among the mounts of lab 05. Now the first.
#
# ## Build: a namespace for it
#
# *Easy, 2 minutes.* You know the call from lab 01. Only the flag is another one: namespaces(7) lists them.

# %% id="build-unshare_ipc" build="unshare_ipc"
# One call, one flag: the kind of namespace that holds queues, semaphores and segments.

# %% id="check-unshare" check="ipc.unshare"

# %% [markdown] id="parameters"
# ## Parameters of a namespace
#
# How long may a message be? How much shared memory may there be? The kernel has a **parameter** for each such question,
# and each parameter is a file below `/proc/sys`. sysctl(8) writes the path with dots: `kernel.msgmax` is
# `/proc/sys/kernel/msgmax`, the greatest size of a System V message in bytes.

# %% id="predict-defaults" kind="Predict"
predict("ipc-defaults")

# %% id="run-defaults" kind="Run"
%%sh
unshare --ipc sh -c '
echo 9000 > /proc/sys/kernel/msgmax
echo "on the stage:";           cat /proc/sys/kernel/msgmax
echo "in a new IPC namespace:"; unshare --ipc cat /proc/sys/kernel/msgmax'

# %% id="reveal-defaults" kind="Explain"
reveal("ipc-defaults")

# %% [markdown] id="whose-parameter"
# It was one file, with one path, and two processes read two values from it. The kernel looks who reads, and gives him the
# parameter of his own IPC namespace. Not every parameter is so. Most belong to the machine:
#
# | parameters | belong to |
# |---|---|
# | `kernel.msg…`, `kernel.sem`, `kernel.shm…`, `fs.mqueue.…` | the IPC namespace |
# | `net.…` | the network namespace |
# | `kernel.hostname`, `kernel.domainname` | the UTS namespace |
# | nearly all others: `kernel.panic`, `vm.swappiness`, … | the machine |
#
# `contain-lab run` has an option for them, as Docker and Podman have:

# %% id="run-sysctl" kind="Run"
# !contain-lab run --rm --sysctl kernel.msgmax=9000 busybox cat /proc/sys/kernel/msgmax

# %% [markdown] id="order-task"
# ## Order
#
# *Easy, 3 minutes.* When must it be written, and by whom?

# %% id="order" kind="Order"
order("ipc-start")

# %% [markdown] id="private-proc"
# ## Build: set a parameter
#
# In a shell you would write `echo 9000 > /proc/sys/kernel/msgmax`, and be done. A runtime must not. When it comes to this
# step, its root is the **image** already, and `/proc` is a path like any other: an image, or a volume, may have put
# something of its own there. Let us play such an image, on a stage:

# %% id="run-fake" kind="Run"
%%sh
unshare --ipc --mount sh -c '
mount -t tmpfs cl-fake /proc
mkdir -p /proc/sys/kernel
echo 9000 > /proc/sys/kernel/msgmax
echo "what the path says:"; cat /proc/sys/kernel/msgmax
umount /proc
echo "the parameter:";      cat /proc/sys/kernel/msgmax'

# %% [markdown] id="fake-explained"
# No error, and nothing was set. A lost value is the mild case. If the path had been a link to another file of the real
# `/proc`, such as `/proc/sysrq-trigger`, the runtime, which is root, would have written there. This happened to runc
# (CVE-2019-16884, CVE-2025-52881).
#
# The way out is a `/proc` that has no path. Here is the worked example, two functions of the package:

# %% id="worked-open_proc" kind="Run"
from inspect import getsource
from contain_lab.namespaces import sysctl
print(getsource(sysctl.new_proc), getsource(sysctl.open_proc), sep="\n")

# %% [markdown] id="open_proc-explained"
# A mount takes three calls since Linux 5.2. **fsopen** begins a file system of a kind; what it gives is a descriptor to
# configure it. **fsconfig** creates it. **fsmount** makes a mount of it, and gives a descriptor of its top directory. A
# fourth call, move_mount, would hang it into the tree of paths. We leave that out. So this `/proc` stands nowhere: whoever
# has the descriptor can use it, and nobody can put anything in its way. Even our own process finds it by no path. man:
# fsopen(2), fsmount(2).
#
# `open_proc` is the one that you call: it returns the descriptor of such a `/proc`. The kernel does not let every user
# make one (lab 07). Then it returns a descriptor of the path `/proc`, but only if the kernel's own proc is mounted there.
#
# *Moderate, 10 minutes.* Write `set_sysctl(name, value)`. os.open(path, flags, `dir_fd=proc`) looks for the
# path in the directory that the descriptor `proc` stands for. The path must not begin with a slash: such a path begins at
# `/`, whatever `dir_fd` says.
#
# (The trial below the cell takes a parameter of a *network* namespace. In the sandbox your process is not the machine's
# root, and older kernels let nobody else write `kernel.msgmax`. For your function it is all one.)

# %% id="build-set_sysctl" build="set_sysctl"
# 1. a /proc that stands nowhere; whatever happens from here on, it is closed at the end
# 2. the file of the parameter in it: below "sys/", a slash for each dot of the name; open it for writing
# 3. write the value, as bytes; close the file, too

# %% id="check-sysctl" check="ipc.sysctl"

# %% [markdown] id="break"
# ## Break it
#
# **A parameter of the machine.**

# %% id="predict-host" kind="Predict"
predict("ipc-host")

# %% id="break-host" kind="Break it"
# !contain-lab run --rm --sysctl kernel.panic=7 busybox true; echo "exit status $?"

# %% id="reveal-host" kind="Explain"
reveal("ipc-host")

# %% [markdown] id="break-words"
# **A wrong value, a wrong name.** These two the kernel refuses, and your step must let the error through:

# %% id="break-value" kind="Break it"
# !contain-lab run --rm --with my_runtime --sysctl kernel.msgmax=many busybox true
# !contain-lab run --rm --with my_runtime --sysctl kernel.shmmost=1 busybox true

# %% [markdown] id="break-words-explained"
# `EINVAL`: that is no number. `ENOENT`: no file of this name, so no such parameter. Each error names the step, and what
# it was called with.
#
# **From inside.**

# %% id="predict-inside" kind="Predict"
predict("ipc-inside")

# %% id="break-inside" kind="Break it"
# !contain-lab run --rm busybox sh -c "echo 9000 > /proc/sys/kernel/msgmax"

# %% id="reveal-inside" kind="Explain"
reveal("ipc-inside")

# %% [markdown] id="break-half"
# **Half-built.** Is it so? `--break` stops after a step and opens a shell in what is there by then. We stop after
# `set_sysctl`, and do what the program may not:

# %% id="break-after" kind="Break it"
# !echo "echo 9001 > /proc/sys/kernel/msgmax; cat /proc/sys/kernel/msgmax" | contain-lab run --rm --break set_sysctl \
#   --sysctl kernel.msgmax=9000 busybox true

# %% [markdown] id="break-user"
# The steps that make `/proc/sys` read-only come later in the plan.
#
# **By another user.** On a stage once more, where `/proc/sys` is not read-only, we drop root and try:

# %% id="break-unprivileged" kind="Break it"
# !unshare --ipc setpriv --reuid=65534 --clear-groups sh -c "echo 9000 > /proc/sys/kernel/msgmax"

# %% [markdown] id="break-user-explained"
# `Permission denied` is the text of `EACCES`: the file belongs to root, and its mode is `rw-r--r--`. So there are three
# answers to one wish, and each tells who refuses: the mode of the file, the mount, or the kernel's own rule for the value.
#
# ## In the wild
#
# What do runc and crun write when their container gets `kernel.msgmax`? We look with strace, as in lab 01. (Where one is
# not installed, the cell says so.)

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "parameters")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "parameters")

# %% [markdown] id="wild-explained"
# Both first make the IPC namespace, then write. See where they look the parameter up: runc 1.1 goes by the path
# `/proc/sys/…` (`AT_FDCWD`: from the working directory, or from `/` where a path begins with a slash). crun 1.8 goes from
# a descriptor, here number 3, as you did. Since CVE-2025-52881 runc goes from a descriptor, too.
#
# **Docker** gives each container an IPC namespace of its own. `docker run --ipc=host` shares the host's, `--ipc=shareable`
# makes one that others may join with `--ipc=container:NAME`. Docker then hands them the first one's `/dev/shm` as well: it
# must, for you know that this is no part of the namespace. In **Kubernetes** the containers of a Pod share one IPC
# namespace; it is held by the Pod's first container, `pause`, which does nothing else. Parameters are called there
# `securityContext.sysctls`, and only a short list is allowed without the administrator's word.
#
# Who shares one you see by the test of lab 00:

# %% id="wild-proc" kind="In the wild"
import os
box = background("busybox", "sleep", "600")
mine, theirs = (os.readlink(f"/proc/{pid}/ns/ipc") for pid in ("self", box.pid))
print("the same IPC namespace" if mine == theirs else "two IPC namespaces")

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# A real container with your steps, and two parameters:

# %% id="run-mine" kind="Run"
# !contain-lab run --rm --with my_runtime --sysctl kernel.msgmax=9000 --sysctl fs.mqueue.msg_max=20 busybox \
#   sh -c "cat /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max"

# %% [markdown] id="check-container-task"
# The last check starts such a container itself, with values drawn at random, and asks the kernel from outside what holds
# in there and what holds here.

# %% id="check-container" check="ipc.container"

# %% [markdown] id="held"
# And the attack from the beginning:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only memory --with my_runtime

# %% [markdown] id="further"
# ## Further
#
# *Hard, 15 minutes, no check.* A network link may have a dot in its name: `eth0.5`. Then which file is
# `net.ipv4.conf.eth0.5.forwarding`? sysctl.d(5) has a rule: if the first separator of a name is a slash, dots stay as they
# are; if it is a dot, dots and slashes are exchanged. Teach it to your `set_sysctl`, and run its check again. Then find
# out by `--explain` and a look into `../contain_lab/spec.py` whether such a name reaches your step at all.
#
# ## Clean up

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `unshare_ipc`: no queue, no semaphore, no segment of the host any more. It begins empty.
# - `set_sysctl`: set a parameter of a namespace, through a `/proc` that stands nowhere.
#
# POSIX shared memory is files. It was never in here.
#
# In lab 03 the intruder reads a password from its neighbour's command line, and then kills it.
