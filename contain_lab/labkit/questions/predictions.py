"""Predict: a choice that is stored before the cell is run; reveal sets it beside what came out.

Choices are kept in my_runtime/predictions.json, beside the notebook: the first and the last one of each
question. They cost no points; an instructor may count them to see what a class believes.
"""

from __future__ import annotations

import os

from contain_lab import files
from contain_lab.labkit.questions import words
from contain_lab.labkit.questions.question import Question, Shown, buttons
from contain_lab.labkit.sentence import Sentence

KEPT = "my_runtime/predictions.json"


def predict(id: str, choice: str = "") -> Shown | Sentence:
    """Show a question and store what is chosen; choice: a letter, to choose without the buttons."""
    question = find(id)
    if choice:
        return Sentence(store(id, choice))
    said = f'{question.text()}\nchoose, or type: predict("{id}", "{question.letters()[0]}")'
    return Shown(said, lambda: buttons(question, lambda letter: store(id, letter), stored(id)))


def reveal(id: str) -> Sentence:
    """Set the stored choice beside the right one, and say why."""
    question, choice = find(id), stored(id)
    if choice:
        return Sentence(f"You predicted {choice}. {question.judge(choice)}")
    return Sentence(f"No prediction is stored. {question.right} is right: {question.choice(question.right)}\n"
                    f"{question.because}")


def find(id: str) -> Question:
    """The question of this id. Errors: Refused."""
    entry = words.find("predict", id)
    return Question(entry["ask"], tuple(entry["choices"]), entry["right"], entry["because"])


def store(id: str, letter: str) -> str:
    """Keep a choice: the sentence that says so. Errors: Refused for a letter that no choice has."""
    letter = letter.strip().lower()
    said = find(id).choice(letter)
    kept = _read()
    first = kept.get(id, {}).get("first", letter)
    os.makedirs(os.path.dirname(KEPT), exist_ok=True)
    files.write(KEPT, files.dump_json({**kept, id: {"first": first, "last": letter}}) + "\n", 0o644)
    return f"Your prediction is stored: {letter}) {said}\nNow run the next cell."


def stored(id: str) -> str:
    """The letter that was chosen last, or ""."""
    return str(_read().get(id, {}).get("last", ""))


def _read() -> dict[str, dict[str, str]]:
    return files.read_json(KEPT) if os.path.exists(KEPT) else {}
