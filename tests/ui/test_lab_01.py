"""Lab 01 in a real browser, as a student meets it: a wrong step, a sentence that helps, the right one, a container."""

from pathlib import Path

import pytest
from browser import Student, wait_for
from playwright.sync_api import BrowserContext

from contain_lab.labkit.questions import puzzles

pytestmark = pytest.mark.needs("root", "chromium", "image busybox")
HEADER = "%%build namespaces\nfrom contain_lab import syscalls\n\n\n"
WRONG = HEADER + "def set_hostname(name: str) -> None:\n    syscalls.sethostname('always-this')"
RIGHT = HEADER + "def set_hostname(name: str) -> None:\n    syscalls.sethostname(name)"


def test_a_student_comes_from_a_wrong_step_to_a_container(port: int, context: BrowserContext, tmp_path: Path):
    student = Student(context, port, "01_uts.ipynb")
    empty = student.run("begin")
    student.run("build-set_hostname", WRONG)
    said = student.run("check-hostname")
    assert "always-this" in said
    assert all(word in said for word in ("saw", "expected", "why", "look"))
    assert "checks passed: 0 of 4" in student.cell("begin").inner_html()
    student.run("build-set_hostname", RIGHT)
    assert "set_hostname works" in student.run("check-hostname")
    assert "checks passed: 1 of 4" in student.cell("begin").inner_html()    # it was not run again
    started = student.run("run-mine")
    assert "set_hostname" in started
    assert started.splitlines()[-1].strip() == "box"
    student.page.screenshot(path=tmp_path / "lab.png")
    student.open()
    assert student.run("begin") != empty, "the progress is gone after a reload"
    assert (student.outside, student.errors) == ([], [])


def test_an_order_is_found_by_the_keyboard_alone(port: int, context: BrowserContext):
    student, puzzle = Student(context, port, "01_uts.ipynb"), puzzles.find("uts-start")
    student.run("begin")
    student.run("order")
    here = student.cell("order")
    live, said = here.locator(".cl-order-live"), here.locator(".cl-order [role=status]")

    def letters() -> str:
        return "".join(here.locator(".cl-order-lines li:not(.cl-order-end) .cl-order-letter").all_inner_texts())

    def focus(letter: str) -> None:
        student.press(*["ArrowUp"] * 9, *["ArrowDown"] * letters().index(letter))

    student.press("Escape")
    student.tab_to(".cl-order-lines li")
    shown = student.page.locator(".jp-Cell").count()
    student.press("Tab", "Enter")    # the button, at once: it is not right yet
    wait_for(said.inner_text)
    assert "Line 1 cannot be a yet" in said.inner_text()
    student.press("Shift+Tab")
    spare = next(letter for letter in puzzle.lines if letter not in puzzle.right[0])
    focus(spare)
    student.press(*["Alt+ArrowDown"] * (len(letters()) - letters().index(spare)))
    assert live.inner_text() == f"Line {spare}: left out."
    for at, letter in enumerate(puzzle.right[0]):
        focus(letter)
        student.press("Space", *["ArrowUp"] * (letters().index(letter) - at), "Space")
        assert live.inner_text() == f"Line {letter} lies at place {at + 1} of 5."
    assert letters() == puzzle.right[0] + spare
    student.press("Space", "ArrowUp", "ArrowUp", "Escape")    # taken, moved, and put back
    assert letters() == puzzle.right[0] + spare
    student.press("Enter")
    wait_for(lambda: said.inner_text().startswith("Right"))
    assert student.page.locator(".jp-Cell").count() == shown    # no key reached the notebook's own shortcuts
    assert (student.outside, student.errors) == ([], [])


def test_a_line_is_dragged_to_another_place(port: int, context: BrowserContext):
    student = Student(context, port, "01_uts.ipynb")
    student.run("begin")
    student.run("order")
    lines = student.cell("order").locator(".cl-order-lines li")
    first = lines.nth(0).get_attribute("data-letter")
    lines.nth(0).drag_to(lines.nth(3), target_position={"x": 40, "y": 25})
    assert lines.nth(3).get_attribute("data-letter") == first
    assert lines.nth(3).get_attribute("aria-label").endswith("place 4 of 6")
    assert (student.outside, student.errors) == ([], [])
