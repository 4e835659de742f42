"""Which tests a run takes: the sample of the commit, `make quick`, or all.

A run of the whole suite or of a folder takes a sample, which the hash of the commit draws, so that any two runs of one
commit take the same: of a test with many cases, of a folder whose tests take long, and of a test that is marked
`sampled(one_in=...)`. Of the core, whose every line the tests have to reach, all run but the sweeps over all boxes. So
do, of what the commit changes, the files of tests and the cases that are called after a box, a file or a page; what is
asked for by name, a file, a test or `-k`; and everything with FLOWGRAPH_THOROUGH=1.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from re import MULTILINE, findall, split
from typing import Any

from tests.commit import ROOT, changed_files, part, seed_of_commit

TESTS = Path(__file__).parent
CORE = ("shapes", "box", "graph")
"""The folders of tests of which `make quick` runs all that does not take long."""
MANY, ONE_IN = 12, 5
"""Of a test with so many cases, outside of the core, one in so many is run."""
SWEEP, ONE_IN_SWEEP = 100, 10
"""Of a test of the core with so many cases, one for each box, function or file, one in so many is run."""
LONG = {"checking": 2, "interop": 2, "rendering": 2}
"""Folders whose tests check functions, export networks or draw pictures: of any such test, one in so many is run, but
by a commit that changes the folder of that name in the package."""

AT_ONCE = 40
"""A commit of more files than that is a merge or a sweep over all files, and gets a sample as any other."""

ABOVE = ("boxes", "derivatives", "debugging", "functional", "plan")
QUICK_ONE_IN = 15
"""`make quick` runs, of the tests in the folders above and of the contract of every box, one in so many."""
SAMPLED_FILES = ("test_contract.py", "test_sabotage.py", "test_documents.py")


def sample(items: list[Any], named: Iterable[Path] = (), seed: int | None = None) -> list[Any]:
    """The tests that a commit runs, in their order, with all of the files that are named."""
    changed = changed_files() if len(changed_files()) <= AT_ONCE else frozenset()
    whole = {*named, *(ROOT / name for name in changed)}
    names = _names(changed)
    rooms = {path.split("/")[1] for path in changed if path.startswith("flowgraph/")}
    drawn = _drawn(items, lambda item, cases: _one_in(item, cases, rooms), seed)
    return [item for item in items if item in drawn or item.path in whole or not names.isdisjoint(_words(item))]


def quick(items: list[Any], seed: int | None = None) -> list[Any]:
    """The tests of the core, and one in so many of the others; none that takes long."""
    drawn = _drawn([item for item in items if not is_long(item)], _one_in_quick, seed)
    return [item for item in items if item in drawn]


def is_left_out(path: Path) -> bool:
    """Whether `make quick` does not even read a folder of tests, or a loose file."""
    return path.parent == TESTS and path.is_dir() and path.name not in (*CORE, *ABOVE)


def is_long(item: Any) -> bool:
    """Whether a test is marked as one that takes long."""
    return any(item.get_closest_marker(name) for name in ("sampled", "no_cover"))


def _drawn(items: list[Any], one_in: Callable[[Any, int], int], seed: int | None) -> set[Any]:
    """Of the cases of each test, one in so many."""
    counts = Counter(map(_test, items))
    parts: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for item in items:
        parts[_test(item), one_in(item, counts[_test(item)])][item.nodeid] = item
    seed = seed_of_commit() if seed is None else seed
    return {cases[name] for (_, many), cases in parts.items() for name in part(cases, many, seed)}


def _one_in(item: Any, cases: int, rooms: set[str]) -> int:
    mark, folder = item.get_closest_marker("sampled"), _folder(item)
    if mark is not None:
        return int(mark.kwargs["one_in"])
    many, one_in = (SWEEP, ONE_IN_SWEEP) if folder in CORE else (MANY, ONE_IN)
    return max(one_in if cases >= many else 1, LONG.get(folder, 1) if folder not in rooms else 1)


def _one_in_quick(item: Any, cases: int) -> int:
    if _folder(item) in CORE:
        return 1 if cases < SWEEP else QUICK_ONE_IN
    of_the_whole = item.path.parent == TESTS and item.path.name not in SAMPLED_FILES
    return 1 if of_the_whole else QUICK_ONE_IN


def _folder(item: Any) -> str:
    return str(item.path.relative_to(TESTS).parts[0])


def _test(item: Any) -> str:
    return str(item.nodeid.partition("[")[0])


def _names(changed: frozenset[str]) -> set[str]:
    """What a case of a test may be called that stands for a file: its path, its module, what is defined in it."""
    names = set()
    for path in changed:
        place = Path(path)
        names |= {path, place.name, "/".join(place.parts[1:]), path.removesuffix(".py").replace("/", ".")}
        if place.suffix == ".py" and (ROOT / path).exists():
            names.update(findall(r"^(?:class|def) (\w+)", (ROOT / path).read_text(encoding="utf-8"), MULTILINE))
    return names


def _words(item: Any) -> set[str]:
    case = item.nodeid.partition("[")[2].removesuffix("]")
    return {case, *split(r"[^\w./]", case), *split(r"\W", case)}
