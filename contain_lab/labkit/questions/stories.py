"""Stories for Recall: what happened is drawn at random, and what comes out is worked out as the kernel would.

Each function takes a random.Random and gives what fills the gaps of a question's words (content/recall.toml); by
custom `right` and `wrong…` are the choices. A seed decides, so the question can be asked again. To add one: write the
function, add it to STORIES, and write its words with `numbers = "its_name"`. The choices must differ for every seed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

Gaps = dict[str, object]

NAMES = ("alder", "birch", "cedar", "elm", "hazel", "larch", "maple", "oak", "pine", "rowan")


def a_renaming(draw: Random) -> Gaps:
    """A host and a process in a UTS namespace of its own rename what they see; who asks afterwards is drawn."""
    first, *names = draw.sample(NAMES, 4)
    called = {"outside": first, "inside": first}
    deeds = []
    for name in names[:draw.randint(2, 3)]:
        who = draw.choice(tuple(called))
        called[who] = name
        deeds.append(f"{who}: hostname {name}")
    asked = draw.choice(tuple(called))
    wrong = [name for name in (first, *names) if name != called[asked]]
    return {"first": first, "deeds": "; ".join(deeds), "asked": asked, "right": called[asked],
            "wrong1": wrong[0], "wrong2": wrong[1], "wrong3": wrong[2]}


def some_segments(draw: Random) -> Gaps:
    """Segments of shared memory made before and after an unshare, and in the new namespace."""
    before, own, later = draw.randint(1, 3), draw.randint(4, 6), draw.randint(7, 9)
    return {"before": before, "own": own, "later": later, "right": own, "wrong1": before + own,
            "wrong2": before + own + later, "wrong3": before + later}


def nested_numbers(draw: Random) -> Gaps:
    """The line NSpid of a process two PID namespaces below the host, and who wants to signal it."""
    numbers = [draw.randint(2000, 30000), draw.randint(20, 400), draw.randint(2, 9)]
    at = draw.randrange(3)
    return {"line": " ".join(map(str, numbers)), "who": ("on the host", "in the outer container",
            "in the inner container")[at], "right": numbers[at],
            "wrong1": numbers[at - 1], "wrong2": numbers[at - 2], "wrong3": 1}


def an_orphan(draw: Random) -> Gaps:
    """The numbers of a parent and a child in a container."""
    parent = draw.randint(5, 40)
    return {"parent": parent, "child": parent + draw.randint(1, 9)}


def a_way_up(draw: Random) -> Gaps:
    """A working directory outside a root, and how often its process goes up."""
    parts = draw.sample(NAMES, 4)
    times = draw.randint(1, 3)
    folder, up = "/" + "/".join(parts), "/" + "/".join(parts[:-times])
    return {"folder": folder, "times": times, "right": up, "wrong1": "/srv/root", "wrong2": folder, "wrong3": "/"}


def a_propagation(draw: Random) -> Gaps:
    """A mount point's propagation on the host and in a container, and who mounts below it: who sees the new mount."""
    kind, changed, where = draw.choice((("shared", "--make-slave", "slave"), ("shared", "--make-private", "private"),
                                        ("shared", "", "shared"), ("private", "", "private")))
    who = draw.choice(("host", "container"))
    other = "container" if who == "host" else "host"
    heard = where == "shared" or (where == "slave" and who == "host")
    outcomes = {"both": "both", "host": "the host alone", "container": "the container alone", "none": "neither"}
    right = outcomes["both" if heard else who]
    wrong = [each for each in outcomes.values() if each != right]
    then = f"the container calls mount {changed} on it" if changed else "the container leaves it as it is"
    return {"kind": kind, "then": then, "who": who, "other": other, "right": right,
            "wrong1": wrong[0], "wrong2": wrong[1], "wrong3": wrong[2]}


def a_port(draw: Random) -> Gaps:
    """Three programs in one, two or three network namespaces that want the same port, one after the other."""
    inodes = draw.sample(range(4026532100, 4026532999), 3)
    homes = draw.choice(((0, 1, 2), (0, 0, 1), (0, 1, 0), (0, 1, 1)))
    late = next((at for at in range(3) if homes[at] in homes[:at]), None)
    fails = ("the first's", "the second's", "the third's", "nobody's")
    right = fails[3 if late is None else late]
    wrong = [each for each in fails if each != right]
    spaces = {f"space{at}": f"net:[{inodes[home]}]" for at, home in enumerate(homes, 1)}
    return {**spaces, "port": draw.choice((80, 443, 8000, 8080)), "right": right,
            "wrong1": wrong[0], "wrong2": wrong[1], "wrong3": wrong[2]}


def an_owner(draw: Random) -> Gaps:
    """A uid_map of two lines, and a file's owner outside: who that is inside."""
    me, base, count = draw.randint(1001, 1099), 100000 * draw.randint(1, 9), 65536
    inside = draw.choice((0, draw.randint(2, 900), 65534))
    outside = {0: me, 65534: draw.randint(2000, 9000)}.get(inside, base + inside - 1)
    wrong = [each for each in (0, 65534, outside, 1, me) if each != inside]
    return {"map": f"0 {me} 1 / 1 {base} {count}", "outside": outside, "right": inside,
            "wrong1": wrong[0], "wrong2": wrong[1], "wrong3": wrong[2]}


STORIES: dict[str, Callable[[Random], Gaps]] = {each.__name__: each for each in (
    a_renaming, some_segments, nested_numbers, an_orphan, a_way_up, a_propagation, a_port, an_owner)}
