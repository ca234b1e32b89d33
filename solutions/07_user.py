# %% [markdown] id="title"
# # Lab 07. User: root inside, nobody outside
#
# *55 minutes. You build three steps: one easy, two moderate.*
#
# Your containers have a name, queues, processes, files and a network of their own. One thing they still share with the
# machine: **root**. The program in them runs as user 0, and user 0 is root of the whole machine. In this lab that ends.
# It is also the lab in which containers need no root any more, and at its end Podman runs one on your own runtime.
#
# At the end you can
#
# - read an id map, and say whose file a container's root makes;
# - say where a capability counts, and where it does not;
# - write `write_id_maps`, `deny_setgroups` and `become_root`, and start a container as an ordinary user.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("07")

# %% [markdown] id="attack"
# ## The attack
#
# People give containers folders of the host: the source of a web site, a database. On the intruder's stage lies such a
# folder, with a file in it that only root may write. The container of this attack has a user namespace. We leave out the
# two steps that make it:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only root --skip clone_into_namespaces --skip write_id_maps | head -n 2

# %% [markdown] id="attack-explained"
# Nothing was broken into. The file is root's, and the program is root. (The attack takes more ids than an ordinary user
# may map. Where JupyterLab was not started by root, it says so.)
#
# ## Recall

# %% id="recall" kind="Recall"
recall("07")

# %% [markdown] id="a-number"
# ## A user is a number
#
# The kernel knows no user by name. A process has numbers (a **uid**, a **gid**, further groups), a file has numbers, and
# the kernel compares them. Names are in `/etc/passwd`, for people. So we may be a user who has no name at all.
#
# The next cell makes one ready, and from here on `{user}` before a command lets this user run it: number 7000, without
# root's privileges. (Where JupyterLab was not started by root, this notebook is in a user namespace already, and root
# of it. Then `{user}` is empty, there is no user 7000, and some cells show other numbers.)

# %% id="an-ordinary-user" kind="Run"
user = ordinary_user()
# !{user} sh -c 'touch ~/mine; stat -c "the file is of user %u" ~/mine; id -u'
# !{user} unshare --uts hostname box

# %% [markdown] id="ordinary-explained"
# The last line failed. To make a UTS namespace takes `CAP_SYS_ADMIN`, as you saw in lab 01. There is one kind of namespace
# for which an ordinary user needs nothing.
#
# ## Predict

# %% id="predict-nobody" kind="Predict"
predict("user-nobody")

# %% id="run-nobody" kind="Run"
# !{user} unshare --user id -u

# %% id="reveal-nobody" kind="Explain"
reveal("user-nobody")

# %% [markdown] id="map"
# A **user namespace** is a table that translates numbers. It is in two files of `/proc`, `uid_map` and `gid_map`. A line
# has three numbers: the first id **inside**, the first id **outside**, how many. Now a user namespace with one line: the
# option `--map-root-user` writes it. Inside we make a file.

# %% id="predict-owner" kind="Predict"
predict("user-owner")

# %% id="run-owner" kind="Run"
# !{user} unshare --user --map-root-user sh -c 'id -u; touch ~/made; stat -c "inside, the file is of user %u" ~/made'
# !{user} sh -c 'stat -c "outside, the file is of user %u" ~/made'

# %% id="reveal-owner" kind="Explain"
reveal("user-owner")

# %% [markdown] id="capabilities"
# ## Root of what?
#
# Root is two things: the number 0, and some forty **capabilities**, the slices of its power. Inside, our user has the
# number. Has it the power?

# %% id="predict-caps" kind="Predict"
predict("user-caps")

# %% [markdown] id="caps-command"
# `CapEff` in `/proc/PID/status` is the set of capabilities that count, a bit each; here all of them. Then five attempts:
# another user's secret file, the host's name, a device node, the clock (which is set to what it shows, so nothing would
# change), a mount.

# %% id="run-caps" kind="Run"
%%script {user} unshare --user --map-root-user --mount sh
grep CapEff /proc/self/status
cat /etc/shadow
hostname intruder
mknod ~/null c 1 3
date --set "$(date)" > /dev/null
mount -t tmpfs cl-own /mnt && echo mounted

# %% id="reveal-caps" kind="Explain"
reveal("user-caps")

# %% [markdown] id="caps-explained"
# So a capability has two sides: **which** it is, and **over what** it counts. Each namespace of any kind belongs to a user
# namespace, the one in which it was made. `--mount` made its mount namespace inside, so our root rules over it. The UTS
# namespace is the host's, and belongs to the first user namespace. To load a module or to set the clock would change the
# machine itself: that takes capabilities in the first user namespace, always.
#
# This is why a rootless container makes the **user namespace first**, and all others in it.
#
# ## Build: the maps
#
# Who writes the table? Not the process that is in it, as a rule: somebody outside, who may give away these ids. In a
# container's start that is the runtime, and the container's process waits. By hand, in a shell.
#
# (`sleep 0.2` waits until `unshare` has made the namespace. `--preserve-credentials` keeps `nsenter` from changing ids and
# groups itself: we want to see what the map alone does.)

# %% id="worked-map" kind="Run"
%%script {user} sh
unshare --user sleep 60 > /dev/null 2>&1 &
sleep 0.2
echo "0 $(id -u) 1" > /proc/$!/uid_map
nsenter --user --target $! --preserve-credentials id -u
kill $!

# %% [markdown] id="maps-task"
# *Moderate, 10 minutes.* The contract:
#
# - `write_id_maps(pid, uids, gids)` returns nothing. `uids` and `gids` are ranges, each `(inside, outside, count)`; there
#   may be several. (`Ranges` in the signature is our name for such a tuple of triples; in quotes, Python does not look
#   it up.)
# - Afterwards the `uid_map` and the `gid_map` of that process say exactly this.
# - The kernel's refusals come through.
# - To read: user_namespaces(7), *Defining user and group ID mappings*. Mind how many times a map may be written.
#   `files.put(path, text)` of the package writes a text with a single write(2).
#
# (Leave the second import alone: `write_granted_map` is no help with this contract. It is for ordinary users, and is
# explained after the check.)

# %% id="build-write_id_maps" build="write_id_maps"
# Two files, and in each a line for every range, in one write.

# %% id="check-maps" check="user.maps"

# %% [markdown] id="maps-explained"
# Our own step has two lines more. An ordinary user may map one id, their own, and the kernel refuses anything else. But
# a container needs more: its mail server is another user than its web server. So an administrator grants ranges in
# `/etc/subuid` and `/etc/subgid`, and two programs with root's privileges, **newuidmap** and **newgidmap**, write them, after a
# look into these files. `write_granted_map` runs them, and our step calls it when its own write is refused. man: subuid(5), newuidmap(1).
#
# Root needs no grant. A table of two ranges, drawn as two rulers:

# %% id="two-ranges" kind="Run"
import subprocess
sleeper = subprocess.Popen(["unshare", "--user", "sleep", "600"])
# !sleep 0.2; printf "0 100000 1000\n5000 300000 10\n" | tee /proc/{sleeper.pid}/uid_map > /proc/{sleeper.pid}/gid_map
rulers = id_maps(sleeper.pid)
sleeper.kill()
rulers

# %% [markdown] id="setgroups"
# ## Build: groups that take away
#
# The `gid_map` has a rule of its own, and it took the kernel's developers two years to see that it is needed.

# %% id="predict-groups" kind="Predict"
predict("user-groups")

# %% id="run-groups" kind="Run"
%%sh
file=$(mktemp /tmp/cl-XXXXXX)
echo "not for guests" > $file
chgrp 8000 $file; chmod u=rw,g=,o=r $file
setpriv --reuid=7000 --regid=7000 --groups=8000 cat $file
setpriv --reuid=7000 --regid=7000 --clear-groups cat $file
rm $file

# %% id="reveal-groups" kind="Explain"
reveal("user-groups")

# %% [markdown] id="groups-explained"
# The second `cat` ran without the group, and could read. To leave a group is setgroups(2), and it takes the capability
# `CAP_SETGID`. Everybody has that in a user namespace of their own. So until 2014 everybody could leave a group that kept
# them out (**CVE-2014-8989**). Since then: an ordinary user may write a `gid_map` only after the namespace has renounced
# setgroups for ever, by the word `deny` in `/proc/PID/setgroups`.
#
# Where a write is to be refused, the cells say `env echo`, the program, and not `echo`, the shell's own: the program
# prints the errno.

# %% id="run-refused" kind="Break it"
%%script {user} sh
unshare --user sleep 60 > /dev/null 2>&1 &
sleep 0.2
env echo "0 $(id -g) 1" > /proc/$!/gid_map
echo deny > /proc/$!/setgroups
env echo "0 $(id -g) 1" > /proc/$!/gid_map && echo "now it is mapped"
kill $!

# %% [markdown] id="setgroups-task"
# *Easy, 3 minutes.* The contract:
#
# - `deny_setgroups(pid)` returns nothing.
# - Afterwards setgroups is denied in the user namespace of that process. Its maps are not touched.

# %% id="build-deny_setgroups" build="deny_setgroups"
# One word into one file.

# %% id="check-setgroups" check="user.setgroups"

# %% [markdown] id="become"
# ## Build: become root
#
# The maps are written. Who is the process now? If its own id is in the table, it has a new number at once, as above. If
# not, it is still 65534, and has all capabilities, but only until it executes a program: execve(2) leaves them to user 0
# alone. So before anything else the container's process **becomes** 0.
#
# *Moderate, 8 minutes.* The contract:
#
# - `become_root()` returns nothing. It is called by a process whose user namespace has its maps.
# - Afterwards all its user ids and group ids are 0: real, effective and saved.
# - It is in no further group, for the host's groups open the host's files. But where setgroups is denied it keeps those
#   that it has, and that is no error.
# - To read: setresuid(2), setresgid(2), setgroups(2); Python's `os` has all three. `/proc/self/setgroups` says whether the
#   last is allowed.

# %% id="build-become_root" build="become_root"
# Ask whether groups can be given up; then the group ids, then the user ids.

# %% id="check-root" check="user.root"

# %% [markdown] id="order-intro"
# ## Order
#
# *Easy, 3 minutes.*

# %% id="order" kind="Order"
order("user-start")

# %% [markdown] id="rootless"
# ## A container without root
#
# `--rootless` puts these steps into the plan. Here they are, with the one that makes the child:

# %% id="explain" kind="Run"
# !{user} contain-lab run --rootless --explain busybox true | grep -oE "(clone_into|deny|write_id|become_root).*"

# %% id="start-box" kind="Run"
box = background("busybox", "sleep", "600", options="--rootless", user=user)
# !grep ^Uid /proc/{box.pid}/status
# !{user} nsenter --target {box.pid} --user --preserve-credentials grep ^Uid /proc/{box.pid}/status

# %% [markdown] id="rootless-explained"
# The same file, read twice: by the host, and by somebody in the container's user namespace. (The four numbers are the
# real, the effective, the saved and the file system's uid.) **The kernel translates for whoever asks.** And the table:

# %% id="one-id" kind="Run"
id_maps(box.pid)

# %% [markdown] id="break"
# ## Break it
#
# **Written twice, and a foreign id.** We try root's id, then our own, then our own again:

# %% id="break-maps" kind="Break it"
%%script {user} sh
unshare --user sleep 60 > /dev/null 2>&1 &
sleep 0.2
env echo "0 0 1" > /proc/$!/uid_map
env echo "0 $(id -u) 1" > /proc/$!/uid_map && echo "the second is taken"
env echo "0 $(id -u) 1" > /proc/$!/uid_map
kill $!

# %% [markdown] id="break-maps-explained"
# `EPERM` for the id of somebody else: you may give away what is yours. `EPERM` again for the third: a table is written once.
# Whoever could change it later could change whose files they are.
#
# **In a notebook.** We call unshare in this notebook's own process:

# %% id="break-threads" kind="Break it"
import os
from contain_lab import syscalls
print("threads:", "several" if len(os.listdir("/proc/self/task")) > 1 else "one")
try:
    syscalls.unshare(syscalls.CLONE_NEWUSER)
except OSError as error:
    print(f"{error.call}: {error.strerror}")

# %% [markdown] id="break-threads-explained"
# `EINVAL`. All threads of a process are one user, so the kernel refuses to move one of them alone. Jupyter has a dozen
# threads. A runtime that is written in a language with threads of its own has the same trouble: runc, in Go, does this
# part in C, before Go's runtime begins.
#
# **Half-built.** After `become_root` the process is root of its user namespace. Its other namespaces come later in the
# plan. We ask who it is, and let it set the host name, which is still the host's:

# %% id="break-half" kind="Break it"
# !echo "id -u; hostname intruder" | {user} contain-lab run --rm --rootless --break become_root busybox true 2>&1 | head -n 3

# %% [markdown] id="break-half-explained"
# User 0, all capabilities, and `hostname` says that one must be root. It is right: root of the namespace that this name
# belongs to.

# %% [markdown] id="two-more"
# ## Two more kinds
#
# Eight kinds of namespace there are, and you have built six. The last two are quickly seen. The package's steps for them:

# %% id="worked-two" kind="Run"
from inspect import getsource
from contain_lab.namespaces import cgroup, time
for step in (cgroup.unshare_cgroup, time.unshare_time, time.write_time_offsets):
    print(getsource(step))

# %% [markdown] id="cgroup-namespace"
# The **cgroup namespace** hides where in the tree of control groups a process is. (Control groups limit what processes
# use: lab 08.) `/proc/self/cgroup` names the group. We count the lines that name a deeper one than `/`, with the namespace
# and without:

# %% id="cgroup" kind="Run"
# !contain-lab run --rm busybox grep -cE ":/.+" /proc/self/cgroup
# !contain-lab run --rm --skip unshare_cgroup busybox grep -cE ":/.+" /proc/self/cgroup | grep -q "[1-9]" && echo "more than none"

# %% [markdown] id="cgroup-explained"
# With its namespace the container believes that it is at the top. That is more than tidiness: a cgroup file system that is
# mounted in there begins at the container's own group, and not at the host's first. (CVE-2023-25809 is what came of it
# where a runtime left this namespace out.)

# %% id="predict-time" kind="Predict"
predict("user-time")

# %% [markdown] id="time-command"
# `unshare` makes a time namespace whose clock since boot is ten days ahead, and starts a container in it, which is asked
# for how long the machine has been up:

# %% id="run-time" kind="Run"
%%sh
here=$(cut -d . -f 1 /proc/uptime)
ahead="unshare --time --boottime 864000 --fork"
there=$($ahead contain-lab run --rm busybox cut -d . -f 1 /proc/uptime)
echo "the container's clock is $(( (there - here + 30) / 86400 )) days ahead"

# %% id="reveal-time" kind="Explain"
reveal("user-time")

# %% [markdown] id="play-task"
# You have met all eight. Tick some, start a process in them, and see what it sees beside what the host sees. The process
# sets a host name and mounts a file system: who notices? Try `pid` without `mount`, then with both and a new `/proc`; and
# `user` alone.

# %% id="play" kind="Run"
play_namespaces()

# %% [markdown] id="wild"
# ## In the wild

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "ids")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "ids")

# %% [markdown] id="wild-explained"
# Both make the user namespace before any other. Somebody outside writes `uid_map` and `gid_map` of `/proc/PID`. Then
# `setresuid(0, 0, 0)`. crun reads `/proc/self/setgroups` before it calls setgroups, as you did. runc calls it once before
# it has read the file, where its parent has said that it may, and once after. (Both change ids twice, because the config
# may ask for another user than root.)
#
# Who uses it? Rootless **Podman** and Docker's rootless mode, for everybody. **Docker** as root only if it is asked to
# (`userns-remap`): by default, root in a Docker container is root of the machine. **Kubernetes** asks with
# `hostUsers: false` in a Pod. For any container that runs you can look: a `uid_map` that begins `0 0` means root
# is root. We count such lines in the map of our box; 0 is the good answer:

# %% id="wild-proc" kind="In the wild"
# !cat /proc/{box.pid}/uid_map | grep -c "^ *0 *0 "

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# The check starts a container with a user namespace and your steps, and looks at it from outside:

# %% id="check-container" check="user.container"

# %% [markdown] id="run-mine-task"
# Now the ordinary user gets a copy of your steps, and starts a container with them:

# %% id="run-mine" kind="Run"
# !tar --create my_runtime | {user} sh -c 'cd; tar --extract'
# !{user} sh -c 'cd; contain-lab run --rm --rootless --with my_runtime busybox id'

# %% [markdown] id="held"
# And the attack:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only root --with my_runtime

# %% [markdown] id="podman"
# ## Podman runs mine
#
# Seven labs are in `my_runtime`. `export` makes an OCI runtime of it, a program like runc and crun. Podman takes it: first
# as root, then as an ordinary user. Each time the container prints its own `uid_map`. (Podman is kept apart here, in
# namespaces of its own, so that it leaves nothing on your machine. Where it is not installed, the cell says so.)

# %% id="export" kind="Run" tags=["nbval-ignore-output"]
# !contain-lab export my_runtime -o ./my-runtime

# %% id="podman-both" kind="Run"
print(podman_run("./my-runtime", "cat", "/proc/self/uid_map"))
print(podman_run("./my-runtime", "cat", "/proc/self/uid_map", rootless=True))

# %% [markdown] id="podman-explained"
# The first table is the machine's own: all numbers are themselves, and root is root. The second has one line for one
# user. In both containers a program ran that believes to be root; which one would you give your folder to?
#
# In a terminal, in the folder of this notebook, and without the walls around it (`:O` lets the container write into a
# layer above the image):
#
# ```console
# podman --runtime "$PWD/my-runtime" run --rm -it --rootfs /var/lib/contain_lab/images/busybox/rootfs:O sh
# ```
#
# ## Further
#
# *Hard, 15 minutes, no check.* A user namespace can be inside another, and a range inside a range. In a cell with
# `%%script {user} sh`: make a user namespace with your own id as root; in it make a second one, and map *its* root to
# 0 of the first. What does `uid_map` of the innermost process say, read from the first one, and read from the host?
# Explain why the second reading has another number in the middle.
#
# ## Clean up

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `write_id_maps`: the table between the numbers inside and outside. Written once, from outside.
# - `deny_setgroups`: nobody leaves a group that keeps them out.
# - `become_root`: the number 0, before the first program.
#
# With that your runtime has namespaces of all kinds, and Podman runs on it. What a container may *see* is settled. How
# much it may *use* is not: in lab 08 the intruder forks without end.
