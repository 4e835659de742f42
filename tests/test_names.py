"""What `python -m tools.names` counts as a function that is called by a lone participle."""

import pytest

from tools.names import PACKAGE, is_participle, lone_participles

SOURCE = """
class Table:
    @property
    def sorted(self):
        return self._read

    def _read(self):
        def kept(rows):
            return rows

    def read_rows(self):
        pass

    def cast(self):
        pass

    def named(self, name):
        return self


async def joined(a, b):
    pass
"""


def test_functions_and_methods_are_counted_and_no_values_or_public_names():
    assert sorted(lone_participles(SOURCE)) == [(7, "_read"), (8, "kept"), (21, "joined")]


def test_no_function_of_the_package_is_called_by_one():
    sources = {path.relative_to(PACKAGE): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [(path, *found) for path, source in sources.items() for found in lone_participles(source)] == []


@pytest.mark.parametrize("name", ["_taken", "__held", "Widened", "read"])
def test_one_word_that_says_what_was_done_is_one(name):
    assert is_participle(name)


@pytest.mark.parametrize("name", ["seed", "_need", "run", "split", "cast", "read_rows", "taken_rows", "feeds", "_"])
def test_verbs_nouns_and_names_with_an_object_are_none(name):
    assert not is_participle(name)
