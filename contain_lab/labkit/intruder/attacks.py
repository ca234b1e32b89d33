"""The attacks: a table, and how the success of each is seen from the stage.

In a command, $place is the folder of the stage on its host, with `secret` and `disk` in it. What namespaces
cannot keep from the machine is only begun: a file is opened and nothing written, or what stood there already.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from contain_lab import files
from contain_lab.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.labkit.intruder.stage import Said, Stage

SERVICE = ("127.0.0.1", 7000)  # where the neighbour answers, on the stage alone


# ---- how success is seen

def told_secret(stage: Stage, said: Said) -> bool:
    """The attack printed what only the stage's own processes know."""
    return stage.secret in said.out


def told_key(stage: Stage, said: Said) -> bool:
    """The attack printed the key of the stage's shared memory segment."""
    return stage.key in said.out.split()


def ended_well(_: Stage, said: Said) -> bool:
    """The attack's last command was not refused."""
    return said.code == 0


def renamed(stage: Stage, _: Said) -> bool:
    """The stage has another host name."""
    return os.uname().nodename != stage.hostname


def neighbour_gone(stage: Stage, _: Said) -> bool:
    """The stage's neighbour has ended."""
    try:
        stage.neighbour.wait(0.3)
    except subprocess.TimeoutExpired:
        return False
    return True


def disk_gone(stage: Stage, _: Said) -> bool:
    """The files of the stage's disk are no longer there."""
    return not os.path.exists(f"{stage.place}/disk/data")


def cut_off(stage: Stage, _: Said) -> bool:
    """The neighbour's service is out of reach on the stage itself."""
    try:
        socket.create_connection(SERVICE, 1).close()
    except OSError:
        return True
    return False


def root_written(stage: Stage, _: Said) -> bool:
    """A file of the host's root says something else."""
    return "intruder" in files.get(f"{stage.place}/shared/roots")


def image_changed(stage: Stage, _: Said) -> bool:
    """The image has a file that it had not."""
    return os.path.exists(f"{stage.image}/etc/intruder")


# ---- the table

PRIVILEGES = ("drop_bounding_set", "set_capabilities", "load_seccomp_filter")


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack.

    says: what it tries, in a few words; lab: the number of the lab that holds it; command: shell; works: whether
    it succeeded, seen from the stage; walls: the steps that hold it: without all of them it works from a
    container, too; in_chroot: the plain process runs it in a chroot of the image, the prison of old; mapped: its
    container has a user namespace, and a folder of the host as /home.
    """

    name: str
    lab: str
    says: str
    command: str
    works: Callable[[Stage, Said], bool]
    walls: tuple[str, ...]
    in_chroot: bool = False
    mapped: bool = False


ATTACKS: tuple[Attack, ...] = (
    Attack("hostname", "01", "give the host another name",
           "hostname intruder", renamed, ("unshare_uts",)),
    Attack("memory", "02", "list the host's shared memory",
           "cat /proc/sysvipc/shm", told_key, ("unshare_ipc",)),
    Attack("neighbour", "03", "read a password on a neighbour's command line",
           "cat /proc/[0-9]*/cmdline", told_secret, ("clone_into_namespaces",)),
    Attack("kill", "03", "kill a neighbour process",
           "killall -9 neighbour", neighbour_gone, ("clone_into_namespaces",)),
    Attack("file", "04", "read a file of the host",
           'cat "$place/secret"', told_secret, ("pivot_into_rootfs",)),
    Attack("chroot", "04", "break out of a chroot through /proc/1/root",
           'cat "/proc/1/root$place/secret"', told_secret,
           ("pivot_into_rootfs", *PRIVILEGES), in_chroot=True),
    Attack("umount", "05", "unmount a disk of the host",
           'umount "$place/disk"', disk_gone, ("unshare_mount",)),
    Attack("sysctl", "05", "write the kernel's core_pattern, which names a program to run as root",
           "kept=$(cat /proc/sys/kernel/core_pattern) && echo \"$kept\" > /proc/sys/kernel/core_pattern",
           ended_well, ("make_path_readonly",)),
    Attack("timers", "05", "read what the kernel says of every timer of the machine",
           "head -c 16 /proc/timer_list | grep -q .", ended_well, ("mask_path",)),
    Attack("service", "06", "talk to a service that listens on the host's loopback network",
           f"nc -w 2 {SERVICE[0]} {SERVICE[1]} < /dev/null", told_secret, ("unshare_net",)),
    Attack("link", "06", "take the host's network link down",
           "ip link set lo down", cut_off, ("unshare_net", *PRIVILEGES)),
    Attack("root", "07", "write a file of the host's root, in a folder that the container was given",
           'file="$place/shared/roots"; [ -e "$file" ] || file=/home/roots; echo intruder >> "$file"',
           root_written, ("clone_into_namespaces", "write_id_maps"), mapped=True),
    Attack("cgroup", "08", "open the host's cgroups, to move processes between them",
           "cd /sys/fs/cgroup; for file in cgroup.procs */cgroup.procs; do [ -e $file ] && true >>$file && exit; done; "
           "false",
           ended_well, ("pivot_into_rootfs",)),
    Attack("image", "10", "change the image that others use",
           "echo intruder > /etc/intruder", image_changed, ("mount_overlay",), in_chroot=True),
    Attack("device", "17", "read the kernel's log through a device node of its own making",
           "mknod kmsg c 1 11 && timeout 2 dd if=kmsg of=/dev/null bs=8192 count=1",
           ended_well, ("allow_devices", *PRIVILEGES)),
    Attack("mount", "17", "use a capability: CAP_SYS_ADMIN, to mount a file system",
           "mount -t tmpfs cl-intruder /tmp", ended_well, PRIVILEGES),
)


def find(name: str) -> Attack:
    """The attack of this name. Errors: NotFound, which lists them."""
    for attack in ATTACKS:
        if attack.name == name:
            return attack
    raise NotFound(f"attack {name!r}: there is none of this name",
                   f"attacks are {', '.join(attack.name for attack in ATTACKS)}")
