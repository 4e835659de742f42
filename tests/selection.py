"""Which tests a run takes: the sample, what stands near a change, or all.

A run of the whole suite takes a sample, which the seed of the tree draws (tests/seed.txt), so that any two runs of one
tree take the same. How many cases of a test are drawn follows from the time that it takes, which tests/costs.json says:
one that takes longer than the share gets share (1 + log(its time / share)), so that what is cheap is always run, and of
two tests the longer one gets more of the time, by a constant for each doubling. A test with `sampled(one_in=...)` is
drawn no more often than that. Of `CORE`, whose tests have to reach every line of the engine's core, all run that have
no such mark. All run, too, of what is asked for by name, a folder, a file, a test or `-k`; and everything with
FLOWGRAPH_THOROUGH=1.

`--near` takes the rooms that git says changed, whole, and the cases that are called after what changed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from math import log
from pathlib import Path
from re import MULTILINE, findall, split
from typing import Any

from tests import rooms
from tests.costs import costs, without_case
from tests.rooms import ROOT, changed_files
from tests.seed import part, seed_of_tree

TESTS = Path(__file__).parent
CORE = ("shapes", "box", "graph", "test_errors.py", "test_mistakes.py")
"""The folders and files whose tests are in every sample, all of them: they reach each line of the engine's core."""
SHARE = 0.04
"""Seconds of the processor: what takes less is always run. All tests of a sample take 210 s with it."""
CASE = 0.004
"""Seconds of the processor that pytest takes for any case."""


def sample(items: list[Any], named: Iterable[Path] = (), seed: int | None = None, share: float = SHARE) -> list[Any]:
    """The tests that the seed draws, in their order, with all of the files and folders that are named."""
    drawn = _drawn(items, lambda item, cases: _one_in(item, cases, share), seed)
    return [*_chosen(items, set(named), set(), drawn)]


def near(items: list[Any]) -> list[Any]:
    """The tests of the rooms that differ from main, and the cases that are called after what differs."""
    changed = changed_files(rooms.base())
    places = {*(TESTS / room for room in rooms.changed(rooms.base())), *(ROOT / name for name in changed)}
    return [*_chosen(items, places, _names(changed), set())]


def is_far(path: Path) -> bool:
    """Whether `--near` does not even read a folder of tests: nothing of it differs from main."""
    return path.parent == TESTS and path.is_dir() and path.name not in rooms.changed(rooms.base())


def _chosen(items: list[Any], places: set[Path], names: set[str], drawn: set[Any]) -> Iterator[Any]:
    """Of the tests, those that are drawn, that stand in a file or folder, and whose case is called by a name."""
    for item in items:
        if (
            item in drawn
            or not places.isdisjoint((item.path, *item.path.parents))
            or not names.isdisjoint(_words(item))
        ):
            yield item


def _drawn(items: list[Any], one_in: Callable[[Any, int], int], seed: int | None) -> set[Any]:
    """Of the cases of each test, one in so many."""
    counts = Counter(without_case(item.nodeid) for item in items)
    parts: dict[tuple[str, int], dict[str, Any]] = defaultdict(dict)
    for item in items:
        test = without_case(item.nodeid)
        parts[test, one_in(item, counts[test])][item.nodeid] = item
    seed = seed_of_tree() if seed is None else seed
    return {cases[name] for (_, many), cases in parts.items() for name in part(cases, many, seed)}


def _one_in(item: Any, cases: int, share: float) -> int:
    mark = item.get_closest_marker("sampled")
    if mark is None and _folder(item) in CORE:
        return 1
    seconds = cases * (costs().get(without_case(item.nodeid), 0.0) + CASE)
    one_in = max(1, round(seconds / (share * (1 + log(max(1.0, seconds / share))))))
    return one_in if mark is None else max(one_in, round(int(mark.kwargs["one_in"]) * SHARE / share))


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
