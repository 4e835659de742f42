"""What `make quick` runs: what a change of the engine most likely breaks, chosen by where a test stands.

All tests of the engine's own folders, and a sample of what is built on it, which another commit draws anew.
"""

from pathlib import Path
from zlib import crc32

from tests.commit import seed_of_commit

TESTS = Path(__file__).parent
ENGINE = ("shapes", "box", "graph")
ABOVE = ("boxes", "derivatives", "debugging", "functional", "plan")
ONE_IN = 15
"""Of the tests in the folders above, and of the contract of every box, one in so many is run."""

SAMPLED_FILES = ("test_contract.py", "test_sabotage.py", "test_documents.py")


def is_left_out(path: Path) -> bool:
    """Whether a folder of tests, or a loose file, is not even read."""
    if path.parent != TESTS:
        return False
    return path.is_dir() and path.name not in (*ENGINE, *ABOVE)


def chosen(items, seed=None):
    """The tests of the engine, and one in so many of the others; none that is marked as long, `no_cover` or `slow`."""
    seed = seed_of_commit() if seed is None else seed
    return [item for item in items if not _is_long(item) and (_is_of_engine(item) or _is_drawn(item.nodeid, seed))]


def _is_long(item) -> bool:
    return any(item.get_closest_marker(name) for name in ("no_cover", "slow"))


def _is_of_engine(item) -> bool:
    place = item.path.relative_to(TESTS)
    return place.parts[0] in ENGINE or (len(place.parts) == 1 and place.name not in SAMPLED_FILES)


def _is_drawn(name: str, seed: int) -> bool:
    return crc32(f"{seed} {name}".encode()) % ONE_IN == 0
