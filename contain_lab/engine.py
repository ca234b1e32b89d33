"""What `contain-lab run IMAGE` does: an image, a layer above it, a spec, a container; and what people do to its steps.

A wrong or missing step may let the next one act on the machine. So what people tinker with runs in a process of its
own, in mount, UTS and IPC namespaces of its own, and this one clears up after it.
"""

import os
import select
import signal

from contain_lab import capabilities, cgroups, files, image, namespaces, rootfs, spec, steps, syscalls, trace
from contain_lab.container import attach, verbs
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError, NotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

def runs_root() -> str:
    """The state directory of containers that `run` started."""
    return f"{files.state_dir()}/run"


def prepare(image_name: str, command: list[str], hostname: str = "", terminal: bool = False,
            is_folder: bool = False, sysctls: tuple[str, ...] = ()) -> Plan:
    """The plan of a container: an image, a layer of its own above it, the default spec. Nothing is done yet.

    command: program and arguments; [] for the image's own; is_folder: image_name is the path of a root file system,
    which the container writes into itself; sysctls: "NAME=VALUE", kernel parameters of its namespaces. Errors:
    NotFound for the image, InvalidConfig for a parameter that would be the host's.
    """
    if os.geteuid() != 0:
        raise ContainLabError("containers need privileges, and this is an ordinary user", "run as root, with sudo")
    found = own_folder(image_name) if is_folder else image.find(image_name)
    settings = found.config.get("config") or {}
    args = command or [*(settings.get("Entrypoint") or []), *(settings.get("Cmd") or ["sh"])]
    name = f"cl-{os.urandom(6).hex()}"
    env = [*(settings.get("Env") or []), "HOME=/root"]
    env += [f"TERM={os.environ.get('TERM', 'xterm')}"] if terminal else []
    layer = f"{files.data_dir()}/containers/{name}"
    root = found.rootfs if is_folder else f"{layer}/root"
    controlled = cgroups.available("devices")
    kept = tuple(cap for cap in capabilities.DEFAULT if controlled or cap != "CAP_MKNOD")
    config = spec.default(args, root, hostname or name.removeprefix("cl-"), kept, tuple(env),
                          settings.get("WorkingDir") or "/", terminal)
    if controlled:
        config["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
    if sysctls:
        config["linux"]["sysctl"] = dict(map(parameter, sysctls))
    overlay = None if is_folder else (found.rootfs, layer)
    plan = Plan(config, root, f"{runs_root()}/{name}", overlay, waits=False)
    spec.validate(config)
    return plan


def own_folder(path: str) -> image.Image:
    """A person's own root file system, in the place of an image. Errors: NotFound."""
    if not os.path.isdir(path):
        raise NotFound(f"root file system {path!r}: no such directory", "--rootfs takes the path of one")
    return image.Image(path, os.path.realpath(path), {})


def parameter(text: str) -> tuple[str, str]:
    """A kernel parameter and its value: parameter("kernel.msgmax=9000"). Errors: UsageError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--sysctl {text}: a name and a value are due", "--sysctl kernel.msgmax=9000")
    return name, value


def run(plan: Plan, interactive: bool = False) -> int:
    """Run a prepared container in the foreground; its exit code. Nothing of it is left.

    interactive: whether it has our input. Errors: ContainLabError.
    """
    verbs.sweep(runs_root(), tries=1)
    os.umask(0o022)  # a person's own would be seen in the container's root
    if not interactive:
        attach.close_input()
    front = attach.Foreground(bool(plan.config["process"]["terminal"]), interactive)
    try:
        return verbs.run(plan, front.serve, front.socket, front.loop)
    finally:
        front.restore()


def run_apart(plan: Plan, interactive: bool, report: "Callable[[Exception], int]") -> int:
    """As `run`, where steps are not ours or not as they were: whatever they do, the machine stays as it is.

    report: says an error to the person, and gives the exit code. Errors: ContainLabError where the runtime's own
    process went away without a word.
    """
    hear, say = os.pipe()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    others = children()
    pid = os.fork()
    if pid == 0:
        os._exit(_apart(plan, interactive, report, say))
    os.close(say)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process gets it too, and passes it on
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.signal(signal.SIGINT, before)
    end_orphans(others)
    verbs.sweep(runs_root())
    if select.select([hear], [], [], 0)[0] and os.read(hear, 1) == b"d":
        return status
    raise ContainLabError("the runtime's process went away without a word, in a step on the parent's side",
                          "a step must return: it may not exit or execute a program")


def children() -> set[int]:
    """The child processes of this one. man: proc_tid_children(5)."""
    return {int(pid) for task in os.listdir("/proc/self/task")
            for pid in files.get(f"/proc/self/task/{task}/children").split()}


def end_orphans(others: set[int]) -> None:
    """End what a step on the parent's side left running: it has become a child of ours."""
    while left := children() - others:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _apart(plan: Plan, interactive: bool, report: "Callable[[Exception], int]", say: int) -> int:
    """In the process apart: run, and leave a byte that says that the end was reached."""
    import shutil  # noqa: F401  undoing needs it, and a missing step may have taken the file system away

    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        namespaces.stand_apart()
        code = run(plan, interactive)
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001  a student's step may let anything through
        code = report(error)
    os.write(say, b"d")
    return code


def rooms(plan: Plan) -> "list[ModuleType]":
    """The rooms whose steps a plan calls."""
    return list(dict.fromkeys(room for room, *_ in plan.rows()))


# ---- what people may do to the steps

def change(plan: Plan, package: str = "", skipped: tuple[str, ...] = (), failing: tuple[str, ...] = (),
           broken: str = "") -> list[str]:
    """Put other functions in the place of steps; the full names of those that are a student's.

    package: a student's folder; skipped: names of steps; failing: "STEP=ERRNO"; broken: a step to break off after.
    Errors: NotFound, UsageError.
    """
    rows = plan.rows()
    theirs = steps.use(package, rooms(plan)) if package else []
    for wanted in skipped:
        steps.skip(rows, wanted)
    for wanted in failing:
        name, equals, number = wanted.partition("=")
        if not equals:
            raise UsageError(f"--fail {wanted}: an errno is due", f"--fail {wanted}=EPERM")
        steps.fail(rows, name, errno_of(number))
    if broken:
        steps.break_at(rows, broken, attach.open_shell)
    return theirs


def errno_of(name: str) -> int:
    """The number of an errno by its name: errno_of("EPERM") -> 1. Errors: UsageError."""
    import errno

    number = getattr(errno, name, None) if name[:1] == "E" else None
    if not isinstance(number, int):
        raise UsageError(f"errno {name}: no such error", "--fail STEP=EPERM; errno(3) lists the names")
    return number


# ---- looking at the steps

def explain(plan: Plan) -> str:
    """The whole plan, a step a line, with what it does below; nothing is done."""
    lines = []
    for number, (room, name, args, *_) in enumerate(plan.rows(), 1):
        doc = (getattr(room, name).__doc__ or "").strip().splitlines()
        lines.append(f"{number:3}  {steps.full_name(room, name)}({steps.shown(args)})\n"
                     f"       {doc[0] if doc else ''}".rstrip())
    return "\n".join(lines)


def record(plan: Plan, sink: "trace.Sink") -> None:
    """Record all steps of a plan, and the system calls that they make, from now on."""
    began = trace.now()
    for call, function in list(vars(syscalls).items()):
        manual = (getattr(function, "__doc__", None) or "").rpartition("man: ")[2].partition(")")[0]
        if callable(function) and not call.startswith("_") and manual.endswith("(2"):
            trace.wrap_call(syscalls, call, f"{manual})", _describe_call(call), sink, began)
    for call in syscalls.OF_OS:
        trace.wrap_call(os, call, f"{call}(2)", _describe_call(call), sink, began, returns=call != "execve")
    trace.wrap_call(files, "put", "write(2)", _describe_put, sink, began)
    for room, name in dict.fromkeys((room, name) for room, name, *_ in plan.rows()):
        trace.wrap_step(room, name, steps.full_name(room, name), _describe_step(room, name), sink, began)


def _describe_put(path: str, text: str) -> dict[str, str]:
    return {"path": f'"{path}"', "text": f'"{text}"'}


def _describe_call(name: str) -> "trace.Describe":
    def describe(*args: object, **named: object) -> dict[str, str]:
        shown = syscalls.decoded_arguments(name, args)
        return {**shown, **{key: str(value) for key, value in named.items()}}

    return describe


def _describe_step(room: "ModuleType", name: str) -> "trace.Describe":
    names = getattr(room, name).__code__.co_varnames

    def describe(*args: object) -> dict[str, str]:
        return {names[at] if at < len(names) else f"arg{at}": steps.shown([arg]) for at, arg in enumerate(args)}

    return describe


# ---- clearing up

def sweep_layers() -> list[str]:
    """Remove the layers whose state is gone, for states are in memory and a boot takes them: their names.

    A state is there before its layer, and goes after it. What is mounted anywhere is left alone.
    """
    folder = f"{files.data_dir()}/containers"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    lost = [name for name in names if not os.path.exists(f"{runs_root()}/{name}")]
    mounted = "".join(_mounts(pid) for pid in os.listdir("/proc") if pid.isdigit()) if lost else ""
    lost = [name for name in lost if f"{folder}/{name}/" not in mounted]
    for name in lost:
        rootfs.remove_layer(f"{folder}/{name}")
    return lost


def _mounts(pid: str) -> str:
    try:
        return files.get(f"/proc/{pid}/mountinfo")
    except OSError:  # it has ended since
        return ""


def clean() -> tuple[list[str], list[str]]:
    """Remove what killed commands left: states, layers, groups, half-made images.

    Returns a line for each thing removed, and one for each that could not be.
    """
    swept = [verbs.sweep(root) for root in (runs_root(), "/run/contain_lab/oci")]
    removed = [f"container {name}" for names, _ in swept for name in names]
    removed += [f"layer {name}" for name in sweep_layers()]
    removed += [f"image in the making {name}" for name in image.sweep()]
    return removed, [line for _, failed in swept for line in failed]

