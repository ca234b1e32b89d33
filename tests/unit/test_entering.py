"""The rows of an exec, and what a hook is told, without a container."""

from typing import Any

import pytest

from contain_lab import cgroups, spec, steps
from contain_lab.container import entering, hooks
from contain_lab.errors import ContainLabError

ALL = ("uts", "ipc", "pid", "mount", "network", "user", "cgroup", "time")
KEPT: dict[str, Any] = {"pid": 7, "undo": [["contain_lab.cgroups", "remove_group", ["a/b", ["pids"]]]]}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose groups of pids are below /pids; process 7 has moved itself one deeper than it was put."""
    monkeypatch.setattr(cgroups, "own_groups", lambda pid: (("pids", "/pids/a/b/deeper"), ("cpu", "/cpu/a/bc")))
    monkeypatch.setattr(cgroups, "group_path", lambda controller, name: f"/{controller}/{name}")


def config(**process: Any) -> dict[str, Any]:
    made = spec.default(["true"], "rootfs", "web", ())
    return {**made, "process": {**made["process"], **process}}


def names(rows: list[Any]) -> list[str]:
    return [f"join {row[2][1]}" if row[1] == "join_namespace" else row[1] for row in rows]


def test_nobody_looks_into_it_before_it_is_born_in_there():
    found = names(entering.Entry(KEPT, config(oomScoreAdj=5), ALL).between)
    assert found[:2] == ["set_oom_score", "become_undumpable"]
    assert found.index("become_undumpable") < found.index("join pid")


@pytest.mark.parametrize(("privileged", "first", "last"), [(True, "join uts", "join user"),
                                                           (False, "join user", "join pid")])
def test_the_user_namespace_is_joined_when_that_is_allowed(privileged, first, last):
    joins = [name for name in names(entering.Entry(KEPT, config(), ALL, privileged=privileged).between)
             if name.startswith("join")]
    assert (joins[0], joins[-1]) == (first, last)
    assert len(joins) == 7


def test_the_mount_namespace_comes_last_and_before_all_that_is_the_containers():
    entry = entering.Entry(KEPT, config(terminal=True), ALL)
    assert names(entry.inside)[:2] == ["join mount", "open_terminal"]
    assert "join mount" not in names([*entry.between, *entry.alone])


def test_a_kind_that_is_shared_is_not_joined():
    entry = entering.Entry(KEPT, config(), ("uts",))
    assert [name for name in names(entry.rows()) if name.startswith("join")] == ["join uts"]
    assert "become_root" not in names(entry.rows())


def test_it_is_put_where_the_first_process_is_in_a_group_that_was_made():
    entry = entering.Entry(KEPT, config(), ALL)
    assert entry.beside == [(cgroups, "add_process", ("a/b/deeper", steps.PID, ("pids",)))]


def test_detached_it_outlives_its_parent_and_else_it_does_not():
    assert names(entering.Entry(KEPT, config(), ALL, detached=True).inside)[-2:] == ["outlive_parent", "execute"]
    assert "outlive_parent" not in names(entering.Entry(KEPT, config(), ALL).inside)


def test_a_hook_is_the_last_row_in_the_place_of_the_program():
    hook = ("/bin/hook", ("hook", "x"), (), 3, 4)
    assert entering.Entry(KEPT, config(), ALL, hook=hook).inside[-1][1:] == ("execute_hook", hook)


@pytest.mark.parametrize(("status", "in_time", "said"), [
    (0x300, True, "exit code 3"), (9, True, "signal 9"), (9, False, "it did not finish in 5 s")])
def test_how_a_hook_has_ended_is_said(status, in_time, said):
    with pytest.raises(ContainLabError, match=f"^{said}$"):
        hooks.judge(status, 5, in_time)


def test_a_hook_that_names_little_has_its_path_as_argument_and_no_environment():
    assert hooks.parts({"path": "/x"}) == ("/x", ("/x",), (), 0)
