"""The number of this tree, tests/seed.txt: which tests run, and what they draw, follows from it and nothing else.

So the same tree runs the same tests with the same inputs, whatever its commit, machine and day. `make reseed` writes
another number, `make soak` tries fresh ones without writing any (tests/soak.py), and FLOWGRAPH_SEED=7 takes one for
a run.
"""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np

FILE = Path(__file__).with_name("seed.txt")
MOST = 2**32 - 1


class SeedError(Exception):
    """The number of the tree is missing, or is none."""


def random_seed() -> int:
    """A seed that nobody has used."""
    return int(np.random.SeedSequence().generate_state(1)[0])


def is_thorough() -> bool:
    """Whether everything is asked for, as in the night: FLOWGRAPH_THOROUGH=1."""
    return os.environ.get("FLOWGRAPH_THOROUGH") == "1"


def seed_from(text: str, place: str) -> int:
    """The seed that a text is.

    Raises
    ------
    SeedError
        If it is not one whole number from 0 to 2**32 - 1.
    """
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit() and len(stripped) <= len(str(MOST)) and int(stripped) <= MOST:
        return int(stripped)
    raise SeedError(f"{place}: found {stripped[:40]!r}, needs one whole number from 0 to {MOST}; make reseed draws one")


@functools.cache
def seed_of_tree() -> int:
    """The number in tests/seed.txt, or FLOWGRAPH_SEED.

    Raises
    ------
    SeedError
        If the file is missing, or holds no such number.
    """
    asked = os.environ.get("FLOWGRAPH_SEED")
    if asked:
        return seed_from(asked, "FLOWGRAPH_SEED")
    try:
        text = FILE.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"tests/{FILE.name}: cannot be read ({error}); make reseed writes one") from error
    return seed_from(text, f"tests/{FILE.name}")


def part(names: Iterable[str], one_in: int, seed: int) -> list[str]:
    """One in so many of the names, in their order: they fall into parts of one size, and the seed says which it is.

    The parts of one list are always the same. Which is drawn of two lists has nothing to do with each other.
    """
    listed = list(names)
    mixed = sorted(listed, key=lambda name: crc32(name.encode()))
    first = crc32(f"{seed} {mixed[0]}".encode()) % one_in if mixed else 0
    drawn = set(mixed[first::one_in])
    return [name for name in listed if name in drawn]


def share_of_tree(names: Iterable[str], one_in: int) -> list[str]:
    """One in so many of the names, as the seed of the tree draws; all of them with FLOWGRAPH_THOROUGH=1."""
    return part(names, 1 if is_thorough() else one_in, seed_of_tree())


if __name__ == "__main__":  # make reseed
    FILE.write_text(f"{random_seed()}\n", encoding="utf-8")
    print(f"tests/{FILE.name}: {FILE.read_text(encoding='utf-8').strip()}")
