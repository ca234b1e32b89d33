"""Update: other limits for a container that runs. They are those of its start, set again.

A limit can be changed where the container has a group of its controller: none is made now, for whatever it started
without one is not in it.
"""

from contain_lab import steps
from contain_lab.cgroups import memory
from contain_lab.container import processes, resources, state
from contain_lab.errors import WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.steps import Row


def update(root: str, name: str, asked: "dict[str, Any]") -> None:
    """Set limits: linux.resources, devices left out. Errors: NotFound, WrongState, StepFailed with the limit's step."""
    kept = state.read_state(root, name)
    if state.status(root, kept) == "stopped":
        raise WrongState(f"container {name}: it is stopped, and has no limits any more")
    groups = {each: group for group, controllers in processes.made_groups(kept) for each in controllers}
    rows: list[Row] = []
    for controller, row in resources.limits_of({**asked, "devices": []}, next(iter(groups.values()), name)):
        if controller not in groups:
            raise WrongState(f"container {name}: it has no group of the controller {controller}",
                             "a limit of it has to be asked for when the container is created")
        rows.append(row)
    if wants_more_memory(asked, groups.get("memory", "")):
        rows.sort(key=lambda row: row[1] != "set_swap_limit")  # on v1 the two together are never less than the one
    steps.run(rows, [])


def wants_more_memory(asked: "dict[str, Any]", group: str) -> bool:
    """Whether a group is to have more memory than now."""
    limit = (asked.get("memory") or {}).get("limit") or 0
    return bool(limit) and 0 <= memory.read_limit(group) < (limit if limit > 0 else 1 << 63)
