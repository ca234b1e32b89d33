# %% [markdown] id="title"
# # Lab 00. A container is a process
#
# *25 minutes. You build nothing yet: you look.*
#
# In this course you write a container runtime: the program that does what `runc` does under Docker and `crun` under
# Podman. You write it one system call at a time, and from lab 01 on it starts real containers.
#
# This lab answers one question: **what is a container?** At the end you can
#
# - tell what `fork` and `execve` do, and what they leave as it is;
# - find a container's process on the host, and say which of its numbers is which;
# - read in `/proc` what a process shares with its neighbours.
#
# Run each cell with Shift-Enter, from the top. When a cell asks for a choice, choose first, then run the next one.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("00")

# %% [markdown] id="runtime-so-far"
# This picture opens every lab. Each box is a **step** of the start of a container: a short function that makes one or
# two system calls. The steps stand in **rooms**, one room for each mechanism of the kernel. All boxes are grey now: all
# steps are ours. A step that you write takes the place of ours, and its box turns green when a check has passed.
#
# (To have any picture of this course in words, print it: `print(begin("00"))`.)

# %% [markdown] id="intruder"
# ## The intruder
#
# Why would anyone want a container? Because of programs like the next one. The **intruder** is a small program with
# some fifteen attacks. Each is tried twice: by a plain process that runs as root, and from a container that our runtime
# makes. Your machine is not what is attacked. Each attack plays on a stage of its own, a stand-in for a machine, and
# the stage goes away afterwards.

# %% id="board" kind="Run" tags=["nbval-ignore-output"]
# !contain-lab intruder

# %% [markdown] id="board-explained"
# Read the column **plain** first. A process that runs as root can do all of this, and there is nothing odd about it:
# that is what root means.
#
# Then read the column **container**: the same program, the same user, the same kernel. Everything is held. The column
# **lab** says where you build the step that holds the attack. Behind each `held` stand a few system calls, and this course
# goes through them.

# %% [markdown] id="fork-exec"
# ## Processes, before containers
#
# Two system calls start every program on Linux. **fork(2)** makes a second process, a copy of the caller. **execve(2)**
# loads another program into the process that calls it.
#
# ## Predict

# %% id="predict-exec" kind="Predict"
predict("exec-pid")

# %% id="run-exec" kind="Run"
# !sh -c 'echo "before: process $$"; exec sh -c "echo after:  process \$\$"'

# %% id="reveal-exec" kind="Explain"
reveal("exec-pid")

# %% [markdown] id="exec-explained"
# The shell word `exec` calls `execve` without a `fork` before it. Keep the result in mind: **execve changes the program,
# not the process.** Memory is replaced; the number, the parent, the namespaces, the root and the open files stay. A
# runtime lives from this. It takes a process, gives it new namespaces, another root and a name, and executes the user's
# program last. The program wakes up in a prepared world and need not know.
#
# Here are both calls together, in Python. The cell runs in a process of its own, not in the notebook: a notebook has
# many threads, and `fork` copies only the one that calls it.

# %% id="run-fork" kind="Run"
%%python
import os
pid = os.fork()
if pid == 0:
    os.execvp("echo", ["echo", "child: I am echo now"])
os.waitpid(pid, 0)
print("parent: I am still Python")

# %% [markdown] id="fork-explained"
# `fork` returned twice: 0 in the child, the child's number in the parent. So the `if` is true in the child alone. The
# last two lines are reached by the parent alone, because in the child there is no Python any more. `waitpid` waits for
# the child's end and takes its exit status. man: fork(2), execve(2), wait(2).
#
# ## Order
#
# *Easy, 3 minutes.* What does a shell do when you type `ls`?

# %% id="order-run" kind="Order"
order("run-a-program")

# %% [markdown] id="first-container"
# ## A first container
#
# `contain-lab run IMAGE COMMAND` starts a container. An **image** is a folder of files; `busybox` is a small one, with
# one program that plays some hundred Unix commands. `--rm` removes the container when its command has ended.

# %% id="predict-ps" kind="Predict"
predict("ps-inside")

# %% id="run-ps" kind="Run"
# !contain-lab run --rm busybox ps

# %% id="reveal-ps" kind="Explain"
reveal("ps-inside")

# %% [markdown] id="no-boot"
# Nothing was booted. There is no init, no logger, no login. The container *is* the process `ps`, and when that ended,
# the container had ended.
#
# Is there a second kernel, as in a virtual machine? When a kernel boots, it draws a random number and keeps it until it
# goes down, in `/proc/sys/kernel/random/boot_id`. We read it on both sides:

# %% id="run-kernel" kind="Run"
# inside = !contain-lab run --rm busybox cat /proc/sys/kernel/random/boot_id
# outside = !cat /proc/sys/kernel/random/boot_id
print("one kernel" if inside == outside else f"two kernels: {inside} {outside}")

# %% [markdown] id="both-sides"
# ## From both sides
#
# Now a container that stays for a while. `background` types the same command as you did, and does not wait for its end.

# %% id="predict-sides" kind="Predict"
predict("two-sides")

# %% id="start-box" kind="Run"
box = background("busybox", "sleep", "600")
print(box)

# %% id="look-outside" kind="Run"
# !grep -E "^(Name|PPid|NSpid)" /proc/{box.pid}/status

# %% id="reveal-sides" kind="Explain"
reveal("two-sides")

# %% [markdown] id="sides-explained"
# The file `/proc/PID/status` is the kernel's record of a process. We read it **on the host**, by the host's number. The
# last line, `NSpid`, has two numbers: one process, called by the first number here and by `1` in its container. So when
# somebody says "process 1", ask: process 1 of which namespace?
#
# A container is no box with things in it. It is a process that the kernel tells less than others. What it is told
# depends on its **namespaces**, and they are files, too:

# %% id="list-namespaces" kind="Run"
# !find /proc/{box.pid}/ns -type l -not -name "*_for_children" -printf "%f -> %l\n" | sort

# %% [markdown] id="namespaces-explained"
# Each line is a kind of namespace and the one that this process is in. The number in brackets is an inode, as a file has
# one. **Two processes are in the same namespace if their inodes are the same**, and that is the whole test. Let us make
# it for this notebook and the container:

# %% id="table" kind="Run"
import os
show_namespaces({"this notebook": os.getpid(), "the container": box.pid})

# %% [markdown] id="table-explained"
# `B` in the second row: of this the container has its own. `A`: it shares it with the notebook.
#
# Six are its own. Two are shared. `time` holds offsets of clocks, and few need their own. `user` matters more: **root in
# this container is root on the host.** It is kept from harm by the other walls, and by the privileges that it was made
# to give up. In lab 07 you build the missing one. man: namespaces(7).
#
# ## The plan
#
# How did the process come to this? By the steps of the first picture. That has them room by room; `--explain` prints
# them in the order in which they are taken, and does nothing. Here are those of the room `namespaces`:

# %% id="explain" kind="Run"
# !contain-lab run --rm --explain --hostname box busybox true | grep -o "namespaces[.].*"

# %% [markdown] id="trace-explained"
# `--trace` runs the container and prints each step when it is taken, the system calls below it, how long each took, and
# the manual page that describes it. We keep the lines on names:

# %% id="trace" kind="Run"
# !contain-lab run --rm --trace --hostname box busybox true 2>&1 | grep -E "child.*(uts|hostname|NEWUTS)"

# %% [markdown] id="your-own-steps"
# Two steps, two system calls, some millionths of a second: this is how the container got a name of its own. In lab 01
# both steps are yours.
#
# The whole start as a drawing:

# %% id="timeline" kind="Run" tags=["nbval-ignore-output"]
timeline("--hostname", "box", "busybox", "true")

# %% [markdown] id="timeline-explained"
# Each line is a step, from the top in the order in which they began, and its bar says when and how long it ran. From
# `clone_into_namespaces` on there are two processes, parent and child, and both go on at the same time. Where the child
# has a gap, it waits: until its parent's `add_process` has put it into its control group. The names at the right lead to
# the manual pages.
#
# What does the child become on the way? Move the slider, by mouse or with the arrow keys. The table shows the process
# before and after the step; what the step has changed is bold.

# %% id="play-start" kind="Run"
play_start()

# %% [markdown] id="play-start-explained"
# Look for three steps: the one after which the process has a root of its own, the one that takes most of its privileges
# away, and the last one. After it the child executes your program, and there is nothing left to prepare. (In a terminal,
# `../.venv/bin/contain-lab run --rm -it --break set_hostname busybox sh` stops at such a place, and gives you a shell there.)
#
# ## Break it
#
# Three ways to hurt a container, or to try. First, a program that is not there:

# %% id="break-program" kind="Break it"
# !contain-lab run --rm busybox no-such-program; echo "exit status $?"

# %% [markdown] id="break-program-explained"
# `ENOENT` is the kernel's word for "no such file or directory". The message begins with the step that failed, and 127 is
# what shells say, too, when they find no program. Second, a step that fails. `--fail` puts an error in its place, as if
# the kernel had refused it:

# %% id="break-step" kind="Break it"
# !contain-lab run --rm --fail unshare_uts=EPERM busybox true; echo "exit status $?"

# %% [markdown] id="break-step-explained"
# `EPERM`: operation not permitted. You would see the same without root. The steps before it had made a folder, a process
# and a control group. They were undone, the last first; the clean-up cell below counts that nothing is left.
#
# Third, the container tries to kill this notebook, by its number on the host:

# %% id="break-kill" kind="Break it"
# !contain-lab run --rm busybox kill -9 {os.getpid()}

# %% [markdown] id="break-kill-explained"
# Not "forbidden" but **"no such process"** (`ESRCH`). This is what a namespace does: it does not guard a thing, it leaves
# no name for it. The other way round it works: the host has a number for every process of the container. That is how
# this lab stops its box at the end.

# %% [markdown] id="wild"
# ## In the wild
#
# `docker run` asks a server, dockerd, which asks another, containerd, which starts **runc**. `podman run` starts **crun**
# or runc itself. All of them end where we did: at a process with namespaces of its own, which you find in `/proc`. There
# is no call `create_container` in Linux, and no list of containers in the kernel. Container is a word of ours, for a
# process that was started with care.
#
# `lsns` of util-linux reads `/proc/*/ns` of all processes, and knows no runtime by name. Without an option it lists all
# namespaces of the machine, those of Docker's containers among them. We keep those whose first process is our `sleep`:

# %% id="lsns" kind="In the wild"
# !lsns --task {box.pid} --output TYPE,COMMAND | grep sleep | sort

# %% [markdown] id="doctor"
# What this machine can do is for `doctor` to say. Where a lab cannot run, it says why, and the way out:

# %% id="run-doctor" kind="In the wild" tags=["nbval-ignore-output"]
# !contain-lab doctor | tail -n 14

# %% [markdown] id="last-run"
# ## Held
#
# Two attacks of the board once more, now with their commands. You know why the second column says `held`: the container
# has its own PID namespace, so the neighbour has no number in it, and no folder in its `/proc`.

# %% id="board-again" kind="Run"
# !contain-lab intruder --only neighbour --only kill

# %% [markdown] id="terminal"
# To walk about in a container, open a terminal (*File → New → Terminal*; it begins in the folder of the labs) and type
#
# ```console
# ../.venv/bin/contain-lab run --rm -it busybox sh
# ```
#
# Try `ps`, `ls /`, `hostname`, `id`, `mount`. Then `exit`.
#
# ## Clean up
#
# `box.stop()` kills process 1 of the container, by its number on the host. Then we count what this lab has left on the
# machine. Anything but zero is an error.

# %% id="clean-up" kind="Clean up"
box.stop()
clean_up()

# %% [markdown] id="next"
# ## What you have seen
#
# - A container is a process. The host sees it, by another number.
# - `execve` changes the program, not the process: so the world is prepared first, and the program comes last.
# - A namespace decides what names a process has for things. Same inode in `/proc/PID/ns`: same namespace.
# - A runtime is a list of steps, and each is a few system calls.
#
# Next: [01 UTS: a name of its own](01_uts.ipynb).
