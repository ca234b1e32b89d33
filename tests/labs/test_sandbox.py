"""The worst steps: the machine is as before, the verdict is a sentence, and it comes soon."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contain_lab import cgroups
from contain_lab.labkit import host, judge
from contain_lab.labkit.sandbox import group as sandbox_group
from contain_lab.labkit.judge.verdict import PARTS, Verdict

pytestmark = pytest.mark.needs("root")
ROOT = Path(__file__).resolve().parents[2]
REWRITE = "kept = open({0!r}).read(); open({0!r}, 'w').write(kept)"    # with the sandbox broken it harms nothing, too
CANARY = "/etc/contain_lab-canary"    # never there

# name: (the body of set_hostname, the id of what is said, and what stands in the message)
WORST = {
    "raises": ("raise ValueError('my own mistake')", "raised"),
    "returns_nonsense": ("return object()", "uts.hostname.unchanged"),
    "recurses": ("return set_hostname(name)", "raised"),
    "hangs_deaf": ("signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "hung"),
    "forks_and_both_return": ("[os.fork() for _ in range(4)]", "forked"),
    "leaves_a_daemon": ("import subprocess\nsubprocess.Popen(['sleep', '987'])", "forked"),
    "leaves_an_orphan": ("if os.fork() == 0:\n    if os.fork() == 0: time.sleep(987)\n    os._exit(0)\nos.wait()",
                         "forked"),
    "fork_bomb": ("while True:\n    try: os.fork()\n    except OSError: pass", "hung"),
    "forks_under_many_ids": ("made = []\ntry:\n    for id in range(1, 200):\n        made.append(os.fork())\n"
                             "        if made[-1] == 0: os.setresuid(id, id, id), signal.pause()\nexcept OSError:\n"
                             "    for pid in made: os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)\n    raise",
                             "raised", "EAGAIN"),
    "sys_exit": ("sys.exit(3)", "exited"),
    "os_exit": ("os._exit(0)", "went_away"),
    "kills_itself": ("os.kill(os.getpid(), signal.SIGKILL)", "went_away"),
    "kills_pid_1": ("for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT): os.kill(1, number)",
                    "uts.hostname.unchanged"),
    "kills_all_it_sees": ("for pid in filter(str.isdigit, os.listdir('/proc')):\n"
                          "    if int(pid) not in (1, os.getpid()): os.kill(int(pid), signal.SIGKILL)",
                          "uts.hostname.unchanged"),
    "kills_everyone": ("os.kill(-1, signal.SIGKILL)", "raised", "ESRCH"),    # there is nobody else
    "unmounts_everything": ("import ctypes\nfor line in open('/proc/self/mountinfo').read().splitlines()[::-1]:\n"
                            "    ctypes.CDLL(None).umount2(line.split()[4].encode(), 2)", "uts.hostname.unchanged"),
    "renames_the_host": ("socket.sethostname('cl-harm')", "uts.hostname.other"),
    "renames_outside": ("syscalls.setns(os.open('/proc/1/ns/uts', os.O_RDONLY), 0)\nsyscalls.sethostname(name)",
                        "uts.hostname.host_changed"),
    "writes_to_etc": (f"open('{CANARY}', 'a').write('harm')", "raised", "EROFS"),
    "remounts_writable": ("syscalls.mount(None, '/', None, syscalls.MS_REMOUNT | syscalls.MS_BIND)", "raised",
                          "EPERM"),
    "clears_readonly": ("place = os.open('/usr', os.O_PATH)\nsyscalls.mount_setattr(place, 0, 0, 1)", "raised", "EPERM"),
    "writes_core_pattern": (REWRITE.format("/proc/sys/kernel/core_pattern"), "raised", "EACCES"),
    "writes_to_a_proc_of_its_own": ("syscalls.mount('proc', '/tmp', 'proc', 0)\n"
                                    + REWRITE.format("/tmp/sys/kernel/core_pattern"), "raised", "EACCES"),
    "writes_under_proc": ("syscalls.umount2('/proc', 2)\n" + REWRITE.format("/proc/sys/vm/swappiness"), "raised",
                          "ENOENT"),
    "drops_caches": ("open('/proc/sys/vm/drop_caches', 'w').write('1')", "raised", "EACCES"),
    "reads_of_kernel_memory": ("open('/proc/slabinfo').read(1)", "raised", "EACCES"),
    "reads_passwords": ("open('/etc/shadow').read()", "raised", "EACCES"),
    "reads_solutions": (f"os.listdir({str(ROOT / 'solutions')!r})", "raised", "ENOENT"),
    "reads_checks": ("open(f'{OURS}/labkit/checks/uts.py')", "raised", "ENOENT"),
    "uncovers_the_solution": ("syscalls.umount2(f'{OURS}/namespaces/uts.py', 2)", "raised", "EINVAL"),
    "reads_home": ("os.listdir('/root')", "raised", "ENOENT"),
    "opens_a_disk": ("for name in open('/proc/partitions').read().split()[7::4]: os.open(f'/dev/{name}', os.O_RDWR)\n"
                     "os.open('/dev/vda', os.O_RDWR)", "raised", "ENOENT"),
    "looks_under_proc": ("syscalls.umount2('/proc', 2)\nos.listdir('/proc/1')", "raised", "ENOENT"),
    "looks_out_of_init": ("os.listdir('/proc/1/root/root')", "raised", "ENOENT"),
    "calls_the_machine": ("socket.socket(socket.AF_UNIX).connect('\\0contain_lab-canary')", "raised", "ECONNREFUSED"),
    "calls_the_machine_by_path": ("socket.socket(socket.AF_UNIX).connect(SOCKET)", "raised", "ENOENT"),
    "reaches_for_the_network": ("socket.socket(socket.AF_INET).connect(('127.0.0.1', 22))", "raised", "ENETUNREACH"),
    "makes_a_device": ("os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0))", "raised", "EPERM"),
    "removes_files": ("os.remove(__file__)", "raised", "EROFS"),
    "writes_to_my_runtime": ("open(__file__, 'a').write('harm')", "raised", "EACCES"),
    "fills_memory": ("hoard = [b'x' * (64 << 20) for _ in range(48)]", "memory"),
    "closes_all_descriptors": ("os.closerange(0, 65536)", "closed"),
    "executes": ("os.execv('/bin/sleep', ['sleep', '987'])", "executed"),
    "prints_10_MB": ("print('x' * 10_000_000)", "uts.hostname.unchanged"),
    "forges_the_pipe": ("for fd in range(3, 64):\n"
                        "    try: os.write(fd, b'{\"returned\": \"\", \"passed\": true}\\n' * 3)\n"
                        "    except OSError: pass", "uts.hostname.unchanged"),
    "floods_the_pipe": ("while True: os.write(4, b'x' * 4096)", "garbled"),
    "garbles_the_pipe": ("os.write(4, b'[[[[]\\n')", "garbled"),
    "tampers_with_the_kit": ("from contain_lab.labkit.sandbox import student\nstudent.flush = student.raised = print\n"
                             "student.call_step = None\nsys.modules.clear()", "uts.hostname.unchanged"),
    "replaces_streams": ("sys.stdout = None", "uts.hostname.unchanged"),
    "ignores_children": ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nif os.fork() == 0: time.sleep(987)", "forked"),
    "stops_itself": ("os.kill(os.getpid(), signal.SIGSTOP)", "hung"),
    "takes_keys": ("number = 250 if os.uname().machine == 'x86_64' else 219\n"
                   "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                   "if libc.syscall(number, 10, -3, b'user', b'contain_lab-canary', 0) < 0:\n"    # KEYCTL_SEARCH
                   "    raise OSError(ctypes.get_errno(), 'keyctl')", "raised", "ENOKEY"),
    "borrows": ("from contain_lab.namespaces import uts\nuts.set_hostname(name)", "borrowed"),
}

# what root of a user namespace may do in it, and labs need: name: the body of set_hostname, before it sets the name
ALLOWED = {
    "sysctl_of_ipc": "open('/proc/sys/kernel/msgmax', 'w').write('4096')\n"
                     "open('/proc/sys/fs/mqueue/msg_max', 'w').write('11')",
    "sysctl_of_net": "open('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'w').write('80')",
    "sysctl_of_a_private_proc": "from contain_lab.namespaces import sysctl\nsysctl.set_sysctl('kernel.shmmni', '99')",
    "proc_of_a_pid_namespace": "child = syscalls.clone3(syscalls.CLONE_NEWPID | syscalls.CLONE_NEWNS)\n"
                               "if child == 0:\n    syscalls.mount('proc', '/proc', 'proc', 0)\n"
                               "    os._exit(os.listdir('/proc').count('2'))\n"
                               "assert os.waitpid(child, 0)[1] == 0",
    "sysfs_of_a_network": "syscalls.unshare(syscalls.CLONE_NEWNET)\n"
                          "syscalls.mount('sysfs', '/sys', 'sysfs', syscalls.MS_RDONLY)\n"
                          "assert os.listdir('/sys/class/net') == ['lo']",
    "id_maps_of_a_child": "(hear, say), (go, on) = os.pipe(), os.pipe()\nchild = os.fork()\nif child == 0:\n"
                          "    syscalls.unshare(syscalls.CLONE_NEWUSER)\n    os.write(say, b'r')\n    os.read(go, 1)\n"
                          "    os.setresuid(7, 7, 7)\n    os._exit(0)\nos.read(hear, 1)\n"
                          "open(f'/proc/{child}/setgroups', 'w').write('deny')\n"
                          "open(f'/proc/{child}/uid_map', 'w').write('0 1000 10')\n"
                          "open(f'/proc/{child}/gid_map', 'w').write('0 1000 10')\nos.write(on, b'g')\n"
                          "assert os.waitpid(child, 0)[1] == 0\nfor end in (hear, say, go, on): os.close(end)",
    "nodes_of_dev": "found = [name for name in os.listdir('/dev') if not os.path.islink(f'/dev/{name}')]\n"
                    "assert sorted(found) == ['full', 'null', 'random', 'shm', 'tty', 'urandom', 'zero'], found\n"
                    "open('/run/null', 'w').close()\nsyscalls.mount('/dev/null', '/run/null', None, syscalls.MS_BIND)\n"
                    "with open('/run/null', 'w') as null: null.write('x')\nassert open('/run/null').read() == ''",
}


def write(folder: Path, body: str) -> Path:
    """my_runtime with a set_hostname of this body."""
    package = folder / "my_runtime"
    package.mkdir(exist_ok=True)
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    (package / "namespaces.py").write_text(
        "import os, signal, socket, sys, time\n\nfrom contain_lab import syscalls\n\n"
        f"SOCKET, OURS = {str(folder / 'socket')!r}, os.path.dirname(syscalls.__file__)\n\n\n"
        f"def set_hostname(name):\n{lines}\n")
    return package


def machine() -> dict[str, object]:
    """What a step must leave as it is."""
    spaces = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in os.listdir("/proc/self/ns")}
    return {"mounts": Path("/proc/self/mountinfo").read_text().count("\n"), "own": spaces, "name": os.uname().nodename,
            "canary": Path(CANARY).exists(), "core_pattern": Path("/proc/sys/kernel/core_pattern").read_text(),
            "swappiness": Path("/proc/sys/vm/swappiness").read_text(), "folder": os.getcwd()}


def command(pid: str) -> str:
    """A process's command line, "" where it has ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return ""


def run_alone(package: Path, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """One check, with the machine compared before and after; what it starts is known by a mark."""
    mark = os.urandom(8).hex()
    monkeypatch.setenv(host.MARK, mark)
    things, before = host.look(), machine()
    verdict = judge.run_check("uts.hostname", package)
    monkeypatch.delenv(host.MARK)
    assert machine() == before
    left = host.left_since(things, mark)    # mounts, groups, links, named namespaces, processes
    assert [each for each in left if not is_anothers(each)] == []
    return verdict


def is_anothers(thing: str) -> bool:
    """Whether this is no judge's group, or that of one that lives, which ours does not any more."""
    if "cl-judge-" not in thing:
        return thing.startswith("cgroup ")
    held = subprocess.run(["flock", "--nonblock", thing.removeprefix("cgroup "), "true"])
    return held.returncode == 1


@pytest.mark.parametrize("name", WORST)
def test_the_worst_step_gets_a_sentence_and_harms_nothing(name: str, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch):
    body, said, *words = WORST[name]
    package = write(tmp_path, body)
    with listening(str(tmp_path / "socket")), listening("\0contain_lab-canary"), key_of("contain_lab-canary"):
        check_worst(package, said, words, monkeypatch)


@contextlib.contextmanager
def listening(address: str):
    """The machine answers at this address, whoever calls."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        if address[0] != "\0":
            os.chmod(address, 0o777)
        server.listen()
        yield


@contextlib.contextmanager
def key_of(name: str):
    """A key of this name, in a session keyring that everything has which is started from here. man: keyctl(2)."""
    libc, (add_key, keyctl) = ctypes.CDLL(None, use_errno=True), (
        (248, 250) if os.uname().machine == "x86_64" else (217, 219))
    key = libc.syscall(add_key, b"user", name.encode(), b"secret", ctypes.c_size_t(6), -3)
    assert key > 0, os.strerror(ctypes.get_errno())
    yield
    libc.syscall(keyctl, 9, key, -3)    # KEYCTL_UNLINK


def check_worst(package: Path, said: str, words: list[str], monkeypatch: pytest.MonkeyPatch):
    before = (package / "namespaces.py").read_text()
    verdict = run_alone(package, monkeypatch)
    assert verdict.ms < 8000
    assert not verdict.passed
    assert verdict.message == said, verdict.text
    assert all(word in verdict.text for word in words), verdict.text
    assert all(verdict.parts()[part] for part in PARTS)
    assert len(verdict.output) < 70_000
    assert "contain_lab/" not in "".join(verdict.lines())
    assert (package / "namespaces.py").read_text() == before


@pytest.mark.parametrize("name", ALLOWED)
def test_root_of_the_sandbox_may_do_what_labs_teach(name: str, tmp_path: Path):
    verdict = judge.run_check("uts.hostname", write(tmp_path, f"{ALLOWED[name]}\nsyscalls.sethostname(name)"))
    assert verdict.passed, verdict.text


def test_a_package_below_a_closed_folder_is_judged(tmp_path: Path):
    """As below /root: root of the sandbox could not even enter it."""
    package = write(tmp_path, "syscalls.sethostname(name)")
    for path in (package / "namespaces.py", package, tmp_path):
        path.chmod(0o600 if path.is_file() else 0o700)
    assert judge.run_check("uts.hostname", package).passed


def started(package: Path) -> "subprocess.Popen[str]":
    """A process that asks the judge, as a kernel does, in a process group of its own; the step is running."""
    code = ("import pathlib, sys, time\nfrom contain_lab.labkit import judge\n"
            "try: judge.run_check('uts.hostname', pathlib.Path(sys.argv[1]))\n"
            "except KeyboardInterrupt as stop: print(*stop._render_traceback_(), flush=True)\n"
            "time.sleep(30)")
    asking = subprocess.Popen([sys.executable, "-c", code, str(package)], stdout=subprocess.PIPE, text=True,
                              start_new_session=True)
    until(lambda: sleepers(asking.pid), 20)
    return asking


def group_of(pid: int) -> Path:
    """The group of a sandbox, by a process in it."""
    line = next(line for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if "cl-judge-" in line)
    return Path(cgroups.group_path("pids", line.rpartition("/")[2]))


def until(true, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def below(pid: int) -> list[int]:
    """All descendants of a process."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [each for child in found for each in below(child)]


def sleepers(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):    # one of them ended meanwhile
        return [each for each in below(pid) if command(str(each)) == "sleep 987"]
    return []


DEAF = ("import subprocess\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '987'])\ntime.sleep(987)")


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_whoever_asks_stops_and_nothing_lives_on(how: str, tmp_path: Path):
    asking = started(write(tmp_path, DEAF))
    family = below(asking.pid)
    group = group_of(family[1])
    start = time.monotonic()
    if how == "interrupted":
        os.killpg(asking.pid, signal.SIGINT)
        assert "interrupted" in asking.stdout.readline()
    else:
        os.kill(asking.pid, signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    until(lambda: not group.exists())
    assert time.monotonic() - start < 3
    asking.kill()
    asking.communicate()


def test_a_judge_that_is_killed_takes_the_sandbox_along(tmp_path: Path):
    asking = started(write(tmp_path, DEAF))
    family = below(asking.pid)
    group = group_of(family[1])
    sandbox_group.sweep()
    assert group.exists()    # its judge lives
    os.kill(family[0], signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    asking.kill()
    asking.communicate()
    judge.run_check("uts.hostname", write(tmp_path, "return None"))    # the next one sweeps
    assert not group.exists()


def test_a_judge_that_is_stopped_while_it_clears_up_goes_on_with_it(tmp_path: Path):
    """SIGTERM at many moments: never is a group left."""
    before = {each for each in host.look() if "cl-judge" in each}
    package = write(tmp_path, "syscalls.sethostname(name)")
    for step in range(20):
        code = ("import pathlib, sys\nfrom contain_lab.labkit import judge\n"
                "judge.run_check('uts.hostname', pathlib.Path(sys.argv[1]))")
        asking = subprocess.Popen([sys.executable, "-c", code, str(package)], stderr=subprocess.DEVNULL)
        until(lambda of=asking.pid: below(of))
        time.sleep(step * 0.002)
        with contextlib.suppress(IndexError, ProcessLookupError):    # it was done already
            os.kill(below(asking.pid)[0], signal.SIGTERM)
        asking.wait()
    until(lambda: {each for each in host.look() if "cl-judge" in each} <= before)


@pytest.mark.parametrize(("body", "seed"), [
    ("syscalls.sethostname(name)\nsignal.setitimer(signal.ITIMER_REAL, 0.05)", "graded"),
    ("import threading\nsyscalls.sethostname(name)\nthreading.Timer(0.05, os._exit, [0]).start()", "graded"),
])
def test_a_step_whose_process_ends_after_it_came_back_gets_no_points(body: str, seed: str, tmp_path: Path):
    """The check is quicker than the timer; where a seed says that it counts, the last look comes later."""
    package = write(tmp_path, body)
    verdict = judge.run_check("uts.hostname", package, seed=seed)
    assert verdict.message in ("ended_later", "went_away"), verdict.text


def test_a_group_that_another_judge_swept_before_it_was_locked_is_made_again(monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    create = cgroups.create_group

    def create_and_lose_the_first(name: str, controllers: tuple[str, ...]) -> None:
        create(name, controllers)
        made.append(name)
        if len(made) == 1:
            sandbox_group.sweep()

    monkeypatch.setattr(cgroups, "create_group", create_and_lose_the_first)
    group = sandbox_group.Group()
    try:
        file = group.make()
        joined = subprocess.run(["cat", "/proc/self/cgroup"], preexec_fn=lambda: sandbox_group.join(file),
                                capture_output=True, text=True, check=True)
        os.close(file)
        assert (len(made), group.name) == (2, made[1])
        assert not os.path.exists(cgroups.group_path("pids", made[0]))
        assert group.name in joined.stdout
    finally:
        group.remove()


def test_a_step_sees_nothing_of_the_environment_of_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_OF_THE_INSTRUCTOR", "canary-word")
    package = write(tmp_path, "print(os.environ, open('/proc/self/environ').read(), open('/proc/1/environ').read())")
    verdict = judge.run_check("uts.hostname", package)
    assert "PATH" in verdict.output
    assert "canary-word" not in verdict.output
