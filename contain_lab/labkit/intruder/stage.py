"""The stage: a stand-in for a machine, on which an attack may succeed and harm nothing.

It is made anew for each attack, by a fresh process of one thread, in mount, UTS, IPC, network and PID namespaces
of its own. On it are a host name, a shared memory segment, a secret file, a disk (a tmpfs), a copy of the image,
and a neighbour: a process that was given a password and answers on the loopback network. The machine's file
systems are there read-only, but for the cgroups and the states of our containers. An attack's container is
started on the stage, so what it reaches is the stage. All of it goes with the stage's first process, and that
goes with whoever made it.

man: unshare(2), mount_setattr(2), shm_overview(7), proc_sysvipc(5).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from contain_lab import engine, files, image, spec, steps, syscalls
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError, explain
from contain_lab.labkit.intruder import attacks
from contain_lab.namespaces import mount, net, pid, uts

IMAGE = "busybox"
HOSTNAME = "the-host"
STARTED = "the intruder is in"
SECONDS = 20  # an attack gets no more
KINDS = (syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWNET
         | syscalls.CLONE_NEWPID)
PACKAGES = os.path.dirname(os.path.dirname(os.path.abspath(files.__file__)))
NEIGHBOUR = """
import os, socket, sys
with open("/proc/self/comm", "w") as name:
    name.write("neighbour")
server = socket.socket(fileno=int(sys.argv[1]))
print("ready", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(sys.argv[2].encode())
    client.close()
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a command: its exit code, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands on a stage.

    place: its folder on the host; image: the root file system of the image's copy; secret: a word that is in the
    secret file and on the neighbour's command line; key: of the shared memory, a decimal number.
    """

    place: str
    image: str
    hostname: str
    secret: str
    key: str
    neighbour: subprocess.Popen[str]


# ---- from outside

def play(attack: str, where: str, package: str = "", skipped: tuple[str, ...] = ()) -> bool:
    """Run one attack on a stage of its own; whether it works.

    where: "plain" or "container"; for the container, package: a student's folder, skipped: names of steps.
    Errors: ContainLabError where the stage cannot be made, or the container does not start.
    """
    command = python("perform", str(os.getpid()), attack, where, os.path.abspath(package) if package else "", *skipped)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if package or skipped:
        engine.clean()  # a runtime that lost its host's mounts to a missing step could not undo what it made
    try:
        told = json.loads(done.stdout)
    except ValueError:
        why = last_line(done.stderr) or f"exit code {done.returncode}"
        raise ContainLabError(f"attack {attack}: its stage went away: {why}") from None
    if "error" in told:
        raise ContainLabError(*told["error"])
    return bool(told["works"])


def python(function: str, *words: str) -> list[str]:
    """A command: a function of this module in a fresh Python, with words as its arguments."""
    program = (f"import sys; sys.path.insert(0, sys.argv[1])\n"
               f"from {__name__} import {function}\n{function}(*sys.argv[2:])")
    return [sys.executable, "-IS", "-c", program, PACKAGES, *words]


def last_line(text: str) -> str:
    """The last line of what a command said."""
    return (text.strip().splitlines() or [""])[-1]


# ---- the fresh process

def perform(parent: str, attack: str, where: str, package: str, *skipped: str) -> NoReturn:
    """Make a stage, run an attack on it, and print what came of it as JSON; the process ends with it."""
    try:
        pid.die_with_parent(int(parent))
        syscalls.unshare(KINDS)
    except (ContainLabError, OSError) as error:
        answer({"error": explain(error)})
    me = os.getpid()
    first = os.fork()
    if first:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) and 1)
    try:
        pid.die_with_parent(me)
        found = attacks.find(attack)
        stage = build()
        plain = where == "plain"
        said = attack_plain(found, stage) if plain else attack_boxed(found, stage, package, skipped)
        answer({"works": found.works(stage, said)})
    except (ContainLabError, OSError) as error:
        answer({"error": explain(error)})


def answer(value: dict[str, Any]) -> NoReturn:
    """Print a value as JSON and end: nothing is loaded any more, for the root may be another one by now."""
    os.write(1, json.dumps(value).encode())
    os._exit(0)


# ---- what stands on it

def build() -> Stage:
    """Set the stage up; this process is its first. Errors: NotFound for the image, OSError."""
    source = os.open(image.find(IMAGE).rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    protect_machine()
    syscalls.mount("proc", "/proc", "proc", 0)
    data = files.data_dir()
    syscalls.mount("cl-stage", data, "tmpfs", 0, "mode=755")
    root = f"{data}/images/{IMAGE}/rootfs"
    copy_image(source, root)
    place, secret = f"{data}/host", secrets.token_hex(12)
    for name in ("disk", "work", "shared"):
        os.makedirs(f"{place}/{name}")
    files.write(f"{place}/secret", f"{secret}\n")
    files.write(f"{place}/shared/roots", "what root has written\n", 0o644)
    syscalls.mount("cl-disk", f"{place}/disk", "tmpfs", 0, "size=64k")
    files.write(f"{place}/disk/data", "what the host keeps\n")
    uts.set_hostname(HOSTNAME)
    net.bring_loopback_up()
    return Stage(place, root, HOSTNAME, secret, share_memory(), settle_neighbour(secret))


def protect_machine() -> None:
    """Let the machine's file systems be read-only here, but for cgroups and the states of our containers."""
    state = files.state_dir()
    os.makedirs(state, 0o700, exist_ok=True)
    mount.set_propagation("/", syscalls.MS_PRIVATE)
    syscalls.mount(state, state, None, syscalls.MS_BIND | syscalls.MS_REC)
    change_mounts("/", syscalls.MOUNT_ATTR_RDONLY, 0)
    for path in (state, "/sys/fs/cgroup"):
        change_mounts(path, 0, syscalls.MOUNT_ATTR_RDONLY)


def change_mounts(path: str, given: int, taken: int) -> None:
    """Give attributes to the mounts at and below a path, and take others."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    syscalls.mount_setattr(handle, syscalls.AT_RECURSIVE, given, taken)
    os.close(handle)


def copy_image(source: int, root: str) -> None:
    """A copy of the image for the stage: an attack may change it."""
    shutil.copytree(f"/proc/self/fd/{source}", root, symlinks=True)
    shutil.copy(f"/proc/self/fd/{source}/../config.json", f"{root}/../config.json")


def share_memory() -> str:
    """Make a System V shared memory segment; its key, as /proc/sysvipc/shm shows it."""
    subprocess.run(["ipcmk", "--shmem", "64"], check=True, stdout=subprocess.DEVNULL)
    return files.get("/proc/sysvipc/shm").splitlines()[1].split()[0]


def settle_neighbour(secret: str) -> subprocess.Popen[str]:
    """Start the neighbour, and wait until it answers on the loopback network."""
    with socket.create_server(attacks.SERVICE) as server:
        command = [sys.executable, "-IS", "-c", NEIGHBOUR, str(server.fileno()), secret]
        neighbour = subprocess.Popen(command, text=True, pass_fds=[server.fileno()], stdout=subprocess.PIPE)
    if neighbour.stdout is None or neighbour.stdout.readline() != "ready\n":
        raise ContainLabError("stage: the neighbour did not start")
    return neighbour


# ---- the attack, twice

def attack_plain(attack: attacks.Attack, stage: Stage) -> Said:
    """Run an attack by a plain process of the stage: root, with all that root can do there."""
    shell = f"{stage.image}/bin/busybox"
    folders = [f"{stage.image}/{name}" for name in ("bin", "sbin", "usr/bin", "usr/sbin")]
    if attack.in_chroot:
        syscalls.mount("/proc", f"{stage.image}/proc", None, syscalls.MS_BIND | syscalls.MS_REC)
        return run(attack, stage, [shell, "chroot", stage.image, "/bin/busybox", "sh", "-c"], os.defpath)
    return run(attack, stage, [shell, "sh", "-c"], ":".join(folders))


def attack_boxed(attack: attacks.Attack, stage: Stage, package: str, skipped: tuple[str, ...]) -> Said:
    """Run an attack from a container of the stage. Errors: ContainLabError where the container does not start."""
    command = python("box", attack.name, package, ",".join(skipped))
    said = run(attack, stage, command, os.environ.get("PATH", os.defpath))
    if STARTED not in said.out:
        why = last_line(said.err) or f"exit code {said.code}"
        raise ContainLabError(f"attack {attack.name}: the container did not start: {why}",
                              "contain-lab run --trace shows how far it comes")
    return said


def run(attack: attacks.Attack, stage: Stage, command: list[str], path: str) -> Said:
    """Run a command with the attack's text as its last word."""
    begin = f"echo '{STARTED}'; place='{stage.place}'; cd \"$place/work\" 2>/dev/null || cd /tmp"
    try:
        done = subprocess.run([*command, f"{begin}; {attack.command}"], text=True, check=False,
                              capture_output=True, errors="replace", timeout=SECONDS, stdin=subprocess.DEVNULL,
                              env={**os.environ, "PATH": path, "TMPDIR": f"{stage.place}/work"})
    except subprocess.TimeoutExpired:
        raise ContainLabError(f"attack {attack.name}: it did not end in {SECONDS} s") from None
    return Said(done.returncode, done.stdout, done.stderr)


def box(attack: str, package: str, skipped: str, command: str) -> NoReturn:
    """Run a shell command in an attack's container, with the stage for its host."""
    code = 1
    try:
        names = set(filter(None, skipped.split(",")))
        # a container of an ordinary user may not bring up, nor show in /sys, a network that is its host's
        shares = "unshare_net" in names and not files.is_machines_root()
        plan = plan_of(attacks.find(attack), ["sh", "-c", command], "host" if shares else "none")
        if package:
            steps.use(package, engine.rooms(plan))
        for step in names - ({"unshare_net"} if shares else set()):
            steps.skip(plan.rows(), step)
        code = engine.run(plan)
    except (ContainLabError, OSError) as error:
        with contextlib.suppress(OSError):
            os.write(2, f"{explain(error)[0]}\n".encode())
    os._exit(code)


def plan_of(attack: attacks.Attack, command: list[str], network: str = "none") -> Plan:
    """The container of an attack: that of `contain-lab run`; for one that is mapped, with a user namespace.

    Such a container has no layer, for its root could not write into one that root has made.
    """
    asked = engine.Asked()
    asked.network = network
    plan = engine.prepare(IMAGE, command, asked)
    if not attack.mapped:
        return plan
    linux, ids = plan.config["linux"], [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
    linux |= {"namespaces": [*linux["namespaces"], {"type": "user"}], "uidMappings": ids, "gidMappings": ids}
    plan.config["mounts"].append({"destination": "/home", "type": "bind", "options": ["rbind"],
                                  "source": f"{files.data_dir()}/host/shared"})
    return Plan(spec.validate(plan.config), image.find(IMAGE).rootfs, plan.folder, waits=False)
