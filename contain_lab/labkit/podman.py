"""Podman on a student's runtime, with nothing of it left on the machine.

Podman keeps images, states and a process that pauses. So it gets a mount, network and PID namespace of its own, with
all that it writes in memory; an ordinary user's Podman gets a folder. Control groups are left out (lab 08): then
Podman needs none, on whichever version the machine has. man: podman-run(1), containers.conf(5).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

from contain_lab import files, image
from contain_lab.labkit.ordinary import NUMBER
from contain_lab.labkit.sentence import Refused, Sentence

APART = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# how Podman tells itself that it is in a user namespace already, and may have but a few ids
MAPPED = {"_CONTAINERS_USERNS_CONFIGURED": "done", "_CONTAINERS_ROOTLESS_UID": "1", "_CONTAINERS_ROOTLESS_GID": "1"}
SCRIPT = """
set -eu
folder=$1 user=$2 runtime=$3 rootfs=$4
shift 4
if [ "$(id -u)" = 0 ]; then
    for each in /run /dev/shm; do mount -t tmpfs -o mode=1777 cl-podman $each; done
    mount -t tmpfs -o mode=755 cl-podman "$folder"
    mount --make-rshared /
fi
mkdir "$folder/home" "$folder/run"
cp "$runtime" "$folder/runtime"
cp -R "$rootfs" "$folder/rootfs"
cat >"$folder/containers.conf" <<CONF
[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime_supports_nocgroup = ["mine"]
[engine.runtimes]
mine = ["$folder/runtime"]
CONF
become=
if [ "$user" != "$(id -u)" ]; then
    chown -R "$user:$user" "$folder/home" "$folder/run" "$folder/rootfs"
    become="setpriv --reuid=$user --regid=$user --clear-groups"
fi
chmod 700 "$folder/run"
cd "$folder"
podman="$become env HOME=$folder/home XDG_RUNTIME_DIR=$folder/run CONTAINERS_CONF=$folder/containers.conf
    podman --root $folder/home/root --runroot $folder/run/c --storage-driver vfs --runtime mine"
$podman run --rm --cgroups=disabled --rootfs "$folder/rootfs" "$@" && code=0 || code=$?
if [ "$user" != 0 ]; then $podman system migrate >/dev/null 2>&1 || true; fi
exit $code
"""


def podman_run(runtime: str, *command: str, rootless: bool = False) -> Sentence:
    """Let Podman run a command in a container of busybox, on a runtime; what the command prints.

    runtime: the path of an OCI runtime; rootless: as an ordinary user, which an ordinary user is anyway. Where Podman
    is not installed, or there is no runtime yet, the sentence says so. Errors: Refused with what Podman says.
    """
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    if not shutil.which("podman", path=path):
        return Sentence("podman: not on this machine (apt-get install podman)")
    if not os.path.exists(runtime):
        return Sentence(f"{runtime}: it is not there yet: contain-lab export my_runtime -o {runtime}")
    me, user = os.geteuid(), NUMBER if rootless and files.is_machines_root() else os.geteuid()
    with tempfile.TemporaryDirectory(prefix="cl-podman-") as folder:
        words = [*(() if me else APART), "sh", "-c", SCRIPT, "podman", folder, str(user), os.path.abspath(runtime),
                 image.find("busybox").rootfs, *command]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
                              env={**os.environ, "PATH": path, **({} if files.is_machines_root() else MAPPED)})
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line and not line.startswith("time=")]
        raise Refused(f"podman: {said[-1] if said else f'exit code {done.returncode}'}")
    return Sentence(done.stdout.rstrip("\n"))
