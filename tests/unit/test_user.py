"""Subordinate ids: what /etc/subuid says to whom."""

import pytest

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
