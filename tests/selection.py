"""Which tests run a run takes: the sample of the commit, `make quick`, or all.

A run of the whole suite or of a folder takes a sample, which the hash of the commit draws, so that any two runs of one
commit take the same. How many cases of a test are drawn follows from the time that it takes, which tests/costs.json
says: one that takes longer than SHARE gets SHARE (1 + log(its time / SHARE)), so that what is cheap is always run, and
of two tests the longer one gets more of the time, by a constant for each doubling. A test with `sampled(one_in=...)` is
drawn no more often than that. Of the core, whose every line the tests have to reach, each test runs with one case at
least. All run, of what the commit changes, of the files of tests and the cases that are called after a box, a file or a
page; what is asked for by name, a file, a test or `-k`; and everything with FLOWGRAPH_THOROUGH=1.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from math import log
from pathlib import Path
from re import MULTILINE, findall, split
from typing import Any

from tests.commit import ROOT, changed_files, part, seed_of_commit
from tests.costs import costs, without_case

TESTS = Path(__file__).parent
CORE = ("shapes", "box", "graph")
"""The folders of tests of which `make quick` runs all that does not take long."""
SHARE = 0.04
"""Seconds of the processor: what takes less is run in each commit. All tests of a sample take 210 s with it."""
OWN_SHARE = 4 * SHARE
"""For the tests of a folder that the commit changes in the package."""
CASE = 0.004
"""Seconds of the processor that pytest takes for any case."""

AT_ONCE = 40
"""A commit of more files than that is a merge or a sweep over all files, and gets a sample as any other."""

ABOVE = ("boxes", "derivatives", "debugging", "functional", "plan")
QUICK_ONE_IN, SWEEP = 15, 100
"""`make quick` runs, of the tests in the folders above, of the contract of every box and of sweeps, one in so many."""
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
    counts = Counter(without_case(item.nodeid) for item in items)
    parts: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for item in items:
        test = without_case(item.nodeid)
        parts[test, one_in(item, counts[test])][item.nodeid] = item
    seed = seed_of_commit() if seed is None else seed
    return {cases[name] for (_, many), cases in parts.items() for name in part(cases, many, seed)}


def _one_in(item: Any, cases: int, rooms: set[str]) -> int:
    mark, folder = item.get_closest_marker("sampled"), _folder(item)
    seconds = cases * (costs().get(without_case(item.nodeid), 0.0) + CASE)
    share = OWN_SHARE if folder in rooms else SHARE
    one_in = max(1, round(seconds / (share * (1 + log(max(1.0, seconds / share))))))
    if mark is not None:
        return max(one_in, int(mark.kwargs["one_in"]))
    return min(one_in, cases) if folder in CORE else one_in


def _one_in_quick(item: Any, cases: int) -> int:
    if _folder(item) in CORE:
        return 1 if cases < SWEEP else QUICK_ONE_IN
    of_the_whole = item.path.parent == TESTS and item.path.name not in SAMPLED_FILES
    return 1 if of_the_whole else QUICK_ONE_IN


def _folder(item: Any) -> str:
    return str(item.path.relative_to(TESTS).parts[0])


def _names(changed: frozenset[str]) -> set[str]:
    """What a case of a test may be called that stands for a file: its path, its module, what is defined in it."""
    names = set()
    for path in changed:
        place = Path(path)
        names |= {path, place.name, "/".join(place.parts[1:]), path.removesuffix(".py").replace("/", ".")}
        if place.parts[0] == "flowgraph" and place.suffix == ".py" and (ROOT / path).exists():
            names.update(findall(r"^(?:class|def) (\w+)", (ROOT / path).read_text(encoding="utf-8"), MULTILINE))
    return names - {""}  # of a file in no folder, which no case is called after


def _words(item: Any) -> set[str]:
    case = item.nodeid.partition("[")[2].removesuffix("]")
    return {case, *split(r"[^\w./]", case), *split(r"\W", case)}
