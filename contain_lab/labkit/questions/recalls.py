"""Recall: two questions on earlier labs. Each seed gives two others, with other numbers, without end.

How to add a question: in content/NN.toml of the lab that teaches it,

    [[recall]]
    numbers = "a_limit"                                 only where the words have gaps
    ask = "Step {at} of {all} fails. What is left?"
    choices = ["nothing", "{before} steps", "all"]      the right one first; they are shown shuffled
    because = "…"

`numbers` names a function: from a random.Random it makes what fills the gaps. Plain numbers are drawn here (NUMBERS);
whole stories, whose outcome is worked out, are in recall_stories and content/recall.toml. A test tries forty seeds of
each: no gap may stay open, no two choices be the same.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from contain_lab.labkit.questions import words
from contain_lab.labkit.questions.question import LETTERS, Question, Shown, buttons
from contain_lab.labkit.questions.stories import STORIES
from contain_lab.labkit.sentence import Refused, Sentence


def recall(number: str, answers: str = "", seed: int = 1) -> Shown | Sentence:
    """Ask two questions on the labs before this one; answers: two letters, "a c", in the place of buttons.

    number: of the lab, "01". Errors: Refused where there is no earlier lab, or not two letters.
    """
    questions = ask(number, seed)
    if answers:
        return Sentence(judge(questions, answers))
    again = f'choose, or type: recall("{number}", "a b"); two others: recall("{number}", seed={seed + 1})'
    text = "\n\n".join([*(f"{at}. {each.text()}" for at, each in enumerate(questions, 1)), again])
    return Shown(text, lambda: _widget(number, seed))


def ask(number: str, seed: int) -> list[Question]:
    """Two questions of labs before `number`, decided by the seed alone."""
    pool = [entry for lab in words.numbers() if lab < number for entry in words.recalls(lab)]
    if len(pool) < 2:
        raise Refused(f"recall {number!r}: there are no questions on earlier labs", "lab 01 has the first")
    draw = Random(f"{number} {seed}")
    return [make(entry, draw) for entry in draw.sample(pool, 2)]


def make(entry: dict[str, Any], draw: Random) -> Question:
    """The question of an entry, with numbers of its own and its choices shuffled."""
    values = NUMBERS[entry["numbers"]](draw) if "numbers" in entry else {}
    right, *others = (choice.format(**values) for choice in entry["choices"])
    choices = draw.sample([right, *others], len(others) + 1)
    return Question(entry["ask"].format(**values), tuple(choices), LETTERS[choices.index(right)],
                    entry["because"].format(**values))


def judge(questions: list[Question], answers: str) -> str:
    """What is said of two letters. Errors: Refused."""
    letters = answers.replace(",", " ").split() if " " in answers.strip() or "," in answers else list(answers)
    if len(letters) != len(questions):
        raise Refused(f"answers {answers!r}: {len(letters)} letters for {len(questions)} questions",
                      'two letters with a blank between them: "a c"')
    return "\n".join(f"{at}. {question.judge(letter.lower())}" for at, (question, letter)
                     in enumerate(zip(questions, letters, strict=True), 1))


def _widget(number: str, seed: int) -> Any:
    import ipywidgets as widgets

    shown, others = widgets.VBox(), widgets.Button(description="two others")
    seeds = iter(range(seed, seed + 1_000_000))

    def draw(_: object = None) -> None:
        shown.children = [buttons(each, each.judge) for each in ask(number, next(seeds))]

    others.on_click(draw)
    draw()
    return widgets.VBox([shown, others])


# ---- numbers for the gaps

def two_numbers(draw: Random) -> dict[str, object]:
    """A process's number on the host, and a neighbour's."""
    outer = draw.randint(2000, 30000)
    return {"outer": outer, "other": outer - draw.randint(2, 40), "next": outer + 1}


def forks(draw: Random) -> dict[str, object]:
    """How many processes there are when each of them calls fork, some times in a row."""
    times = draw.randint(3, 5)
    return {"times": times, "all": 2 ** times, "sum": times + 1, "double": 2 * times}


def three_processes(draw: Random) -> dict[str, object]:
    """Namespace files of three processes, of which the first and the last share one namespace."""
    first, second = draw.sample(range(4026532100, 4026532999), 2)
    return {"first": f"uts:[{first}]", "second": f"uts:[{second}]"}


def a_limit(draw: Random) -> dict[str, object]:
    """A number of steps, and the one that fails."""
    at = draw.randint(5, 30)
    return {"at": at, "before": at - 1, "all": at + draw.randint(5, 20)}


def a_mount(draw: Random) -> dict[str, object]:
    """A line of mountinfo: numbers of a mount and of its parent, a device, a place."""
    parent = draw.randint(25, 400)
    place = draw.choice(["/data", "/proc", "/var/log", "/dev/shm", "/srv"])
    return {"id": parent + draw.randint(1, 60), "parent": parent, "device": f"0:{draw.randint(30, 90)}", "place": place}


def a_cable(draw: Random) -> dict[str, object]:
    """The second numbers of two networks, 10.NET.0.0/24 and 10.OTHER.0.0/24."""
    net, other = draw.sample(range(2, 250), 2)
    return {"net": net, "other": other}


def a_size(draw: Random) -> dict[str, object]:
    """A size in bytes that is no default, and half of it."""
    size = 2 * draw.randint(5000, 30000)
    return {"size": size, "half": size // 2}


def a_peer_group(draw: Random) -> dict[str, object]:
    """The number of a group of mounts that hear each other."""
    return {"group": draw.randint(1, 400)}


def a_map(draw: Random) -> dict[str, object]:
    """A range of 65536 ids from `first`, a user in it by both numbers, and one who is not in it."""
    first, user = draw.choice([100_000, 165_536, 231_072, 296_608]), draw.randint(2, 900)
    return {"first": first, "user": user, "outside": first + user, "stranger": draw.randint(1001, 9000)}


NUMBERS: dict[str, Callable[[Random], dict[str, object]]] = {
    "two_numbers": two_numbers, "forks": forks, "three_processes": three_processes, "a_limit": a_limit,
    "a_mount": a_mount, "a_peer_group": a_peer_group,
    "a_cable": a_cable, "a_map": a_map,
    "a_size": a_size,
} | STORIES
