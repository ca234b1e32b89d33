"""What any correct step of namespaces.user and namespaces.time does, as root and as an ordinary user."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apart import apart, refusal, status
from ordinary import User, ordinary_user

from contain_lab import syscalls
from contain_lab.namespaces import enter, time, user

pytestmark = [pytest.mark.contract, pytest.mark.needs("root", "user namespace")]
UIDS, GIDS = ((0, 100000, 1000), (5000, 300000, 5)), ((0, 200000, 1000),)
Step = Callable[[], object]


def unshare_user() -> None:
    syscalls.unshare(syscalls.CLONE_NEWUSER)


def mapped(*steps: Callable[[int], object]) -> Step:
    """Steps as one, that enters a user namespace, in which another process that stays outside does them for its pid."""
    def enters() -> None:
        (hear, say), me = os.pipe(), os.getpid()
        outside = os.fork()
        if outside == 0:
            os.read(hear, 1)
            code = 1
            try:
                for step in steps:
                    step(me)
                code = 0
            finally:
                os._exit(code)
        unshare_user()
        os.write(say, b"-")
        assert os.waitpid(outside, 0)[1] == 0, "it could not be mapped"
    return enters


def become(made: User) -> Step:
    """A step: become an ordinary user, who may be written about in /proc as if a program had been executed."""
    def becomes() -> None:
        os.setgroups([made.gid, 12345])
        os.setresgid(made.gid, made.gid, made.gid)
        os.setresuid(made.uid, made.uid, made.uid)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    return becomes


@pytest.fixture(scope="module")
def anna() -> Iterator[User]:
    """A user without subordinate ids."""
    with ordinary_user() as made:
        yield made


@pytest.fixture(scope="module")
def berta() -> Iterator[User]:
    """A user with subordinate ids."""
    with ordinary_user(ranges=True) as made:
        yield made


# ---- as root

def test_the_ids_inside_are_those_of_the_maps():
    with apart(mapped(lambda pid: user.write_id_maps(pid, UIDS, GIDS))) as child:
        maps = [Path(f"/proc/{child}/{name}_map").read_text().split() for name in ("uid", "gid")]
    assert maps == [["0", "100000", "1000", "5000", "300000", "5"], ["0", "200000", "1000"]]


def test_root_inside_is_the_mapped_id_outside_and_has_no_groups():
    with apart(mapped(lambda pid: user.write_id_maps(pid, UIDS, GIDS)), user.become_root) as child:
        seen = status(child)
    assert (seen["Uid"].split(), seen["Gid"].split()) == (["100000"] * 4, ["200000"] * 4)
    assert seen["Groups"] == ""
    assert int(seen["CapEff"], 16) == int(status(os.getpid())["CapBnd"], 16) | int(seen["CapEff"], 16) > 0


def test_before_it_is_mapped_nobody_becomes_root():
    assert "EPERM" in refusal(unshare_user, user.become_root)


def test_maps_are_written_once():
    assert "could not be mapped" in refusal(mapped(*[lambda pid: user.write_id_maps(pid, UIDS, GIDS)] * 2))


def test_groups_cannot_be_given_up_where_that_is_denied():
    steps = (user.deny_setgroups, lambda pid: user.write_id_maps(pid, UIDS, GIDS))
    assert "EPERM" in refusal(mapped(*steps), lambda: os.setgroups([]))
    with apart(mapped(*steps), user.become_root) as child:
        assert status(child)["Uid"].split() == ["100000"] * 4


# ---- as an ordinary user

def test_an_ordinary_user_maps_the_own_id(anna: User):
    maps = ((0, anna.uid, 1),), ((0, anna.gid, 1),)
    with apart(become(anna), mapped(user.deny_setgroups, lambda pid: user.write_id_maps(pid, *maps)),
               user.become_root) as child:
        seen, inside = status(child), Path(f"/proc/{child}/uid_map").read_text().split()
    assert inside == ["0", str(anna.uid), "1"]
    assert seen["Uid"].split() == [str(anna.uid)] * 4
    assert "12345" in seen["Groups"].split(), "groups could deny something, so they are kept"


@pytest.mark.needs("newgidmap")
def test_an_ordinary_user_who_maps_a_group_cannot_give_up_groups_in_any_case(anna: User):
    maps = ((0, anna.uid, 1),), ((0, anna.gid, 1),)
    with apart(become(anna), mapped(lambda pid: user.write_id_maps(pid, *maps))) as child:
        assert Path(f"/proc/{child}/setgroups").read_text() == "deny\n"
    assert "could not be mapped" in refusal(
        become(anna), lambda: os.environ.update(PATH="/nowhere"), mapped(lambda pid: user.write_id_maps(pid, *maps)))


@pytest.mark.parametrize("uids", [((0, 0, 1),), ((0, 100000, 1000),)])
def test_an_ordinary_user_maps_no_id_of_others(anna: User, uids: tuple[tuple[int, int, int], ...]):
    assert "could not be mapped" in refusal(
        become(anna), mapped(user.deny_setgroups, lambda pid: user.write_id_maps(pid, uids, ((0, anna.gid, 1),))))


@pytest.mark.needs("newuidmap")
def test_an_ordinary_user_maps_what_is_granted(berta: User):
    def maps(pid: int) -> None:
        user.write_id_maps(pid, *user.own_maps())

    with apart(become(berta), mapped(maps), user.become_root) as child:
        seen = Path(f"/proc/{child}/uid_map").read_text().split()
        assert status(child)["Groups"] == ""
    assert seen[:3] == ["0", str(berta.uid), "1"]
    assert seen[3] == "1"
    assert seen[5] == "65536"


# ---- time

@pytest.mark.needs("time namespace")
def test_clocks_are_moved_for_whoever_enters_the_time_namespace():
    steps = (time.unshare_time, lambda: time.write_time_offsets((("boottime", 500_000_000, 0), ("monotonic", 7, 9))),
             lambda: enter.join_namespace("/proc/self/ns/time_for_children", "time"))
    with apart(*steps, lambda: check_uptime(500_000_000)) as child:
        offsets = Path(f"/proc/{child}/timens_offsets").read_text().split()
    assert offsets == ["monotonic", "7", "9", "boottime", "500000000", "0"]
    check_uptime(0)


def check_uptime(least: int) -> None:
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert least <= uptime < least + 400_000_000


@pytest.mark.needs("time namespace")
def test_clocks_cannot_be_moved_any_more_when_somebody_is_in_there():
    assert "EACCES" in refusal(
        time.unshare_time, lambda: enter.join_namespace("/proc/self/ns/time_for_children", "time"),
        lambda: time.write_time_offsets((("boottime", 1, 0),)))
