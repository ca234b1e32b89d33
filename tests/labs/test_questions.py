"""Recall, Predict and Order: questions that fit their words, answers in letters, nothing that depends on a widget."""

import itertools
import os
import random
import re

import pytest

from contain_lab.labkit import lab
from contain_lab.labkit.play import namespaces as namespace_play
from contain_lab.labkit.questions import predictions, puzzles, recalls, stories as recall_stories, words
from contain_lab.labkit.questions.question import Question
from contain_lab.labkit.sentence import Refused, Sentence

LABS = words.numbers()
PREDICTS = [id for number in LABS for id in words.read(number).get("predict", {})]
ORDERS = [id for number in LABS for id in words.read(number).get("order", {})]
RECALLS = [(number, at) for number in [f"{at:02}" for at in range(20)] for at in range(len(words.recalls(number)))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---- predict

@pytest.mark.parametrize("id", PREDICTS)
def test_a_prediction_has_one_right_choice_and_a_reason(id):
    question = predictions.find(id)
    assert question.right in question.letters()
    assert len(set(question.choices)) == len(question.choices) >= 3
    assert question.because.endswith(".")


def test_a_choice_is_stored_and_set_beside_the_right_one(folder):
    assert "choose, or type" in repr(predictions.predict("uts-copy"))
    assert not os.listdir(folder)
    assert "stored: a)" in repr(predictions.predict("uts-copy", "a"))
    assert repr(predictions.reveal("uts-copy")).startswith("You predicted a. a is not right; b is: the host's name")
    predictions.predict("uts-copy", " B ")
    assert repr(predictions.reveal("uts-copy")).startswith("You predicted b. b is right.")
    assert predictions._read() == {"uts-copy": {"first": "a", "last": "b"}}


def test_nothing_stored_still_reveals(folder):
    said = repr(predictions.reveal("uts-cost"))
    assert said.startswith("No prediction is stored. c is right: the process, by far")
    assert not os.listdir(folder)


@pytest.mark.parametrize("letter", ["z", "ab", "1"])
def test_another_letter_is_refused_and_stores_nothing(folder, letter):
    with pytest.raises(Refused, match="there is none of this letter"):
        predictions.predict("uts-copy", letter)
    assert not os.listdir(folder)


def test_an_unknown_id_names_those_that_there_are():
    with pytest.raises(Refused, match="none of this name") as raised:
        predictions.predict("uts-nothing")
    assert "uts-copy" in raised.value.hint
    assert raised.value._render_traceback_() == [raised.value.message, f"hint: {raised.value.hint}"]


def test_the_buttons_do_what_the_letters_do(folder):
    widget, sent = predictions.predict("uts-copy").make(), []
    widget.send = sent.append
    assert "asks for the host name at once" in widget.given["ask"]
    assert [letter for letter, _ in widget.given["choices"]] == list("abcd")
    widget._handle_custom_msg({"letter": "c"}, [])
    assert predictions.stored("uts-copy") == "c"
    assert sent[0]["said"].startswith("Your prediction is stored: c)")
    assert predictions.predict("uts-copy").make().chosen == "c"    # after a reload


# ---- recall

@pytest.mark.parametrize(("number", "at"), RECALLS)
def test_a_recall_question_fits_its_numbers_whatever_they_are(number, at):
    entry = words.recalls(number)[at]
    for seed in range(40):
        question = recalls.make(entry, random.Random(seed))
        assert len(set(question.choices)) == len(entry["choices"])
        assert not set("{}") & set(question.text() + question.because)
        assert question.judge(question.right).startswith(f"{question.right} is right.")


def story(name: str, **wanted: object) -> dict[str, object]:
    """The first story in which the gaps are filled like this."""
    drawn = (recall_stories.STORIES[name](random.Random(seed)) for seed in range(2000))
    return next(gaps for gaps in drawn if all(gaps[key] == value for key, value in wanted.items()))


@pytest.mark.parametrize(("name", "wanted", "right"), [
    ("a_propagation", {"kind": "shared", "who": "host", "then": "the container leaves it as it is"}, "both"),
    ("a_propagation", {"who": "container", "then": "the container calls mount --make-slave on it"},
     "the container alone"),
    ("a_propagation", {"who": "host", "then": "the container calls mount --make-slave on it"}, "both"),
    ("a_propagation", {"kind": "private", "who": "host"}, "the host alone"),
    ("a_way_up", {"times": 1}, lambda gaps: gaps["folder"].rsplit("/", 1)[0]),
    ("a_way_up", {"times": 3}, lambda gaps: "/" + gaps["folder"].split("/")[1]),
    ("nested_numbers", {"who": "in the outer container"}, lambda gaps: int(gaps["line"].split()[1])),
    ("an_owner", {"right": 0}, lambda gaps: 0 if f"0 {gaps['outside']} 1 " in gaps["map"] else "wrong"),
    ("a_renaming", {"asked": "inside"}, lambda gaps: next((deed.split()[-1] for deed in gaps["deeds"].split("; ")[::-1]
                                                         if deed.startswith("inside")), gaps["first"])),
])
def test_a_story_comes_out_as_the_kernel_would_have_it(name, wanted, right):
    gaps = story(name, **wanted)
    assert gaps["right"] == (right(gaps) if callable(right) else right)


def test_two_programs_in_one_network_namespace_cannot_have_one_port():
    for seed in range(100):
        gaps = recall_stories.a_port(random.Random(seed))
        spaces = [gaps[f"space{at}"] for at in (1, 2, 3)]
        failing = [at for at in range(3) if spaces[at] in spaces[:at]]
        assert gaps["right"] == (("the first's", "the second's", "the third's")[failing[0]] if failing else "nobody's")


def test_a_seed_decides_and_another_asks_something_else():
    first, again, others = recalls.ask("01", 1), recalls.ask("01", 1), recalls.ask("01", 2)
    assert first == again != others
    assert len({question.ask for question in first}) == 2
    assert len({recalls.ask("01", seed)[0].text() for seed in range(30)}) > 15


def test_recall_asks_of_earlier_labs_alone():
    asked = {entry["ask"] for entry in words.recalls("00")}
    shown = {question.ask for seed in range(30) for question in recalls.ask("01", seed)}
    assert all(any(each.split("{")[0] == one[:len(each.split("{")[0])] for each in asked) for one in shown)
    with pytest.raises(Refused, match="no questions on earlier labs"):
        recalls.recall("00")


def test_two_letters_answer_both():
    one, two = recalls.ask("01", 1)
    wrong = next(letter for letter in two.letters() if letter != two.right)
    said = repr(recalls.recall("01", f"{one.right} {wrong}")).split("\n")
    assert said[0].startswith(f"1. {one.right} is right.")
    assert f"2. {wrong} is not right; {two.right} is: " in "\n".join(said)
    assert repr(recalls.recall("01", one.right + wrong)) == "\n".join(said)
    with pytest.raises(Refused, match="1 letters for 2 questions"):
        recalls.recall("01", "a")


def test_the_button_asks_two_others():
    shown, others = recalls.recall("01").make().children
    before = [each.given["ask"] for each in shown.children]
    others.click()
    assert [each.given["ask"] for each in shown.children] != before


# ---- order

@pytest.mark.parametrize("id", ORDERS)
def test_only_the_accepted_orders_are_right(id):
    puzzle = puzzles.find(id)
    for right in puzzle.right:
        assert puzzle.judge(" ".join(right)).startswith("Right")
    letters = "".join(puzzle.lines)
    assert letters not in puzzle.right    # it is shown in disorder
    orders = ("".join(each) for each in itertools.permutations(letters, len(puzzle.right[0])))
    assert all(puzzle.judge(each).startswith("Right") == (each in puzzle.right) for each in orders)
    assert len(puzzle.why) == len(puzzle.lines) == len(set(puzzle.lines.values()))


def test_an_order_is_told_its_first_wrong_line():
    puzzle = puzzles.find("uts-start")
    right = puzzle.right[0]
    spare = next(letter for letter in puzzle.lines if letter not in right)
    assert puzzle.judge(right[0] + spare) == (
        f"The first line is right. Line {spare} does not belong: {puzzle.why[spare]}")
    assert puzzle.judge(right[:3]) == (
        f"The first 3 lines are right. Something is missing after them: {puzzle.why[right[3]]}")
    assert puzzle.judge(right[:2] + right[0]) == f"The first 2 lines are right. Line {right[0]} stands twice."
    assert puzzle.judge(right[2] + right[0]) == (
        f"Line 1 cannot be {right[2]} yet. Another one comes first: {puzzle.why[right[0]]}")
    with pytest.raises(Refused, match="no line has the letter 'x'"):
        puzzle.judge("a x")


def test_the_moved_lines_are_judged_as_their_letters_are():
    puzzle = puzzles.find("uts-start")
    widget = puzzles.order("uts-start").make()
    sent = []
    widget.send = sent.append
    assert widget.given["lines"] == list(puzzle.lines.items())
    for letters in (puzzle.right[0], puzzle.right[0][::-1], ""):
        widget._handle_custom_msg({"order": letters}, [])
    assert sent[0] == {"right": True, "said": puzzle.judge(puzzle.right[0])}
    assert sent[1] == {"right": False, "said": puzzle.judge(puzzle.right[0][::-1])}
    assert sent[2] == {"right": False, "said": "Nothing stands above the dashed line."}


@pytest.mark.parametrize("show", [lambda: puzzles.order("uts-start"), lambda: predictions.predict("uts-copy"),
                                  namespace_play.play_namespaces])
def test_the_page_gets_the_scripts_of_the_package_and_asks_nobody_else(show):
    widget = show().make()
    assert "export default" in widget._esm
    assert ".cl-" in widget._css
    assert not re.search(r"https?://|\bimport\b|\burl\(", widget._esm + widget._css)


# ---- as it is shown

def test_long_lines_break_between_words():
    words = " ".join(["number"] * 40)
    lines = repr(Sentence(f"short\n{words}")).split("\n")
    assert lines[0] == "short"
    assert " ".join(lines[1:]) == words
    assert max(map(len, lines)) <= 100


def test_where_i_stand_counts_steps_and_checks(folder):
    before = repr(lab.where_i_stand())
    assert re.search(r"^00 .* nothing to build$", before, re.MULTILINE)
    assert re.search(r"^01 .* steps 0 of 3, checks 0 of \d, points 0 of \d+$", before, re.MULTILINE)
    (folder / "my_runtime").mkdir()
    (folder / "my_runtime/namespaces.py").write_text("def set_hostname(name):\n    pass\n")
    (folder / "my_runtime/progress.json").write_text('{"uts.hostname": {}}')
    assert re.search(r"^01 .* steps 1 of 3, checks 1 of \d, points 2 of \d+$", repr(lab.where_i_stand()), re.MULTILINE)


def test_a_question_shows_text_wherever_there_is_no_widget():
    question = Question("<b> or not?", ("x < y", "y"), "b", "So it is.")
    assert question.text() == "<b> or not?\n  a) x < y\n  b) y"
    for shown in (predictions.predict("uts-copy"), recalls.recall("01"), puzzles.order("uts-start")):
        data = shown._repr_mimebundle_()
        assert data["text/plain"] == repr(shown) == shown.text
        assert "application/vnd.jupyter.widget-view+json" in data
