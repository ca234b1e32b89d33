# %% [markdown] id="title"
# # Lab 06. Network: from loopback to a cable
#
# *60 minutes. You build three steps: one easy, two moderate.*
#
# So far your containers have no network, and you have not missed it. In this lab you find out what "no network" means to
# the kernel, give a container the one link that every program expects, give its network a name by which others find it,
# and lay a cable between two containers.
#
# At the end you can
#
# - say what a network namespace holds, and tell from an errno what is missing in one;
# - write `unshare_net`, `bring_loopback_up` and `name_namespace`;
# - join two network namespaces by a virtual cable, from outside.
#
# From here on an exercise is a **contract**: the function's name and arguments, what must hold afterwards, and where to
# read. How you do it is up to you.

# %% id="begin" tags=["nbval-ignore-output"]
from contain_lab.labkit import *
begin("06")

# %% [markdown] id="attack"
# ## The attack
#
# Many services listen on **127.0.0.1** and ask for no password: a database, a debugger, an administrator's page. Only
# programs of the same machine can reach them, and these are trusted. On the intruder's stage a neighbour runs such a
# service. We start the container without the step that this lab is about:

# %% id="attack-works" kind="Run"
# !contain-lab intruder --only service --skip unshare_net

# %% [markdown] id="attack-explained"
# A container is a process of this machine. As long as it shares the machine's network, it **is** "the same machine".
#
# ## Recall

# %% id="recall" kind="Recall"
recall("06")

# %% [markdown] id="what-it-holds"
# ## What is in it
#
# A **network namespace** holds everything that you would call the network of a machine: **links** (network cards, real
# and virtual), their **addresses**, the **routes**, the **ports** that are taken, the firewall's rules, the kernel
# parameters below `/proc/sys/net`, and what `/proc/net` shows. man: network_namespaces(7).
#
# A **link** is what Linux calls a network interface. The one called `lo`, the **loopback**, leads back to the machine
# itself: what is sent into it comes out of it.
#
# ## Predict

# %% id="predict-new" kind="Predict"
predict("net-new")

# %% [markdown] id="new-command"
# `ip` of the package iproute2 shows and changes links, addresses and routes. `-brief` prints one line for each.

# %% id="run-new" kind="Run"
# !unshare --net ip -brief link

# %% id="reveal-new" kind="Explain"
reveal("net-new")

# %% [markdown] id="new-explained"
# The columns: name, state, hardware address, flags. The word `LOOPBACK` stands alone between the brackets. A link that is
# up has `UP` there.
#
# The rest is as empty: no route, and no port that is taken. And the kernel parameters are its own. In the next cell a
# process in a new namespace changes one: from which port on an ordinary user may listen. We read it inside, and ask
# whether it has changed outside:

# %% id="run-parameters" kind="Run"
%%sh
export file=/proc/sys/net/ipv4/ip_unprivileged_port_start
before=$(cat $file)
unshare --net sh -c '
echo routes: $(ip route | wc -l), ports taken: $(ss -Hltu | wc -l)
echo 81 > $file; echo inside: $(cat $file)'
[ $(cat $file) = $before ] && echo outside: as before

# %% [markdown] id="two-errnos"
# ## Two errnos
#
# Nobody listens on port 7000 in there. What is a program told that tries? (The cell after the question begins with
# `%%script unshare --net python`: it runs in a fresh Python, in a network namespace of its own.)

# %% id="predict-errno" kind="Predict"
predict("net-errno")

# %% id="run-errno" kind="Run"
%%script unshare --net python
import errno, socket
number = socket.socket().connect_ex(("127.0.0.1", 7000))
print(errno.errorcode[number])

# %% id="reveal-errno" kind="Explain"
reveal("net-errno")

# %% [markdown] id="two-errnos-explained"
# Now the same with the loopback up. It gets its address and its route by that alone:

# %% id="run-errno-up" kind="Run"
%%script unshare --net python
import errno, os, socket
os.system("ip link set lo up; ip -brief -4 address")
number = socket.socket().connect_ex(("127.0.0.1", 7000))
print(errno.errorcode[number])

# %% [markdown] id="errnos-explained"
# (`UNKNOWN` is the link's state: a loopback has no plug that could say up or down. The flag `UP` is what counts, and
# `-brief address` does not print flags.)
#
# `ECONNREFUSED` is good news: the packet arrived, and an answer came back. The answer was "nobody here". Keep the two
# apart, and you find most network troubles of containers in a minute:
#
# - **ENETUNREACH**: no route. Look at links and addresses.
# - **ECONNREFUSED**: the way is there. Look for the program that should listen.
#
# ## Build: a network of its own
#
# *Easy, 3 minutes.* The contract:
#
# - `unshare_net()` returns nothing.
# - Afterwards the process that called it is in a new network namespace. All its other namespaces are as before.
# - To read: unshare(2), network_namespaces(7). You have written its sister in lab 01.

# %% id="build-unshare_net" build="unshare_net"
# The flag of mounts, CLONE_NEWNS, is older than all others, and looks like this one.

# %% id="check-unshare" check="net.unshare"

# %% [markdown] id="build-loopback"
# ## Build: the loopback
#
# A link's flags are a number, one bit each. Two requests of ioctl(2) read and write them: `SIOCGIFFLAGS` (get) and
# `SIOCSIFFLAGS` (set). They go through a socket, and it does not matter which: the socket only says **which network
# namespace** is meant, the one that it was made in.
#
# Both take a `struct ifreq`: 16 bytes for the link's name, then two bytes for the flags, then bytes that do not matter
# here. In the language of Python's module `struct` that is `16sH14x`: a text of 16 bytes, a number of two, and 14 bytes to
# pass over. The worked example reads the flags:

# %% id="worked-flags" kind="Run"
%%script unshare --net python
import fcntl, socket, struct
from contain_lab.syscalls import SIOCGIFFLAGS
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
name, flags = struct.unpack("16sH14x", answer)
print(name.rstrip(b"\0"), bin(flags))

# %% [markdown] id="worked-explained"
# One bit is set: `0b1000` is `IFF_LOOPBACK`. The lowest bit is `IFF_UP`. man: netdevice(7).
#
# *Moderate, 10 minutes.* The contract:
#
# - `bring_loopback_up()` returns nothing.
# - Afterwards `lo` is up, in the network namespace that the process is in. Its other flags are as before, and so are all
#   namespaces.
# - No descriptor stays open: a socket that a container inherits would be a way back to the network it was made in.
# - To read: netdevice(7); `SIOCGIFFLAGS`, `SIOCSIFFLAGS` and `IFF_UP` are in `contain_lab.syscalls`.
#
# A second way to speak with the kernel about links is **netlink**, a socket that takes messages. `ip` uses it, and the
# library pyroute2, further below. The check takes either. Ours is an ioctl, because to import pyroute2 takes longer
# than to start a container.

# %% id="build-bring_loopback_up" build="bring_loopback_up"
# Read the flags, add one bit, write them, close the socket. The class socket above is all that you need of the module:
# _socket is its part in C, which costs no time to import.

# %% id="check-loopback" check="net.loopback"

# %% [markdown] id="measure"
# ## Measure
#
# Two of your steps have now made a namespace each: lab 01 that of a name, this lab that of a network.

# %% id="predict-cost" kind="Predict"
predict("net-cost")

# %% id="measure-cost" kind="Measure"
measure("unshare(CLONE_NEWUTS)", "unshare(CLONE_NEWNET)", rounds=60)

# %% id="reveal-cost" kind="Explain"
reveal("net-cost")

# %% [markdown] id="cost-explained"
# (The UTS namespace is cheaper here than in lab 01. There it was measured in turn with `fork`, after which the memory of
# the process is copied page by page as it is written to, and that time was counted.)

# %% [markdown] id="name"
# ## Build: a name for a network
#
# Who connects a container to the world? Not the runtime. It makes the namespace, and another program lays the cables:
# a **plugin**. How is the plugin told where? It could be given the number of a process. But processes come and go, and
# numbers are used again. So a network namespace gets a **name**: a file.

# %% id="predict-name" kind="Predict"
predict("net-name")

# %% [markdown] id="name-command"
# `ip netns add` gives a namespace a name below `/run/netns`, and `ip -n NAME` works in there. To leave nothing on the
# machine, the cell moves into a mount namespace of its own first, and covers `/run`:

# %% id="run-name" kind="Run"
%%sh
unshare --mount sh -c '
mount -t tmpfs cl-run /run
ip netns add cl-box
ls /run/netns
ip -n cl-box -brief link
grep -o "net:.*nsfs" /proc/self/mountinfo | cut -d " " -f 1,2'

# %% id="reveal-name" kind="Explain"
reveal("net-name")

# %% [markdown] id="name-explained"
# The last line comes from the mount table. What is mounted at `/run/netns/cl-box` is no disk and no folder: it is
# `net:[…]`, the namespace itself, the same that `/proc/PID/ns/net` leads to. It is a **bind mount** (lab 04) of that
# file onto another. You know already how to go in: `join_namespace`, lab 01, takes such a path.
#
# The worked example is the way back, the package's own step that takes a name away:

# %% id="worked-forget" kind="Run"
from inspect import getsource
from contain_lab.namespaces import net
print(getsource(net.forget_namespace))

# %% [markdown] id="name-task"
# *Moderate, 10 minutes.* The contract:
#
# - `name_namespace(pid, path)` returns nothing. pid: a process's number; path: a file that is not there yet.
# - Afterwards the file is there, and stands for the network namespace of that process, also when the process has ended.
# - A path that is taken is refused, and what stands there is left as it is.
# - Where the kernel refuses the mount (there is no such process), its error comes through, and **no file is left**.
# - The caller stays where it is, and keeps no descriptor.
# - To read: namespaces(7), *The /proc/pid/ns/ directory*; mount(2), `MS_BIND`; open(2), `O_CREAT` and `O_EXCL`.
#   `syscalls.mount(source, target, kind, flags)` takes two paths, the kind of file system (None for a bind mount), and
#   flags.

# %% id="build-name_namespace" build="name_namespace"
# A mount needs something to stand on: a file on a file.
# When the mount fails, the file has to go, and the error has to come through.

# %% id="check-name" check="net.name"

# %% [markdown] id="cable"
# ## A cable
#
# Two containers, each with a loopback and nothing else. The right one serves its folder `/etc` over HTTP:

# %% id="start-boxes" kind="Run"
left = background("busybox", "sleep", "600", hostname="left")
right = background("busybox", "httpd", "-f", "-h", "/etc", hostname="right")

# %% [markdown] id="cable-explained"
# A **veth** is a virtual cable: a pair of links, and what is sent into one comes out of the other. Each end can be in a
# namespace of its own.
#
# The library **pyroute2** speaks netlink. The cell enters the left network (by the step of lab 01), makes a cable there,
# and says in the same message that its other end is to be born in the network of the right process. No end of it is ever
# in the host's network.

# %% id="lay-cable" kind="Run"
%%python - {left.pid} {right.pid}
import sys
from contain_lab.namespaces import enter
from pyroute2 import IPRoute

left, right = sys.argv[1:]
enter.join_namespace(f"/proc/{left}/ns/net", "network")
with IPRoute() as ip:
    ip.link("add", ifname="cable", kind="veth", peer={"ifname": "cable", "net_ns_pid": int(right)})

# %% id="look-cable" kind="Run"
# !nsenter --net=/proc/{left.pid}/ns/net ip -brief link | cut -d " " -f 1
# !nsenter --net=/proc/{right.pid}/ns/net ip -brief link | cut -d " " -f 1

# %% [markdown] id="addresses"
# `cable@if2`: a link whose other end is link number 2 of another namespace. Both ends are down, as every new link is.
# Each needs an address, and has to be brought up. `/24` says that the first 24 bits name the network: whoever begins
# with `10.6.0.` is at the other end of this cable, and a route for them comes with the address.

# %% id="give-addresses" kind="Run"
%%sh -s {left.pid} {right.pid}
at() { nsenter --net=/proc/$1/ns/net ip $2; }
at $1 "address add 10.6.0.1/24 dev cable"
at $2 "address add 10.6.0.2/24 dev cable"
at $1 "link set cable up"
at $2 "link set cable up"
at $1 "route" | cut -d " " -f 1-9

# %% [markdown] id="use-cable"
# From the left container, with its own `ping` and `wget`: `nsenter` enters its network and its files.

# %% id="ping" kind="Run"
# !nsenter --target {left.pid} --net --mount ping -c 1 10.6.0.2 | grep received
# !nsenter --target {left.pid} --net --mount wget -qO- http://10.6.0.2/hosts

# %% [markdown] id="own-cable"
# A page came over the cable, from a program that knows nothing of it. And no packet has left the machine: neither end
# is on the host.
#
# *Moderate, 10 minutes, no check.* Lay a cable of your own, in new cells: start a third box, `hostname="third"`; join it
# to `right` by a veth called `second`, with the network `10.6.1.0/24`. You are done when `third` gets the page from
# `10.6.1.2`. Then let `third` ping `10.6.0.1`. busybox prints the errno in words: which one is it, and what
# is missing?
#
# <details><summary>The answer</summary>
#
# *Network is unreachable* is ENETUNREACH: no route. `third` has one route, to `10.6.1.0/24`. That `right` has a cable to
# `10.6.0.1` helps nobody who is not told to ask `right`.
#
# </details>
#
# ## Order
#
# *Easy, 3 minutes.* An **engine** (Docker, Podman) fetches images, keeps containers, and calls the runtime and the
# plugins. What is done, and in which order, to give a container a network:

# %% id="order" kind="Order"
order("net-cable")

# %% [markdown] id="unplug"
# ## When a container goes

# %% id="predict-peer" kind="Predict"
predict("net-peer")

# %% [markdown] id="unplug-command"
# The kernel clears a network namespace away when nobody is in it any more, in the background. So the cell asks for the
# cable until it has gone, or two seconds have passed, and then lists the links of `right`:

# %% id="run-peer" kind="Run"
left.stop()
look = f"nsenter --net=/proc/{right.pid}/ns/net ip -brief link"
# !for i in 1 2 3 4; do {look} show cable > /dev/null 2>&1 || break; sleep 0.5; done
# !{look} | cut -d " " -f 1

# %% id="reveal-peer" kind="Explain"
reveal("net-peer")

# %% [markdown] id="abstract"
# ## A door that is easily forgotten
#
# Programs of one machine also talk through **Unix sockets**. Most have a path in the file system. Linux has a second
# kind with an **abstract name**, which is in no folder.

# %% id="predict-abstract" kind="Predict"
predict("net-abstract")

# %% [markdown] id="abstract-command"
# The cell listens on both, moves into a new network namespace, and connects to both. An abstract name begins with a zero
# byte. Errno 0 is success, 111 is `ECONNREFUSED`:

# %% id="run-abstract" kind="Run"
%%python
import socket, tempfile
from contain_lab import syscalls

with tempfile.TemporaryDirectory(prefix="cl-") as folder:
    names = {"path": f"{folder}/socket", "abstract": f"\0{folder}"}
    servers = [socket.socket(socket.AF_UNIX) for _ in names]
    for server, name in zip(servers, names.values()):
        server.bind(name)
        server.listen()
    syscalls.unshare(syscalls.CLONE_NEWNET)
    for kind, name in names.items():
        print(f"{kind}: errno {socket.socket(socket.AF_UNIX).connect_ex(name)}")

# %% id="reveal-abstract" kind="Explain"
reveal("net-abstract")

# %% [markdown] id="abstract-explained"
# So a container with the host's network reaches every abstract socket of the host, whatever its files are. In 2020 that
# was a way out: containerd's helper listened on such a socket, as root, and obeyed every root that connected
# (**CVE-2020-15257**). Today it uses a path. The rule is older: `--network host` is no small thing.
#
# ## Break it
#
# **Without the loopback.** Your second step left out:

# %% id="break-loopback" kind="Break it"
# !contain-lab run --rm --skip bring_loopback_up busybox wget -qO- http://127.0.0.1/
# !contain-lab run --rm busybox wget -qO- http://127.0.0.1/

# %% [markdown] id="break-loopback-explained"
# `ENETUNREACH` and `ECONNREFUSED`, in busybox's words. Many programs talk to themselves over 127.0.0.1. They fail in
# odd ways where there is no loopback, and that is why every runtime brings it up.
#
# **Down again.** The program in the container is root. May it undo your step?

# %% id="break-down" kind="Break it"
# !contain-lab run --rm busybox ip link set lo down

# %% [markdown] id="break-down-explained"
# `EPERM`. To change a link takes the capability `CAP_NET_ADMIN`, and the runtime gives it up before the program starts. So
# the intruder's second attack of this lab meets two walls. We take the network's wall away, and it is held all the same:

# %% id="break-walls" kind="Break it"
# !contain-lab intruder --only link --skip unshare_net | head -n 2

# %% [markdown] id="break-name"
# **A name in use.** A name is a file, so `rm` should take it away:

# %% id="break-busy" kind="Break it"
%%sh
unshare --mount sh -c '
mount -t tmpfs cl-run /run
ip netns add cl-box
rm /run/netns/cl-box
ip netns delete cl-box
ls /run/netns | wc -l'

# %% [markdown] id="break-busy-explained"
# `EBUSY`: something is mounted there. First the mount has to go, then the file, as in `forget_namespace`, and in
# `ip netns delete`.
#
# **Half-built.** After `bring_loopback_up` the container has its network, and the host's files still. So the host's `ip`
# can look (`UNKNOWN` is a loopback that is up, as above):

# %% id="break-half" kind="Break it"
# !echo "ip -brief -4 address" | contain-lab run --rm --break bring_loopback_up busybox true

# %% [markdown] id="wild"
# ## In the wild

# %% id="wild-runc" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("runc", "network")

# %% id="wild-crun" kind="In the wild" tags=["nbval-ignore-output"]
strace_runtime("crun", "network")

# %% [markdown] id="wild-explained"
# crun 1.8 brings `lo` up by ioctl, as you did, but by one and not two: it writes `IFF_UP|IFF_RUNNING` without a look at
# what was there, for in a namespace that it has just made it knows. runc 1.1 does it by netlink: the two lines with
# `AF_NETLINK` are one socket to find `lo`, and one to bring it up. And **that is all that either does for the network**. Neither
# knows what an address is.
#
# The rest is done by others, who are given the name. Kubernetes and containerd run **CNI** plugins: small programs, with
# the path of the network namespace in the variable `CNI_NETNS`. Podman runs **netavark**, with the same path as an
# argument. dockerd does it itself. You write such a plugin in lab 13.
#
# In Kubernetes all containers of a **Pod** share one network namespace: each reaches the others at 127.0.0.1, and two
# cannot take the same port. We make a Pod: a second container is started in the network of `right`, and with
# `--network host` it stays in the network that it is started in.

# %% id="wild-pod" kind="In the wild"
# !nsenter --net=/proc/{right.pid}/ns/net contain-lab run --rm --network host busybox wget -qO- http://127.0.0.1/hosts

# %% [markdown] id="your-runtime"
# ## Your runtime
#
# `--netns PATH` gives the container's network a name for as long as it runs. With your steps, and a trace of them:

# %% id="run-mine" kind="Run"
import os
name = f"/tmp/cl-box{os.getpid()}"
# !contain-lab run --rm --with my_runtime --netns {name} --trace busybox true 2>&1 | grep -o "^[pc].* namespaces[.]net[.][a-z_]*"

# %% [markdown] id="held"
# The first two are called in the container's process, the third on the host's side: a name in the container's own mount
# namespace would be seen by nobody else.
#
# The last check starts such a container, and looks at it and at its name from outside:

# %% id="check-container" check="net.container"

# %% [markdown] id="held-by-yours"
# And the attacks, against a container that your steps have made:

# %% id="attack-held" kind="Run"
# !contain-lab intruder --only service --only link --with my_runtime

# %% [markdown] id="further"
# ## Further
#
# *Hard, 15 minutes, no check.* A socket belongs to the namespace **in which it was made**, wherever the process goes
# afterwards. Make use of it. Write a cell with `%%python --bg - {right.pid}` (`--bg`: in the background, so that you can
# go on): enter the network of `right`, make a server socket on 127.0.0.1, port 7000; then call `unshare` with
# `CLONE_NEWNET`, which leads you elsewhere, and answer there. In the container, `nc 127.0.0.1 7000` gets your answer,
# from a process that is not in its network. This is how a port of the host is led into a container without root (lab 14).
#
# ## Clean up

# %% id="clean-up" kind="Clean up"
clean_up()

# %% [markdown] id="summary"
# ## What you have built
#
# - `unshare_net`: an empty network. Not a copy, unlike the host name.
# - `bring_loopback_up`: one bit, and 127.0.0.1 answers.
# - `name_namespace`: a file that stands for a namespace, and keeps it.
# - A cable: two links, two addresses. Everything else in container networks is made of this.
#
# Go back to the first picture, and look at your boxes.
#
# In lab 07 the intruder turns to the last thing that your containers share with the host: **root**.
