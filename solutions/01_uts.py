# %% [markdown] id="title"
# # Lab 01. UTS: a name of its own
#
# *35 minutes. You build three steps: two easy, one moderate.*
#
# A machine has a name. `hostname` prints it, your shell shows it in its prompt, logs carry it. In a container you see
# another one. In this lab you make that so, and at the end a container that **your** steps have named runs under Podman.
#
# At the end you can
#
# - say what a UTS namespace holds, what it begins with, and what it does not hold;
# - write `set_hostname`, `unshare_uts` and `join_namespace`;
# - tell from `/proc` whether two processes share a name.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("01")

# %% [markdown] id="attack"
# The dashed boxes are the steps of this lab. One that you have written gets a solid line; it turns green, and the bar
# fills, with each check that has passed. The picture follows what you do further down.
#
# ## The attack
#
# We start a container **without** the step that this lab is about, and let the intruder give its host a name:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only hostname --skip unshare_uts

# %% [markdown] id="attack-explained"
# `works`, twice. The intruder needs no trick. It calls what the command `hostname` calls, and so does every container
# that is given a name. With nothing in between, the name that changes is the machine's.
#
# (The attack played on a stage, as in lab 00. Your machine is still called what it was.)
#
# ## Recall
#
# Two questions on lab 00. The button below them asks two others, as often as you like.

# %% id="recall" kind="Recall"
recall("01")

# %% [markdown] id="what-uts-is"
# ## What is in it
#
# **UTS** stands for *UNIX Time-sharing System*, the name of a structure in the kernel. uname(2) copies that structure to
# you: the system's name, the release, the machine, and two names that can be set. A **UTS namespace** holds these two:
# the **host name** and the NIS **domain name**. That is all. man: uts_namespaces(7).
#
# ## Predict

# %% id="predict-copy" kind="Predict"
predict("uts-copy")

# %% [markdown] id="unshare-command"
# The command `unshare` of util-linux makes one system call, unshare(2), and executes a program. In the cell we are on a
# stage first: a UTS namespace whose name is `the-host`. The second `unshare` is the one that the question is about.

# %% id="run-copy" kind="Run"
# !unshare --uts sh -c "hostname the-host; unshare --uts hostname"

# %% id="reveal-copy" kind="Explain"
reveal("uts-copy")

# %% [markdown] id="copy-or-window"
# A copy, then. But is it a copy or a window?

# %% id="predict-later" kind="Predict"
predict("uts-later")

# %% [markdown] id="later-command"
# The inner shell sleeps for a moment while the host takes another name, and only then asks:

# %% id="run-later" kind="Run"
%%sh
unshare --uts sh -c '
hostname the-host
unshare --uts sh -c "sleep 0.2; echo inside: ; hostname" &
sleep 0.1
hostname renamed
wait; echo outside: ; hostname'

# %% id="reveal-later" kind="Explain"
reveal("uts-later")

# %% [markdown] id="what-it-is-not"
# Three things that a host name is **not**:
#
# - It is not the file `/etc/hostname`. A start-up program reads that file once and calls sethostname(2). Later nobody looks.
# - It is not an address. Another name makes no other network: that is another namespace, and lab 06.
# - It is not bound to a process. It belongs to the namespace, and every process in there sees it change at once.
#
# ## Order
#
# *Easy, 3 minutes.* Before you write the calls, put them in order.

# %% id="order" kind="Order"
order("uts-start")

# %% [markdown] id="worked-example"
# ## Build: set a name
#
# First a worked example, from the package itself: the step for the *other* of the two names.

# %% id="worked-domainname" kind="Run"
from inspect import getsource
from contain_lab.namespaces import ipc, uts
print(getsource(uts.set_domainname))

# %% [markdown] id="worked-explained"
# This is the whole step. `syscalls` is the module with the kernel's words: one function for each system call, with the
# kernel's own name; `help(syscalls.setdomainname)` shows the arguments of a call. If the kernel refuses, it raises
# `OSError` with the kernel's errno. So a step checks nothing and catches nothing: what failed is told by the error.
#
# *Easy, 5 minutes.* Now write the step for the **host name**. The name of the system call is in sethostname(2).
#
# The first line of the cell, `%%build namespaces`, writes your function into `my_runtime/namespaces.py`, beside this
# notebook, and tries it once. The imports below it are all that the function needs.

# %% id="build-set_hostname" build="set_hostname"
# One call of the module syscalls, with the name that you are given.

# %% [markdown] id="try-check"
# The trial shows the system calls that you made. The check below does more: it runs your step in a fresh process, stops
# it there, and asks the kernel from outside, with a name drawn at random. If it fails, it says what it saw, what
# it expected, why that matters, and where to look. Stuck? `hint("uts.hostname")` helps a little; call it again for more.

# %% id="check-hostname" check="uts.hostname"

# %% [markdown] id="build-unshare"
# ## Build: a namespace for the name
#
# Your step sets a name. Whose?

# %% id="predict-without" kind="Predict"
predict("uts-without")

# %% id="run-without" kind="Run"
# !unshare --uts sh -c "hostname the-host; sh -c 'hostname box'; echo the host is called: ; hostname"

# %% id="reveal-without" kind="Explain"
reveal("uts-without")

# %% [markdown] id="unshare-explained"
# The inner shell was another process, and still the outer one has the new name. A child begins in the namespaces of its
# parent.
#
# So a process must **unshare** first: stop sharing, and go on with a copy of its own. unshare(2) takes a flag that says
# which kind. The caller itself moves; no new process is made. Here is the worked example, for another kind of namespace:

# %% id="worked-ipc" kind="Run"
print(getsource(ipc.unshare_ipc))

# %% [markdown] id="build-unshare-task"
# *Easy, 3 minutes.* The same for UTS. The flags are listed in namespaces(7).

# %% id="build-unshare_uts" build="unshare_uts"
# One call, one flag: the kind of namespace that holds the host name.

# %% id="check-unshare" check="uts.unshare"

# %% [markdown] id="enter"
# ## Build: enter a namespace that is there
#
# Two steps make a new namespace and name it. But how does a debugger, or `docker exec`, get **into** one that exists?
#
# A namespace is a file. `/proc/PID/ns/uts` stands for the UTS namespace that process PID is in. Here is a container, and
# `nsenter` of util-linux, which enters its UTS namespace and nothing else of it:

# %% id="start-box" kind="Run"
box = background("busybox", "sleep", "600", hostname="box")
# !nsenter --uts=/proc/{box.pid}/ns/uts hostname

# %% [markdown] id="enter-explained"
# The `hostname` that ran was the host's own program, with the host's files and the host's processes around it. Only the
# name was the container's. **Each kind of namespace is entered by itself**, and a process may be in any mixture.
#
# *Moderate, 10 minutes.* Write `join_namespace(path, kind)`. It takes two system calls and a third to tidy up:
#
# 1. `open` the file. What you get is a number, a file descriptor. With `O_CLOEXEC` it does not outlive `execve`.
# 2. `setns(descriptor, flag)` moves the caller. The flag says which kind you expect, and the kernel refuses another kind.
#    `namespaces.KINDS` leads from a kind's name to the pair (its file below `/proc/PID/ns`, its flag).
# 3. `close` the descriptor, **also when setns fails**. A descriptor that stays open keeps a namespace alive and, in a
#    container, is a way out to whatever it stands for.

# %% id="show-kinds" kind="Run"
from contain_lab import namespaces
namespaces.KINDS["uts"], namespaces.KINDS["mount"]

# %% id="build-join_namespace" build="join_namespace"
# 1. look the flag of the kind up
# 2. open the file, for reading, to be closed on execve
# 3. setns; and whatever happens, close the descriptor

# %% id="check-join" check="uts.join"

# %% [markdown] id="break"
# ## Break it
#
# **Too long.** A host name has at most 64 characters.

# %% id="predict-errno" kind="Predict"
predict("uts-errno")

# %% id="break-long" kind="Break it"
# !contain-lab run --rm --hostname {"x" * 65} busybox hostname

# %% id="reveal-errno" kind="Explain"
reveal("uts-errno")

# %% [markdown] id="break-user"
# **Without privileges.** Both calls need the capability `CAP_SYS_ADMIN`, a slice of root's power. We drop root, and try:

# %% id="break-unprivileged" kind="Break it"
# !setpriv --reuid=65534 --regid=65534 --clear-groups unshare --uts hostname box

# %% [markdown] id="break-user-explained"
# `EPERM`. (With a user namespace of its own an ordinary user may do it after all: lab 07.) Now the same from inside a
# container, whose user *is* root:

# %% id="break-inside" kind="Break it"
# !contain-lab run --rm --hostname box busybox hostname intruder

# %% [markdown] id="break-inside-explained"
# `EPERM` again. The runtime has given up `CAP_SYS_ADMIN` before it executed the program. So there are two walls: the
# namespace keeps the *machine's* name out of reach, the missing capability keeps the *container's* name as it was set.
#
# **Half-built.** `--break STEP` stops after a step and opens a shell in what is there by then. We break after
# `set_hostname`, and ask for the name, and for a folder that only the host has:

# %% id="break-half" kind="Break it"
# !echo "hostname; ls -d /var/lib/contain_lab" | contain-lab run --rm --break set_hostname --hostname box busybox true

# %% [markdown] id="break-half-explained"
# The name is `box` already, and the files are still the host's: the root comes later in the plan. **What is not unshared
# yet is shared.**
#
# ## Measure

# %% id="predict-cost" kind="Predict"
predict("uts-cost")

# %% id="measure" kind="Measure"
measure("unshare(CLONE_NEWUTS)", "fork and wait", "fork, execve, wait")

# %% id="reveal-cost" kind="Explain"
reveal("uts-cost")

# %% [markdown] id="wild"
# ## In the wild
#
# **runc** and **crun** are the runtimes under Docker, Podman and Kubernetes. `strace` writes down the system calls of a
# process. Let both start a container called `box`, and keep the lines on namespaces and names. (Where one is not
# installed, the cell says so.)

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun")

# %% [markdown] id="wild-explained"
# runc 1.1 calls `unshare` with five flags at once, crun 1.8 gives the same flags to `clone`, which makes the process and
# its namespaces in one go. After that both call `sethostname("box", 3)`, and at the end `execve`. Your two steps are in
# there, in the same order. The kernel has no other way.
#
# In crun's source look for `libcrun_set_hostname` (`src/libcrun/linux.c`). It refuses a host name where the container
# has no UTS namespace of its own. You know now what would happen otherwise.
#
# Docker has a switch for it: `docker run --uts=host` shares the host's. In Kubernetes all containers of a Pod share one.
# You see either in `/proc`, by the test of lab 00: same inode, same namespace. No tool is needed.

# %% id="wild-proc" kind="In the wild"
import os
mine, theirs = (os.readlink(f"/proc/{pid}/ns/uts") for pid in ("self", box.pid))
print("the same UTS namespace" if mine == theirs else "two UTS namespaces")

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# Now a real container. `--with my_runtime` puts your functions in the place of ours, and says which. If a step is not
# written yet, ours stays.

# %% id="run-mine" kind="Run"
# !contain-lab run --rm --with my_runtime --hostname box busybox hostname

# %% [markdown] id="check-container-task"
# The last check does the same, with a name drawn at random. It starts the container itself, and looks at its process from
# outside, while the program in it runs.

# %% id="check-container" check="uts.container"

# %% [markdown] id="held"
# And the attack from the beginning, against a container that your steps have made:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only hostname --with my_runtime

# %% [markdown] id="podman"
# `export` writes a program: an OCI runtime, made of your steps and, where you have none yet, of ours. Podman takes it in
# the place of crun. Where Podman is installed, type this in a terminal, in the folder of this notebook:
#
# ```console
# podman --runtime "$PWD/my-runtime" run --rm --hostname box \
#   --rootfs /var/lib/contain_lab/images/busybox/rootfs:O hostname
# ```
#
# It prints `box`, and the process that called sethostname was yours. (`:O` lets the container write into a layer above the
# image. Podman asks for a filter of system calls, too, and gets ours: that is lab 17.)

# %% id="export" kind="Run" tags=["nbval-ignore-output"]
# !contain-lab export my_runtime -o ./my-runtime

# %% [markdown] id="pod"
# ## Further
#
# *Hard, 15 minutes, no check.* The containers of a Pod share one name. Make it so. In a new cell with `%%build namespaces`,
# write another `unshare_uts`: one that enters the UTS namespace of `box` in the place of making its own. (The trial fails,
# because the box is not in the sandbox; the step is written all the same.) Then start a container with
# `--with my_runtime --hostname pod`, and ask `nsenter`, as above, what the box is called now. Run your old Build cell
# again at the end: `check("uts.unshare")` tells whether you did.

# %% [markdown] id="clean"
# ## Clean up
#
# `clean_up` stops the box from outside, and counts what is left. (`my_runtime` and `my-runtime` are yours to keep.)

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `unshare_uts`: stop sharing the two names. A copy, made at that moment.
# - `set_hostname`: set one of them, for every process of this namespace.
# - `join_namespace`: enter a namespace through its file. One kind at a time.
#
# Go back to the first picture, and look at your boxes.
#
# In lab 02 the intruder reads what its neighbours have put into shared memory.
