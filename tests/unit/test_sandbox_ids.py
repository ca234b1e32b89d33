"""Which ids the root of a sandbox gets, by the id map of whoever makes it."""

import pytest

from contain_lab.labkit.sandbox.ids import COUNT, FIRST, pick


@pytest.mark.parametrize(("id_map", "ids"), [
    ("         0          0 4294967295\n", (FIRST, COUNT)),
    ("0 1000 1\n1 100000 65536\n", (32769, 32768)),
    ("0 1000 1\n", (0, 1)),
    ("0 0 65536\n", (32768, 32768)),
])
def test_ids_that_nobody_has_are_taken_or_the_upper_half_of_what_there_is(id_map: str, ids: tuple[int, int]):
    assert pick(id_map) == ids
