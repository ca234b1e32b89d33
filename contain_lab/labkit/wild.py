"""In the wild: what another runtime calls to start a container, and in which order, as strace shows it.

The runtime gets a bundle: the busybox image's root file system, read-only, and the config.json that it writes
itself with `spec`. It runs in a private mount namespace, where crun finds no hybrid control groups: it
refuses them. runc and crun have the same command line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from typing import Any

from contain_lab import image
from contain_lab.labkit.sentence import Refused, Sentence

PATH = "/usr/local/sbin:/usr/sbin:/sbin"
PROGRAM = r"execve\(\"(?!/proc/self)"
IDS = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]
# what is shown: (the calls that strace writes down, the lines that are worth it, what config.json gets)
SHOWN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "names": ("unshare,setns,clone,clone3,sethostname,execve", f"CLONE_NEW|sethostname|{PROGRAM}", {}),
    "parameters": ("unshare,setns,clone,clone3,openat,openat2,write,execve", f"CLONE_NEW|msgmax|\"9000\"|{PROGRAM}",
                   {"sysctl": {"kernel.msgmax": "9000"}}),
    "processes": ("unshare,setns,clone,clone3,fork,vfork,prctl,execve",
                  rf"CLONE_(NEW|VFORK|PARENT\b)|SUBREAPER|SET_PDEATHSIG|{PROGRAM}", {}),
    "root": ("mount,open_tree,move_mount,pivot_root,chroot,umount2,fchdir,chdir,execve",
             rf"rootfs\".*MS_BIND|pivot_root|chroot|umount2\(\"\.|fchdir|chdir\(\"/\"|{PROGRAM}", {}),
    "mounts": ("mount,openat2,pivot_root,execve",
               r"\"/\", .*MS_(SLAVE|PRIVATE)|mount\(\"(proc|sysfs)\", \"|proc/(sys|timer_list)\"|sys/firmware|"
               r"pivot_root|\"/dev/null\", \"/proc/self/fd|size=0k|" + PROGRAM, {}),
    "network": ("unshare,setns,clone,clone3,socket,ioctl,execve",
                rf"CLONE_NEWNET|AF_NETLINK|SIOC[GS]IFFLAGS|{PROGRAM}", {}),
    "ids": ("unshare,clone,clone3,openat,openat2,setresuid,setresgid,setuid,setgid,setgroups,execve",
            rf"CLONE_NEWUSER|[ug]id_map|setgroups|setres[ug]id|set[ug]id|{PROGRAM}",
            {"namespaces": [{"type": kind} for kind in ("user", "pid", "network", "ipc", "uts", "mount")],
             "uidMappings": IDS, "gidMappings": IDS}),
}
APART = """
covered=/sys/fs/cgroup/unified/cgroup.controllers
if [ -e $covered ]; then mount --bind /dev/null $covered; fi
if [ -d rootfs ]; then mount --bind "$IMAGE" rootfs; fi
exec strace -f -qq -o trace -e trace=$0 "$@"
"""


def strace_runtime(name: str, show: str = "names") -> Sentence:
    """Run `hostname` in a container of this runtime under strace, and show some of its calls.

    show: "names", "parameters" (it sets kernel.msgmax to 9000), "processes", "root", "mounts", "network" or "ids" (of
    a user namespace). Errors: Refused for another word.
    """
    if show not in SHOWN:
        raise Refused(f"strace_runtime: {show!r} is nothing to show", f"there are {', '.join(SHOWN)}")
    path = f"{os.environ.get('PATH', '')}:{PATH}"
    missing = [each for each in (name, "strace") if not shutil.which(each, path=path)]
    if missing:
        return Sentence(f"{' and '.join(missing)}: not on this machine (apt-get install {' '.join(missing)})")
    with tempfile.TemporaryDirectory(prefix="cl-wild-") as bundle:
        return Sentence(_strace(shutil.which(name, path=path) or name, bundle, show))


def _strace(runtime: str, bundle: str, show: str) -> str:
    subprocess.run([runtime, "spec"], cwd=bundle, check=True, capture_output=True)
    with open(f"{bundle}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"] |= {"args": ["hostname"], "terminal": False}
    calls, worth, settings = SHOWN[show]
    config["linux"] |= settings
    rootfs = image.find("busybox").rootfs
    if "uidMappings" in settings:  # whose root may not go where root's images are
        os.chmod(bundle, 0o755)
        os.mkdir(f"{bundle}/rootfs")
    root = {"path": f"{bundle}/rootfs" if "uidMappings" in settings else rootfs, "readonly": True}
    config |= {"hostname": "box", "root": root}
    with open(f"{bundle}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    words = ["unshare", "--mount", "sh", "-c", APART, calls, runtime, "run", os.path.basename(bundle)]
    done = subprocess.run(words, cwd=bundle, capture_output=True, text=True, timeout=20, check=False,
                          env={**os.environ, "IMAGE": rootfs})
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1]
        return f"{os.path.basename(runtime)} does not run here: {said}"
    with open(f"{bundle}/trace", encoding="utf-8") as file:
        lines = _worth(file.read(), worth, os.path.basename(bundle))
    return "\n".join([f"the container printed: {done.stdout.strip()}", *lines])


def _worth(trace: str, worth: str, name: str) -> list[str]:
    """The lines of a trace that are worth it, without what differs from run to run."""
    noise = r", 0x[0-9a-f]+ /\* \d+ vars \*/|, NULL|child_stack=(NULL|0x[0-9a-f]+), |, 0x[0-9a-f]{8,}(?=[,)])"
    root = image.find("busybox").rootfs
    lines = [re.sub(noise, "", line).replace(name, "box").replace(root, "/…/rootfs")
             for line in _whole(trace) if re.search(worth, line)]
    spaced = [re.sub(r"\s+= ", " = ", line) for line in lines]
    return [line if line.startswith("open") else re.sub(r"= \d\d+$", "= PID", line) for line in spaced]


def _whole(trace: str) -> list[str]:
    """The calls of a trace in the order of their ends: strace cuts one in two when another process comes between."""
    begun: dict[str, str] = {}
    calls = []
    for line in trace.splitlines():
        pid, _, call = line.partition(" ")
        call = begun.pop(pid, "") + re.sub(r"^\s*<\.\.\. \w+ resumed>", "", call.strip())
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>").rstrip()
        else:
            calls.append(call)
    return calls
