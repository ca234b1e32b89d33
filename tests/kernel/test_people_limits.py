"""`contain-lab run --memory --cpus --pids-limit`: limits crossed, and what a person is told."""

import json

import pytest

pytestmark = pytest.mark.needs("root", "busybox", "overlay")
KILLED = "contain-lab: out of memory: the kernel killed a process of the container at its limit of memory, 24 MiB\n"
GREEDY = ("--memory", "24m", "--memory-swap", "24m", "busybox", "tail", "/dev/zero")


def test_an_oom_kill_is_said_to_be_one(run):
    done = run(*GREEDY)
    assert (done.code, done.err) == (137, KILLED)


def test_an_oom_kill_is_said_where_steps_are_changed_too(run):
    done = run("--skip", "set_hostname", *GREEDY)
    assert (done.code, done.err) == (137, KILLED)


@pytest.mark.parametrize(("words", "killed"), [(GREEDY, True), (("busybox", "false"), False)])
def test_inspect_knows_who_was_killed_for_memory(run, words, killed):
    run.do("run", "--name", "web", *words)
    state = json.loads(run.do("inspect", "web").out)[0]["State"]
    run.do("rm", "web")
    assert (state["OOMKilled"], state["ExitCode"]) == (killed, 137 if killed else 1)


def test_a_child_that_was_killed_is_said_though_the_container_ended_well(run):
    done = run("--memory", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", "tail /dev/zero; echo $?")
    assert (done.code, done.out) == (0, "137\n")
    assert KILLED in done.err


def test_half_a_processor_is_half_of_ones_time(run):
    done = run("--cpus", "0.5", "busybox", "sh", "-c",
               "timeout 1 sh -c 'while :; do :; done'; cut -d' ' -f16,17 /proc/1/stat")
    assert 25 <= sum(map(int, done.out.split())) <= 70, done


def test_one_process_too_many_is_refused(run):
    done = run("--pids-limit", "5", "busybox", "sh", "-c", "for n in 1 2 3 4 5 6 7 8; do sleep 1 & done")
    assert "fork" in done.err


def test_explain_shows_the_limits(run):
    said = run.do("run", "--explain", "--memory", "64m", "--cpuset-cpus", "0", "busybox").out
    assert 'cgroups.memory.set_memory_limit("cl-' in said
    assert ", 67108864)" in said
    assert 'cgroups.cpuset.set_cpuset("cl-' in said


def test_a_limit_that_the_kernel_does_not_take_leaves_nothing(run):
    done = run("--cpuset-cpus", "9999", "busybox", "true")
    assert done.code == 125
    assert "cpuset.cpus" in done.err
