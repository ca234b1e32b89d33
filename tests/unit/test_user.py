"""Subordinate ids: what /etc/subuid says to whom."""

import os
import pwd
import shutil

import pytest

from contain_lab import files
from contain_lab.namespaces import user

TEXT = """
# nobody
anna:100000:65536
1000:300000:5
berta:1:2
anna:broken
anna:1:0
anna:-1:7
  anna:400000:10
annabel:5:5
"""


@pytest.mark.parametrize(("name", "number", "ranges"), [
    ("anna", 1000, ((100000, 65536), (300000, 5), (400000, 10))),
    ("anna", 7, ((100000, 65536), (400000, 10))),
    ("nobody", 65534, ()),
])
def test_ids_are_granted_by_name_or_number_and_broken_lines_grant_nothing(name, number, ranges):
    assert user.granted_ranges(TEXT, name, number) == ranges


def test_an_empty_file_grants_nothing():
    assert user.granted_ranges("", "anna", 0) == ()


def test_the_own_id_is_root_and_what_is_granted_follows(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 1001)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: pwd.struct_passwd(("anna", "x", number, 0, "", "/", "")))
    monkeypatch.setattr(os.path, "exists", lambda path: True)
    monkeypatch.setattr(files, "get", {"/etc/subuid": TEXT, "/etc/subgid": "anna:7:9\n"}.__getitem__)
    assert user.own_maps() == (
        ((0, 1000, 1), (1, 100000, 65536), (65537, 300000, 5), (65542, 400000, 10)), ((0, 1001, 1), (1, 7, 9)))


def test_without_the_programs_that_map_more_ids_the_own_one_is_all(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    assert user.own_maps() == (((0, os.geteuid(), 1),), ((0, os.getegid(), 1),))
