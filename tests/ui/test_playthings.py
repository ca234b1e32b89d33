"""Questions and playthings in a real browser, used by the keyboard alone."""

import pytest
from browser import Student, wait_for
from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.needs("root", "chromium", "image busybox")
PLAY = "from contain_lab.labkit import *\n"


def test_namespaces_are_ticked_and_a_process_is_started_by_the_keyboard_alone(port: int, context: BrowserContext):
    student = Student(context, port, "00_process.ipynb")
    student.run("begin", f"{PLAY}play_namespaces()")
    here = student.cell("begin")
    student.press("Escape")
    student.tab_to(".cl-play input[value=uts]")
    student.press("Space")
    student.tab_to(".cl-play button")
    student.press("Space")
    said = here.locator(".cl-play [role=status]")
    wait_for(said.inner_text)
    assert said.inner_text() == "The process ran. 1 of 9 lines differ from the host's."
    assert said.get_attribute("role") == "status"
    name = here.locator("tr", has_text="host name").locator("td")
    assert name.all_inner_texts() == ["the-host", "box"]
    assert here.locator("th[scope=col]").all_inner_texts()[1:] == ["the host sees", "the process sees"]
    assert (student.outside, student.errors) == ([], [])


def test_the_slider_goes_from_step_to_step_with_the_arrow_keys(port: int, context: BrowserContext):
    student = Student(context, port, "00_process.ipynb")
    student.run("begin", f"{PLAY}play_start()")
    here = student.cell("begin")
    slider, said = here.locator("input[type=range]"), here.locator(".cl-play [role=status]")
    wait_for(said.inner_text)
    student.press("Escape")
    student.tab_to(".cl-play input[type=range]")
    for _ in range(80):
        if ": set_hostname" in str(slider.get_attribute("aria-valuetext")):
            break
        student.press("ArrowRight")
    wait_for(lambda: said.inner_text() == "set_hostname changes: host name.")
    assert here.locator("tr.cl-play-other").all_inner_texts() == ["host name\tthe machine's\tbox"]
    assert (student.outside, student.errors) == ([], [])


def test_a_prediction_is_made_with_the_arrow_keys_and_is_still_there_when_the_cell_runs_again(
        port: int, context: BrowserContext):
    student = Student(context, port, "01_uts.ipynb")
    student.run("begin")
    student.run("predict-copy")
    here = student.cell("predict-copy")
    said = here.locator(".cl-choice [role=status]")
    student.press("Escape")
    student.tab_to(".cl-choice input")
    student.press("Space", "ArrowDown")
    wait_for(lambda: said.inner_text().startswith("Your prediction is stored: b)"))
    assert here.locator("legend").inner_text().startswith("A process moves into a new UTS namespace")
    assert "Your prediction is stored: b)" in student.run("predict-copy", 'predict("uts-copy", "b")')
    student.run("predict-copy", 'predict("uts-copy")')
    assert here.locator("input:checked").get_attribute("value") == "b"
    assert (student.outside, student.errors) == ([], [])


def test_two_questions_of_one_cell_keep_an_answer_each(port: int, context: BrowserContext):
    student = Student(context, port, "01_uts.ipynb")
    student.run("begin")
    student.run("recall")
    questions = student.cell("recall").locator(".cl-choice")
    student.press("Escape")
    student.tab_to(".cl-choice input")
    student.press("Space")
    student.tab_to(".cl-choice input")
    student.press("Space", "ArrowDown")
    for at, letter in enumerate("ab"):
        assert questions.nth(at).locator("input:checked").get_attribute("value") == letter
        wait_for(questions.nth(at).locator("[role=status]").inner_text)
        assert " right" in questions.nth(at).locator("[role=status]").inner_text()
    student.tab_to(".jp-OutputArea button")
    before = questions.nth(0).inner_text()
    student.press("Space")
    wait_for(lambda: questions.nth(0).inner_text() != before)
    assert (student.outside, student.errors) == ([], [])


def test_a_picture_has_a_name_and_its_words_open_by_the_keyboard(port: int, context: BrowserContext):
    student = Student(context, port, "01_uts.ipynb")
    student.run("begin")
    here = student.cell("begin")
    assert here.get_by_role("img", name="Lab 01: the runtime so far").is_visible()
    words = here.locator("pre", has_text="checks passed:")
    assert not words.is_visible()
    student.press("Escape")
    student.tab_to("summary")
    student.press("Enter")
    wait_for(words.is_visible)
    assert (student.outside, student.errors) == ([], [])
