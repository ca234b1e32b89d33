"""Typical wrong answers: each check tells each of them its own sentence. Those of labs 02 on: mutants_TOPIC.py."""

import importlib
from pathlib import Path

import pytest

from contain_lab.labkit import judge
from contain_lab.labkit.table import find_check, find_step
from contain_lab.labkit.judge.verdict import PARTS, Verdict

pytestmark = pytest.mark.needs("root", "image busybox")

HEAD = "import os\n\nfrom contain_lab import namespaces, syscalls\nfrom contain_lab.syscalls import *\n\n\n"
SET = "def set_hostname(name):\n    {}\n"
UNSHARE = "def unshare_uts():\n    {}\n"
JOIN = "def join_namespace(path, kind):\n    {}\n"
GOOD_SET, GOOD_UNSHARE = SET.format("syscalls.sethostname(name)"), UNSHARE.format("syscalls.unshare(CLONE_NEWUTS)")
OPEN, CLOSE = "file = os.open(path, os.O_RDONLY)", "os.close(file)"
ENTER = "syscalls.setns(file, namespaces.KINDS[kind][1])"

# check: {name of the mutant: (source, id of the message)}
MUTANTS: dict[str, dict[str, tuple[str, str]]] = {
    "uts.hostname": {
        "does_nothing": (SET.format("return None"), "uts.hostname.unchanged"),
        "fixed_name": (SET.format("syscalls.sethostname('box')"), "uts.hostname.other"),
        "domain_name": (SET.format("syscalls.setdomainname(name)"), "uts.hostname.domain"),
        "line_end": (SET.format("syscalls.sethostname(name + '\\n')"), "uts.hostname.decorated"),
        "quoted": (SET.format("syscalls.sethostname(repr(name))"), "uts.hostname.decorated"),
        "bytes_as_text": (SET.format("syscalls.sethostname(str(name.encode()))"), "uts.hostname.decorated"),
        "host_renamed": (SET.format("syscalls.setns(os.open('/proc/1/ns/uts', 0), 0); syscalls.sethostname(name)"),
                         "uts.hostname.host_changed"),
        "only_in_a_child": (SET.format("os.fork() or (syscalls.unshare(CLONE_NEWUTS), syscalls.sethostname(name), "
                                       "os._exit(0)); os.wait()"), "uts.hostname.unchanged"),
        "no_argument": ("def set_hostname():\n    syscalls.sethostname('box')\n", "raised"),
        "swallows": (SET.format("try: syscalls.sethostname(name)\n    except OSError: pass"), "swallowed"),
        "renames_once": (f"done = []\n{SET}".format("done or syscalls.sethostname(name); done.append(1)"),
                         "uts.hostname.unchanged"),
    },
    "uts.unshare": {
        "does_nothing": (UNSHARE.format("return None"), "uts.unshare.same"),
        "wrong_flag": (UNSHARE.format("syscalls.unshare(CLONE_NEWIPC)"), "uts.unshare.other_kind"),
        "too_many_flags": (UNSHARE.format("syscalls.unshare(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)"),
                           "uts.unshare.more"),
        "pid_too": (UNSHARE.format("syscalls.unshare(CLONE_NEWUTS | CLONE_NEWPID)"), "uts.unshare.more"),
        "renames": (UNSHARE.format("syscalls.unshare(CLONE_NEWUTS); syscalls.sethostname('box')"),
                    "uts.unshare.renamed"),
        "renames_first": (UNSHARE.format("syscalls.sethostname('box'); syscalls.unshare(CLONE_NEWUTS)"),
                          "uts.unshare.host_changed"),
        "swallows": (UNSHARE.format("try: syscalls.unshare(CLONE_NEWUTS)\n    except OSError: pass"), "swallowed"),
        "in_a_child": (UNSHARE.format("return os.fork() or syscalls.unshare(CLONE_NEWUTS)"), "forked"),
    },
    "uts.join": {
        "does_nothing": (JOIN.format("return None"), "uts.join.stayed"),
        "opens_only": (JOIN.format(f"{OPEN}; {CLOSE}"), "uts.join.stayed"),
        "unshares": (JOIN.format("syscalls.unshare(namespaces.KINDS[kind][1])"), "uts.join.elsewhere"),
        "uts_only": (JOIN.format(f"{OPEN}; syscalls.setns(file, CLONE_NEWUTS); {CLOSE}"), "uts.join.one_kind"),
        "uts_or_nothing": (JOIN.format(f"{OPEN}; kind == 'uts' and {ENTER}; {CLOSE}"), "uts.join.stayed_other"),
        "wrong_file": (JOIN.format("file = os.open(path.replace('/uts', '/ipc'), 0); syscalls.setns(file, 0)"),
                       "uts.join.other_kind"),
        "too_much": (JOIN.format(f"{OPEN}; {ENTER}; {CLOSE}; syscalls.unshare(CLONE_NEWNET)"), "uts.join.more"),
        "renames": (JOIN.format(f"{OPEN}; {ENTER}; {CLOSE}; syscalls.sethostname('guest')"), "uts.join.renamed"),
        "leaves_it_open": (JOIN.format(f"{OPEN}; {ENTER}"), "uts.join.descriptor"),
        "closes_only_where_all_went_well": (JOIN.format(f"{OPEN}; {ENTER}; {CLOSE}"), "uts.join.descriptor_after_error"),
        "any_kind": (JOIN.format(f"{OPEN}; syscalls.setns(file, 0); {CLOSE}"), "uts.join.kind_ignored"),
        "swallows": (JOIN.format(f"{OPEN}\n    try: {ENTER}\n    except OSError: pass\n    {CLOSE}"),
                     "uts.join.silent"),
    },
    "uts.container": {
        "shares_the_name": (GOOD_SET + UNSHARE.format("return None"), "uts.container.host_renamed"),
        "no_name": (GOOD_UNSHARE + SET.format("return None"), "uts.container.name"),
        "another_name": (GOOD_UNSHARE + SET.format("syscalls.sethostname('box')"), "uts.container.name"),
        "shares_without_a_name": (SET.format("return None") + UNSHARE.format("return None"),
                                  "uts.container.same_namespace"),
        "step_raises": (GOOD_UNSHARE + SET.format("raise ValueError('my own mistake')"),
                        "not_started"),
        "goes_away": (GOOD_UNSHARE + SET.format("os._exit(0)"), "not_started"),
        "one_is_missing": (GOOD_SET, "not_written"),
        "borrows": (GOOD_SET + UNSHARE.format("from contain_lab.namespaces.uts import unshare_uts as ours; ours()"),
                    "not_started"),
    },
}
for more in sorted(Path(__file__).parent.glob("mutants_*.py")):
    MUTANTS |= importlib.import_module(more.stem).MUTANTS
ALL = [pytest.param(check, name, id=f"{check}-{name}") for check, mutants in MUTANTS.items() for name in mutants]


def judged(check: str, source: str, folder: Path) -> Verdict:
    """The verdict on a my_runtime with this source, in the files of the rooms that the check is about."""
    package = folder / "my_runtime"
    package.mkdir(exist_ok=True)
    for room in {find_step(step)[1].room for step in find_check(check)[1].steps}:
        (package / f"{room}.py").write_text(HEAD + source)
    return judge.run_check(check, package)


@pytest.mark.parametrize(("check", "name"), ALL)
def test_mutant(check: str, name: str, tmp_path: Path):
    source, message = MUTANTS[check][name]
    verdict = judged(check, source, tmp_path)
    assert (verdict.passed, verdict.message) == (False, message), verdict.text
    assert all(f"{part}:" in verdict.text for part in PARTS)
    assert "{" not in verdict.text
    assert all(sentence.split()[0] in verdict.html for sentence in verdict.parts().values())


@pytest.mark.parametrize("check", MUTANTS)
def test_the_mutants_of_a_check_get_different_sentences(check: str):
    messages = [message for _, message in MUTANTS[check].values()]
    assert len(set(messages)) >= 3


def test_every_message_of_a_check_has_a_mutant():
    from contain_lab.labkit.judge.verdict import messages

    told = {message for mutants in MUTANTS.values() for _, message in mutants.values()}
    assert {id for id in messages() if id.count(".") == 2} <= told
