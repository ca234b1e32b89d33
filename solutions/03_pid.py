# %% [markdown] id="title"
# # Lab 03. PID: process 1
#
# *60 minutes. You build three steps, all of them moderate.*
#
# A container sees its own processes and no others, and they are numbered from 1. The one with number 1 is not like the
# others: signals bounce off it, orphans are given to it, and its end is the end of all. In this lab you make a process 1,
# see to it that it does not outlive its runtime, and write an **init**, which does the duties of process 1.
#
# At the end you can
#
# - say which numbers a process has, and where;
# - write `clone_into_namespaces`, `die_with_parent` and `reap_children`;
# - explain why `ps` lies, why `docker stop` is slow, and where zombies come from.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("03")

# %% [markdown] id="attack"
# ## The attack
#
# Many programs take a password on their command line. On a stage a neighbour has done so. The intruder looks for it, and
# then ends the neighbour:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only neighbour --only kill --skip clone_into_namespaces

# %% [markdown] id="attack-explained"
# Both work from the container, too. It has its own root file system, its own name and its own queues, but it was made
# without the step of this lab. So it shares the host's processes: whoever has their numbers can read about them in
# `/proc`, and root can send them any signal.
#
# ## Recall

# %% id="recall" kind="Recall"
recall("03")

# %% [markdown] id="numbers"
# ## One process, many numbers
#
# A **PID namespace** is a space of process numbers. A new one begins with number 1, and it lies *in* the one where it was
# made, as a folder lies in a folder. man: pid_namespaces(7).

# %% id="predict-levels" kind="Predict"
predict("pid-levels")

# %% [markdown] id="levels-command"
# `unshare --pid --fork` makes a PID namespace and a child in it, and the child executes the rest of the line. The line
# `NSpid` of `/proc/PID/status` has the numbers, that of the host first:

# %% id="run-levels" kind="Run"
# !unshare --pid --fork unshare --pid --fork grep NSpid /proc/self/status

# %% id="reveal-levels" kind="Explain"
reveal("pid-levels")

# %% [markdown] id="tree"
# Here is a container with three processes, drawn from both sides. The picture is made of nothing but these lines:

# %% id="run-tree" kind="Run"
box = background("busybox", "sh", "-c", "sleep 600 & sleep 601 & wait")
process_tree(box.pid)

# %% [markdown] id="tree-explained"
# The runtime, `contain-lab`, is the parent of process 1, and it has no number inside. So what is process 1 told when it
# asks for its parent?

# %% id="run-ppid" kind="Run"
# !contain-lab run --rm busybox sh -c 'echo "I am process $$, and my parent is process $PPID"'

# %% [markdown] id="unshare-question"
# 0 is nobody's number. It stands for a parent outside the namespace; you will need this.
#
# ## Who gets number 1?
#
# In labs 01 and 02 a process called unshare, and was in the new namespace. Now the same with `CLONE_NEWPID`.

# %% id="predict-unshare" kind="Predict"
predict("pid-unshare")

# %% id="run-unshare" kind="Run"
%%python
import os
from contain_lab import syscalls
before = os.getpid()
syscalls.unshare(syscalls.CLONE_NEWPID)
print("my number is", "as before" if os.getpid() == before else "another", flush=True)
if os.fork() == 0:
    print("I am its child, process", os.getpid())

# %% id="reveal-unshare" kind="Explain"
reveal("pid-unshare")

# %% [markdown] id="enomem-question"
# That is awkward for a runtime: whatever it starts *later* would be in the container's namespace, too. And there is a
# trap.

# %% id="predict-enomem" kind="Predict"
predict("pid-enomem")

# %% id="run-enomem" kind="Break it"
%%python
import errno, os
from contain_lab import syscalls
syscalls.unshare(syscalls.CLONE_NEWPID)
first = os.fork()
if first == 0:
    os._exit(0)
os.waitpid(first, 0)
try:
    os.fork()
except OSError as error:    # where there are too many processes, this is EAGAIN
    print(errno.errorcode[error.errno], error.strerror)

# %% id="reveal-enomem" kind="Explain"
reveal("pid-enomem")

# %% [markdown] id="clone"
# ## Build: a child in new namespaces
#
# So this kind is made in another way. **clone(2)** is `fork` with flags: it makes a child, and the flags `CLONE_NEW…` say
# in which new namespaces the child begins. The caller stays where it is. `clone3` is its newer form, and
# `syscalls.clone3(flags)` takes the flags alone.
#
# Each flag is a number with one bit set. Several are put together with the operator `|`, bit by bit. A worked example:

# %% id="worked-flags" kind="Run"
from contain_lab import syscalls
uts, ipc = syscalls.CLONE_NEWUTS, syscalls.CLONE_NEWIPC
for flags in (uts, ipc, uts | ipc):
    print(f"{flags:032b}", syscalls.flag_names(flags, "CLONE_NEW"))

# %% [markdown] id="clone-task"
# *Moderate, 7 minutes.* Write `clone_into_namespaces(kinds)`. `kinds` has names such as `("pid",)` or `("uts", "pid")`;
# from a name `namespaces.KINDS` leads to the pair (its file, its flag), as in lab 01. Return what clone3 returns. Like
# fork it returns **twice**: the child's number in the parent, and 0 in the child.

# %% id="build-clone_into_namespaces" build="clone_into_namespaces"
# 1. begin with no flag at all: 0
# 2. for each kind: add its flag
# 3. clone3, and return its result

# %% id="check-clone" check="pid.clone"

# %% [markdown] id="proc-question"
# ## Why ps lies
#
# `ps` has no system call of its own. It reads the folders of `/proc`, one a process.

# %% id="predict-proc" kind="Predict"
predict("pid-proc")

# %% id="run-proc" kind="Run"
import os
# !unshare --pid --fork sh -c "ls -d /proc/{os.getpid()}; kill -0 {os.getpid()}"

# %% id="reveal-proc" kind="Explain"
reveal("pid-proc")

# %% [markdown] id="proc-cure"
# The cure is a new mount of proc, made from inside. `unshare` has an option for it; in your runtime it is a step of lab 05:

# %% id="run-mount-proc" kind="Run"
# !unshare --pid --fork --mount-proc sh -c "ls -d /proc/{os.getpid()}; kill -0 {os.getpid()}"

# %% [markdown] id="init-signals"
# ## Process 1 is not like the others
#
# **Signals.** The next box runs a `sleep` and nothing else, so that is its process 1.

# %% id="predict-term" kind="Predict"
predict("pid-term")

# %% id="run-term" kind="Run"
import signal, time
box = background("busybox", "sleep", "600")
os.kill(box.pid, signal.SIGTERM)
time.sleep(0.3)
print(box)

# %% id="reveal-term" kind="Explain"
reveal("pid-term")

# %% [markdown] id="kill-inside"
# From inside not even SIGKILL helps:

# %% id="run-kill-inside" kind="Break it"
# !contain-lab run --rm busybox sh -c "kill -KILL 1; echo still here"

# %% [markdown] id="init-end"
# Only SIGKILL *from outside* ends a process 1 that has no handlers. `docker stop` sends SIGTERM, waits ten seconds, and
# then does this. Now you know why it so often takes ten seconds.
#
# **Its end is the end of all.** A box with a second process; we kill process 1 alone:

# %% id="run-end" kind="Break it"
box = background("busybox", "sh", "-c", "sleep 600 & wait")
(other,) = map(int, open(f"/proc/{box.pid}/task/{box.pid}/children").read().split())
os.kill(box.pid, signal.SIGKILL)
box.stop()
print("the other process", "lives" if os.path.exists(f"/proc/{other}") else "has gone, too")

# %% [markdown] id="init-orphans"
# That is how a container is ended: one signal to one process, and the kernel does the rest.
#
# **Orphans.**

# %% id="predict-orphan" kind="Predict"
predict("pid-orphan")

# %% [markdown] id="orphan-code"
# In the box a shell in brackets starts a `sleep 1` in the background and ends. Process 1 becomes `sleep 600` meanwhile.
# We look when that has happened, and again when the second has passed. (The shell in brackets was process 2,
# so its `sleep 1` is 3.)

# %% id="run-orphan" kind="Run"
box = background("busybox", "sh", "-c", "(sleep 1 &); sleep 0.2; exec sleep 600")
time.sleep(0.5)
process_tree(box.pid)

# %% id="reveal-orphan" kind="Explain"
reveal("pid-orphan")

# %% id="run-zombie" kind="Run"
time.sleep(1)
process_tree(box.pid)

# %% [markdown] id="zombie-explained"
# A **zombie** is a process that has ended and whose parent has not asked how. Its memory is free; its number is not, for
# the parent may still ask. `sleep` never asks: it does not know that it is somebody's parent. A server that leaves an
# orphan with each request fills its container with zombies, until there are no numbers left.
#
# ## Order
#
# *Easy, 3 minutes.* So a container wants a process 1 that asks. Such a program is called an init.

# %% id="order" kind="Order"
order("pid-init")

# %% [markdown] id="reap"
# ## Build: an init
#
# wait(2) waits until *any* child ends, and takes its status: `os.wait()` gives the pair (pid, status). One number holds
# both ways to end. `os.waitstatus_to_exitcode` takes it apart. A worked example (`posix_spawn` is fork and execve in one):

# %% id="worked-status" kind="Run"
%%python
import os
for how in ("exit 7", "kill -TERM $$"):
    child = os.posix_spawn("/bin/sh", ["sh", "-c", how], os.environ)
    _, status = os.wait()
    print(f"{how:13} status {status:4}, exit code {os.waitstatus_to_exitcode(status)}")

# %% [markdown] id="reap-task"
# `-15` says that signal 15 ended it. A process can exit with 0 to 255 only, so shells and runtimes say 128 + 15 = 143 in
# that case, and so shall you.
#
# *Moderate, 8 minutes.* Write `reap_children(child)`. It is called in process 1, when the program of the container is
# running already, as the process `child`. Wait for whoever ends, again and again, and return the exit code of `child`
# when it is the one.
#
# The trial and the check run your function as process 1. It has four children there: number 2 is the main one, two orphans
# end soon, and one orphan runs on.

# %% id="build-reap_children" build="reap_children"
# Again and again, for ever:
#   wait for anybody
#   if it was our child: return its exit code, or 128 and the number of the signal

# %% id="check-reap" check="pid.reap"

# %% [markdown] id="parent-question"
# ## Build: not longer than its parent
#
# The other way round: what if the *parent* ends first?

# %% id="predict-parent" kind="Predict"
predict("pid-parent")

# %% [markdown] id="parent-code"
# A parent, its child, and a `kill -9` for the parent:

# %% id="run-parent" kind="Run"
%%python
import os, time
runtime = os.fork()
if runtime == 0:
    if os.fork() == 0:
        time.sleep(0.3)
        print("child: my runtime has gone, and I go on")
    else:
        time.sleep(600)
else:
    time.sleep(0.1)
    os.kill(runtime, 9)
    time.sleep(0.6)

# %% id="reveal-parent" kind="Explain"
reveal("pid-parent")

# %% [markdown] id="parent-task"
# This child would be root, in a half-made container, with the host's file systems still in its reach. Nobody would know of
# it. **prctl(2)** has an option against it: with `PR_SET_PDEATHSIG` a process asks for a signal at its parent's end.
#
# Three things to know before you write it:
#
# - Which signal? The child will be process 1, and there is one only that it cannot be deaf to. The cell imports it.
# - The signal is sent *when* the parent ends. If the parent ended a moment before you asked, it never comes. So ask first,
#   and then look who the parent is: `os.getppid()`. If it is another one already, raise an error.
# - A parent outside the PID namespace has no number inside. In that case `os.getppid()` says **0**, and all is well.
#
# *Moderate, 7 minutes.* Write `die_with_parent(parent)`. `syscalls.prctl(option, value)` makes the call;
# `ContainLabError("…")` is an error that the runtime shows as it is.

# %% id="build-die_with_parent" build="die_with_parent"
# 1. ask the kernel for the signal
# 2. see that the parent is the one we were told, or has no number here

# %% id="check-parent" check="pid.parent"

# %% [markdown] id="parent-twice"
# The runtime takes this step twice:

# %% id="explain-twice" kind="Run"
# !contain-lab run --rm --explain busybox true | grep -o -E "die_with_parent|become_user"

# %% [markdown] id="parent-traps"
# A change of user clears the request, since a process may not kill what it has no right to kill. So it is asked for again
# afterwards. One more trap is the word *parent*. It means the **thread** that made the child, and not its process. A
# server that starts containers from short-lived threads kills them by accident.
#
# ## In the wild
#
# What do runc and crun call to make their processes? (Where one is not installed, the cell says so.)

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "processes")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "processes")

# %% [markdown] id="wild-explained"
# crun 1.8 does as you did: one clone. (It passes all flags at once. Our runtime passes `CLONE_NEWPID`, which cannot be had
# in another way, and takes the other kinds one by one, so that each can be seen.) runc 1.1 makes **three** processes, and you can say why. The first
# clone starts `runc init`. That clones a second one, which calls unshare with all flags, `CLONE_NEWPID` among them. This
# moves only its children, so it has to clone once more, and the third is process 1. `CLONE_PARENT` makes each of them a
# child of runc itself, which can then wait for the last. (`PR_SET_CHILD_SUBREAPER` has the same end: who loses its parent
# below such a process is given to that process, and not to process 1.) (runc is written in Go, whose programs always have several
# threads. The part that makes processes is C, and runs before Go begins: `libcontainer/nsenter/nsexec.c`.)
#
# **An init** is a choice of the user. `docker run --init` puts **tini** before the program, `podman run --init`
# **catatonit**. In Kubernetes the containers of a Pod have PID namespaces of their own, unless `shareProcessNamespace` is
# set: then `pause` is process 1 of all, and reaps. With `--pid=host`, which Docker and Podman have, a container is in the
# host's PID namespace, and the attack of the beginning works.
#
# ## Your runtime

# %% id="run-mine" kind="Run"
# !contain-lab run --rm --with my_runtime busybox ps

# %% [markdown] id="mine-init"
# That was the program as process 1. With `--init` your `reap_children` is process 1, and the program its child. The program
# below leaves two orphans and becomes a `sleep`, which never asks for them. They end soon; a
# moment later a child of it counts the zombies. First without an init, then with yours:

# %% id="run-mine-init" kind="Run"
program = "(sleep 0.2 &); (sleep 0.2 &); (sleep 0.6; cat /proc/[0-9]*/status | grep -c zombie) & exec sleep 1"
# !contain-lab run --rm --with my_runtime busybox sh -c "{program}"
# !contain-lab run --rm --init --with my_runtime busybox sh -c "{program}"

# %% id="check-container" check="pid.container"

# %% [markdown] id="real-init"
# ### The real one beside it
#
# Your init is a Python process, and it is in there together with the user's program. For a lesson this is fine. Else no
# Python is ever process 1 of our containers: it would cost megabytes, and `/proc/1/exe` would lead to the interpreter of
# the host (CVE-2019-5736 was such a case in runc). The init of the package is machine code. Its text says what it does
# more than yours. Three words in it are new. The *trampoline* is the small program that waits in a container until it is
# started, and then executes the user's. Its file is in memory, and *sealed*: nobody can change it any more. *SI_KERNEL*
# marks a signal that no process has sent, but the kernel itself:

# %% id="show-init" kind="Run"
from contain_lab.container import init
print(init.__doc__)

# %% [markdown] id="init-passes"
# It passes signals on. So here is the test from above once more, with `--init`: SIGTERM for process 1, on the host.

# %% id="run-init-term" kind="Run"
box = background("busybox", "sleep", "600", options="--init")
os.kill(box.pid, signal.SIGTERM)
box.run.wait(timeout=5)
print(box)

# %% [markdown] id="held"
# And the attacks from the beginning, against a container that your steps have made:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only neighbour --only kill --with my_runtime

# %% [markdown] id="further"
# ## Further
#
# *Hard, 20 minutes, no check.* Teach your init to pass SIGTERM on: before it waits, `signal.signal` sets a handler that
# sends the signal to `child`. (`os.wait` is called again by Python when a signal has come in between.) Start
# `contain-lab run --rm --init --with my_runtime busybox sleep 600` in a terminal, and `kill` that command from another.
# What would have to be done about Ctrl-C in a terminal, which reaches every process in the foreground? Read in
# `../contain_lab/container/init.py` how it is done there.
#
# ## Clean up

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `clone_into_namespaces`: a child that begins in new namespaces. unshare would move only children, and its caller's later
#   ones, too.
# - `reap_children`: what process 1 owes the others. It waits for all, and ends with one.
# - `die_with_parent`: no container without its runtime, as long as it is being made.
#
# `/proc` shows the PID namespace of whoever mounted it.
#
# In lab 04 the intruder reads the host's files, and breaks out of a chroot.
