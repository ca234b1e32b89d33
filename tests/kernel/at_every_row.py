"""Do something at every row of the plan of a container, each time in a process of its own, and say what was left.

    at_every_row.py skip|fail|kill-run|kill-create, or each of them with -user: with user and time namespaces

A line of JSON for each: step, side ("self": who runs the row is killed; "parent": its parent), code, err, before (what
was left), after (what is left once it was swept). State and data are where $CONTAIN_LAB_STATE and $CONTAIN_LAB_DATA
say; processes are found by $CL_TEST_MARK.
"""

import contextlib
import glob
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from contain_lab import cli, engine, steps
from contain_lab.cli import run as run_command
from contain_lab.container import state, verbs
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError

STATE, DATA, MARK = (os.environ[name] for name in ("CONTAIN_LAB_STATE", "CONTAIN_LAB_DATA", "CL_TEST_MARK"))
OCI = f"{STATE}/oci"
PROGRAM = ["sh", "-c", "true"]


def prepare(how: str) -> Plan:
    """The plan of a default container, run from the image or created from a bundle."""
    plan = engine.prepare("busybox", PROGRAM, engine.Asked(netns=f"{STATE}/net", sysctl=["net.ipv4.ip_default_ttl=70"]))
    creates = how.startswith("kill-create")
    if how.endswith("-user"):
        map_ids(plan.config, 100000 if creates else 0)  # the layer that a run has is closed to strangers
        plan = Plan(plan.config, plan.root, plan.folder, plan.overlay, waits=False, init=True)
    hooked = "createContainer" if how.endswith("-user") else "createRuntime"  # run by the child, by the parent
    return Plan(oci_config(plan, hooked), plan.root, f"{OCI}/x") if creates else plan


def map_ids(config: dict[str, Any], outside: int) -> None:
    """User and time namespaces, a mount with mapped ids, and a namespace to join, which needs a process in between."""
    linux = config["linux"]
    linux["namespaces"] = [each for each in linux["namespaces"] if each["type"] != "ipc"] + [
        {"type": "user"}, {"type": "time"}, {"type": "ipc", "path": "/proc/self/ns/ipc"}]
    linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": outside, "size": 1000}]
    linux["timeOffsets"] = {"boottime": {"secs": 1000}}
    config["mounts"] = [each for each in config["mounts"] if each["type"] != "mqueue"] + [
        {"destination": "/tmp", "type": "bind", "source": f"{DATA}/images", "options": ["rbind", "idmap"]},
        {"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]},
        {"destination": "/run", "options": ["remount", "ro"], "type": "tmpfs"}]


def oci_config(plan: Plan, hooked: str) -> dict[str, Any]:
    root = f"{DATA}/images/busybox/rootfs"
    return {**plan.config, "root": {"path": root}, "hooks": {hooked: [{"path": "/bin/true"}]},
            "linux": {**plan.config["linux"], "cgroupsPath": MARK}}


# ---- what is done

def leave_out(plan: Plan, step: str, number: int, side: str) -> int:
    engine.change(plan, skipped=(step,))
    return engine.run_apart(plan, False, run_command.report)


def let_fail(plan: Plan, step: str, number: int, side: str) -> int:
    engine.change(plan, failing=(f"{step}=EIO",))
    return engine.run_apart(plan, False, run_command.report)


def kill_run(plan: Plan, step: str, number: int, side: str) -> int:
    kill_at(plan, step, number, side)
    return engine.run(plan)


def kill_create(plan: Plan, step: str, number: int, side: str) -> int:
    kill_at(plan, step, number, side)
    verbs.create(OCI, "x", plan.config, STATE)
    return 0


def kill_at(plan: Plan, step: str, number: int, side: str) -> None:
    """Ask for a kill before the call of a step that comes as its number-th: in a PID namespace nobody kills himself."""
    room, name = steps.find(plan.rows(), step)
    real, calls, me = getattr(room, name), [], os.getpid()

    def kills(*args: object) -> object:
        calls.append(name)
        if len(calls) == number:
            os.write(ASK[1], b"parent" if side == "parent" or os.getpid() == me else b"child")
            time.sleep(0.1)
        return real(*args)
    setattr(room, name, kills)


ASK: list[int] = []


def kill_as_asked(pid: int) -> None:
    """Kill a process, or its child, when it is asked for; return at once where all ends before."""
    os.close(ASK.pop())
    asked = os.read(ASK[0], 10)
    if asked == b"child":
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            found = file.read()
        pid = int(found or state.read_state(OCI, "x")["pid"])  # whoever created it may have gone
    if asked:
        os.kill(pid, signal.SIGKILL)
    os.close(ASK.pop())


# ---- what is left

def processes() -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            if f"CL_TEST_MARK={MARK}".encode() in file.read().split(b"\0") and int(pid) != os.getpid():
                found.append(int(pid))
    return found


def left() -> list[str]:
    """Processes, mounts, state directories, layers, groups and the network's name, told by their kind."""
    runs = [name for root in (OCI, f"{STATE}/run") if os.path.isdir(root) for name in os.listdir(root)]
    layers = os.listdir(f"{DATA}/containers") if os.path.isdir(f"{DATA}/containers") else []
    names = {MARK, *SEEN, *layers, *runs}
    SEEN.update(names)
    with open("/proc/self/mountinfo") as file:
        mounts = [line for line in file if (STATE in line or DATA in line) and f"{STATE}/net " not in line]
    groups = [f"/sys/fs/cgroup/*/cl-{name.removeprefix('cl-')}" for name in names if name != "x"]
    found = [path for pattern in groups for path in glob.glob(pattern)]
    return (["process"] * len(processes()) + ["mount"] * len(mounts) + ["state"] * len(runs) + ["layer"] * len(layers)
            + ["group"] * len(found) + ["name"] * os.path.lexists(f"{STATE}/net"))


SEEN: set[str] = set()


def settle() -> None:
    """Give a killed process the time to end."""
    end = time.monotonic() + 3
    while processes() and time.monotonic() < end:
        time.sleep(0.005)


def sweep() -> None:
    """What `delete --force` and `clean` take away; who is killed may hold its lock for a moment longer."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        verbs.delete(OCI, "x", force=True)
        engine.clean()
        if not left():
            return


# ---- one after the other

DO: dict[str, Callable[[Plan, str, int, str], int]] = {
    "skip": leave_out, "fail": let_fail, "kill-run": kill_run, "kill-create": kill_create}


def places(how: str) -> Iterator[tuple[str, int, str]]:
    """(step, which of its calls, who is killed)."""
    plan = prepare(how)
    child = [steps.full_name(row[0], row[1]) for row in [*plan.between, *plan.alone, *plan.inside]]
    here = [steps.full_name(row[0], row[1]) for row in [*plan.before, plan.clone, *plan.mapped, *plan.beside,
                                                        *plan.outside, *plan.hooked]]
    if how.startswith(("skip", "fail")):
        yield from ((name, 1, "self") for name in dict.fromkeys(here + child))
        return
    for names, sides in ((here, ("self",)), (child, ("self", "parent"))):
        for at, name in enumerate(names):
            yield from ((name, names[:at + 1].count(name), side) for side in sides)


def in_a_child(do: Callable[[], int]) -> tuple[int, str]:
    """Do something in a child process, which may ask to be killed: its exit code, and what it said of errors."""
    errors = os.memfd_create("errors")
    ASK[:] = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(errors, 2)
        code = 99
        try:
            code = do()
        except (ContainLabError, OSError) as error:
            code = cli.report(error)
        finally:
            sys.stderr.flush()
            os._exit(code)
    kill_as_asked(pid)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = os.pread(errors, 100_000, 0).decode()
    os.close(errors)
    return code, said


def one(how: str, step: str, number: int, side: str) -> dict[str, object]:
    """Do it in a child process, and look at what is left."""
    code, said = in_a_child(lambda: DO[how.removesuffix("-user")](prepare(how), step, number, side))
    if not (how.startswith("kill-create") and code == 0):
        settle()
    before = left()
    sweep()
    return {"step": step, "number": number, "side": side, "code": code, "err": said, "before": before, "after": left()}


if __name__ == "__main__":
    for place in places(sys.argv[1]):
        print(json.dumps(one(sys.argv[1], *place)), flush=True)
