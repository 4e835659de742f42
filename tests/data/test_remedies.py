"""A library words its remedies as keywords of Python; only the command line words them as its options."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph
from flowgraph.errors import DataError
from flowgraph.remedies import Remedy, merge_remedies, words_of

PACKAGE = Path(flowgraph.__file__).parent
LIBRARIES = ("box", "boxes", "data", "functional", "graph", "search", "stats", "training")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*+(?![:)])")
"""An option; what a colon or a bracket follows is a variable of CSS."""

NAMES = st.sampled_from(["one_hot", "drop", "impute", "decimal"])
VALUES = st.one_of(st.just(True), st.just(...), st.text(min_size=1), st.lists(st.text(), min_size=1).map(tuple))


@pytest.mark.parametrize("room", LIBRARIES)
def test_no_text_of_a_library_names_an_option_of_the_command_line(room):
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(?<![\w-])--[a-z][\w-]*+(?![:)])", node.value), (
                    f"{path}:{node.lineno}: {node.value}"
                )


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_a_remedy_is_told_as_keywords_and_as_options(settings):
    words = ("found a gap; ", Remedy(settings), " fills it")
    said = eval(f"dict({words_of(words[1:2], str)})")
    assert {name: ... if value is ... else value for name, value in settings.items()} == said
    given_options = shlex.split(Remedy(settings).as_options())
    for name, value in settings.items():
        each = value if isinstance(value, tuple) else () if value in (True, ...) else (value,)
        option = f"--{name.replace('_', '-')}"
        assert given_options.count(option) >= max(len(each), 1)
        assert all(one in given_options for one in each)
    assert DataError(*words).with_remedies(lambda remedy: "this") == "found a gap; this fills it"


def test_remedies_together_leave_out_all_columns():
    together = merge_remedies([Remedy(drop=("a",)), Remedy(one_hot=True), Remedy(drop=("b",)), Remedy(one_hot=True)])
    assert together == {"drop": ("a", "b"), "one_hot": True}
