"""Steps taken out of cells: by reading alone, as they are written, each check with its own."""

import pytest

from contain_lab.grading import answers

BODY = "from contain_lab import syscalls\n\n\ndef set_hostname(name):\n    syscalls.sethostname(name)\n"
STEP = f"%%build namespaces\n{BODY}"


def take(source: str, step: str = "set_hostname") -> answers.Answer:
    assert answers.writes(source, step)
    return answers.take(source, step, "namespaces")


def test_a_step_is_taken_as_it_is_written():
    assert take(STEP).text == BODY.replace("\n\n", "").strip()


def test_comments_and_decorators_stay():
    function = "@functools.cache  # once\n@staticmethod\ndef set_hostname(name):\n    # why\n    return 1"
    assert take(f"import functools\n\n{function}").text == f"import functools\n{function}"


def test_calls_and_loops_left_in_the_cell_are_not_taken():
    calls = "\nset_hostname('box')\nfor name in 'ab':\n    set_hostname(name)\nprint(1); x = 2\n"
    left = take(STEP + calls).text
    assert "box" not in left
    assert "for" not in left
    assert left.endswith("\nx = 2")


def test_nothing_is_executed(tmp_path):
    marked = tmp_path / "executed"
    source = f"open({str(marked)!r}, 'w')\nmark = open({str(marked)!r}, 'w')\n{BODY}"
    assert answers.files_for(["set_hostname"], {"set_hostname": take(source)})
    assert not marked.exists()


def test_magics_and_commands_are_left_out():
    text = take(f"%%time\n%matplotlib inline\n!hostname box\nset_hostname?\n{BODY}").text
    assert "box" not in text
    assert text.endswith("syscalls.sethostname(name)")


def test_a_modulo_at_the_beginning_of_a_line_is_no_magic():
    assert "(7\n     % 4)" in take("%%build namespaces\ndef set_hostname(name):\n    return (7\n     % 4)").text


@pytest.mark.parametrize("body", [
    "raise NotImplementedError('write set_hostname')", "'''Says what.'''\n    raise NotImplementedError",
    "# a hint\n    raise NotImplementedError()"])
def test_a_stub_is_no_answer(body: str):
    assert not answers.writes(f"def set_hostname(name):\n    {body}", "set_hostname")


@pytest.mark.parametrize("body", [
    "pass", "raise ValueError('mine')", "x = 1\n    raise NotImplementedError", "..."])
def test_a_wrong_answer_is_one(body: str):
    assert answers.writes(f"def set_hostname(name):\n    {body}", "set_hostname")


@pytest.mark.parametrize("source", [
    "from contain_lab.namespaces.uts import set_hostname", "class A:\n    def set_hostname(self): pass",
    "set_hostname = print", "def other(): pass", ""])
def test_a_cell_that_does_not_define_the_step_is_no_answer(source: str):
    assert not answers.writes(source, "set_hostname")


@pytest.mark.parametrize("source", [
    "def set_hostname(:", "\0", "(" * 5000, "x = " + "-" * 90_000 + "1", "x = 1" + "+1" * 40_000, "9" * 90_000,
    "\udc80 = 1", "a" + ".b" * 40_000, "if 1:\n" * 500, "\x0c def f(): pass", "f'{" * 3000])
def test_hostile_text_breaks_nothing(source: str):
    assert not answers.writes(source, "set_hostname")
    assert isinstance(answers.syntax_error(source), str)


def test_an_escape_that_python_warns_of_is_no_error():
    assert take('def set_hostname(name):\n    return "\\d"')


def test_the_line_of_a_syntax_error_counts_from_the_top_of_the_cell():
    assert answers.syntax_error("%%build namespaces\nimport os\ndef set_hostname(:\n").startswith("line 3: ")


def test_borrowed_is_what_is_imported_under_the_name_of_the_step():
    assert answers.borrows("from contain_lab.namespaces.uts import set_hostname", "set_hostname") == \
        "contain_lab.namespaces.uts"
    assert answers.borrows("from socket import sethostname as set_hostname", "set_hostname") == "socket"
    assert answers.borrows(STEP, "set_hostname") == ""


# ---- the private my_runtime

def pool(**sources: str) -> dict[str, answers.Answer]:
    return {step: take(source, step) for step, source in sources.items()}


def test_a_check_gets_its_own_steps_only():
    found = answers.files_for(["a"], pool(a="def a(): return 1", b="def b(): return 2"))
    assert list(found) == ["namespaces.py"]
    assert "def a" in found["namespaces.py"]
    assert "def b" not in found["namespaces.py"]


def test_a_step_brings_the_answers_that_it_calls():
    found = answers.files_for(["a"], pool(a="def a(): return b()", b="def b(): return c()",
                                          c="def c(): return a()", d="def d(): return 4"))
    names: dict = {}
    exec(found["namespaces.py"], names)
    assert {name for name in names if len(name) == 1} == {"a", "b", "c"}


def test_a_name_bound_twice_is_the_steps_own():
    names: dict = {}
    exec(answers.files_for(["a"], pool(a="N = 1\ndef a(): return N + b()", b="N = 2\ndef b(): return 0"))
         ["namespaces.py"], names)
    assert names["a"]() == 1


def test_future_imports_stand_first():
    future = "from __future__ import annotations"
    found = answers.files_for(["a"], pool(a=f"{future}\ndef a(x: Any): return b()",
                                          b=f"{future}\nimport os\ndef b(): return 2"))
    names: dict = {}
    exec(found["namespaces.py"], names)
    assert names["a"](1) == 2
