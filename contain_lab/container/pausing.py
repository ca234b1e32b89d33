"""Pause and resume: a container's processes are frozen, whatever they do. man: cgroups(7), "freezer".

On v2 the group that it has freezes it. On v1 another hierarchy does: its group is made and joined when a container is
paused for the first time, so that those that never are need not wait for it. The state says which it is ("freezer"),
before it is made, so that it is removed with the others in any case.
"""

import os
import time

from contain_lab import cgroups
from contain_lab.cgroups import freezer
from contain_lab.container import processes, state
from contain_lab.errors import ContainLabError, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.container.state import State


def pause(root: str, name: str) -> None:
    """Let all processes of a container stand still. Errors: NotFound, WrongState, Unsupported without a freezer."""
    kept = state.read_state(root, name)
    now = state.status(root, kept)
    if now != "running":
        raise WrongState(f"container {name}: it is {now}, and only a running one can be paused")
    if "freezer" not in kept:
        kept = give_freezer(root, kept)
    gather(kept)
    freezer.freeze_group(kept["freezer"])


def resume(root: str, name: str) -> None:
    """Let the processes of a paused container go on. Errors: NotFound, WrongState."""
    kept = state.read_state(root, name)
    now = state.status(root, kept)
    if now != "paused":
        raise WrongState(f"container {name}: it is {now}, and only a paused one can go on")
    freezer.thaw_group(kept["freezer"])


def give_freezer(root: str, kept: "State") -> "State":
    """See that a container has a group that can be frozen; its state, which says which."""
    made, version = processes.made_groups(kept), cgroups.hierarchy("freezer")[1]
    name = made[0][0] if made else f"cl-{kept['id'].removeprefix('cl-')}"
    kept = {**kept, "freezer": name}
    if made and (version == 2 or "freezer" in made[0][1]):
        state.write_state(f"{root}/{kept['id']}", kept)
        return kept
    kept["undo"] = [*kept["undo"], [cgroups.__name__, "remove_group", [name, ["freezer"]]]]
    state.write_state(f"{root}/{kept['id']}", kept)
    cgroups.create_group(name, ("freezer",))
    return kept


def gather(kept: "State", seconds: float = 5.0) -> None:
    """Move the processes of a container that are not in its freezer into it, until none is born outside any more."""
    until = time.monotonic() + seconds
    while outside := {*processes.of_container(kept)} - {*processes.in_group("freezer", kept["freezer"])}:
        if time.monotonic() > until:
            raise ContainLabError(f"container {kept['id']}: {len(outside)} processes of it do not get into its freezer",
                                  "it makes new ones faster than they are moved: give it a --pids-limit")
        for pid in outside:
            try:
                cgroups.add_process(kept["freezer"], pid, ("freezer",))
            except ProcessLookupError:
                continue  # it has ended meanwhile


def thaw(kept: "State") -> None:
    """Let a container's processes go on where it was ever paused: what has to end must run for that, on v1."""
    if "freezer" in kept and os.path.isdir(cgroups.group_path("freezer", kept["freezer"])):
        freezer.thaw_group(kept["freezer"])


def is_paused(kept: "State") -> bool:
    """Whether a container is frozen now."""
    return os.path.isdir(cgroups.group_path("freezer", kept["freezer"])) and freezer.stands_still(kept["freezer"])
