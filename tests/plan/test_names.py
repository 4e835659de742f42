"""The identifiers of a source: each is its own, those of values, constants and buffers count on."""

import keyword

from hypothesis import given
from hypothesis import strategies as st

from flowgraph.plan.binding import Names

STEMS = ("t", "c", "m", "x", "tm", "h", "W_T")


@given(
    st.lists(st.tuples(st.sampled_from(STEMS), st.sampled_from(["", "1", "2", "7", "12"])).map("".join), max_size=12)
)
def test_every_name_is_given_once(wanted):
    names = Names(["m1", "x"])
    found = [names.free(name) for name in wanted]
    assert len({*found, "m1", "x"}) == len(found) + 2
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in found)


def test_numbers_of_values_constants_and_buffers_go_on_and_others_are_part_of_the_name():
    for stem in "tcm":
        names = Names([])
        assert [names.free(f"{stem}1") for _ in range(3)] == [f"{stem}1", f"{stem}2", f"{stem}3"]
    for stem in ("x", "tm", "cc"):
        names = Names([])
        assert [names.free(f"{stem}1") for _ in range(3)] == [f"{stem}1", f"{stem}1_2", f"{stem}1_3"]
