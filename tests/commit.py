"""A number for each commit, so that what cannot be tested whole in each is tested in turn."""

import functools
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np

ROOT = Path(__file__).parents[1]


def random_seed() -> int:
    """A seed that nobody has used."""
    return int(np.random.SeedSequence().generate_state(1)[0])


def is_thorough() -> bool:
    """Whether everything is asked for, as in the night: FLOWGRAPH_THOROUGH=1."""
    return os.environ.get("FLOWGRAPH_THOROUGH") == "1"


@functools.cache
def seed_of_commit() -> int:
    """A seed from the hash of the commit that is tested; a random one outside of git. FLOWGRAPH_FUZZ_SEED sets it."""
    given = os.environ.get("FLOWGRAPH_FUZZ_SEED")
    if given:
        return int(given)
    commit = _git("rev-parse", "HEAD")
    return int(commit[:8], 16) if commit else random_seed()


@functools.cache
def changed_files() -> frozenset[str]:
    """The files that differ from the commit before, those that are not committed too; none where git knows no such."""
    return frozenset(_git("diff", "--name-only", "HEAD~1").splitlines())


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def part(names: Iterable[str], one_in: int, seed: int) -> list[str]:
    """One in so many of the names, in their order: they fall into parts of one size, and the seed says which it is.

    The parts of one list are always the same. Which is drawn of two lists has nothing to do with each other.
    """
    listed = list(names)
    mixed = sorted(listed, key=lambda name: crc32(name.encode()))
    first = crc32(f"{seed} {mixed[0]}".encode()) % one_in if mixed else 0
    drawn = set(mixed[first::one_in])
    return [name for name in listed if name in drawn]


def share_of_commit(names: Iterable[str], one_in: int) -> list[str]:
    """One in so many of the names, others in each commit; all of them with FLOWGRAPH_THOROUGH=1."""
    return part(names, 1 if is_thorough() else one_in, seed_of_commit())
