"""What the seed of the tree draws: a digest of the first of each kind, to compare two machines, clones or days.

python -m tests.draws          a line for each kind, and one for all together
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.fuzz.drawing import draw_case
from tests.fuzz.readers import NEEDED, READERS, draw_file
from tests.rendering.random_graphs import random_graph
from tests.seed import part, seed_of_tree

ROOT = Path(__file__).parents[1]
FIRST = 20
"""Of each kind, so many."""


def cases(seed: int) -> Iterator[str]:
    """Which of many cases a sample has."""
    yield from part(map(str, range(1000)), 7, seed)


def programs(seed: int) -> Iterator[str]:
    """Random programs in NumPy, with their numbers."""
    for number in range(FIRST):
        case = draw_case([seed, number])
        yield case.text()
        yield from (f"{leaf.array.dtype.str} {leaf.array.shape} {leaf.array.tolist()}" for leaf in case.leaves)


def graphs(seed: int) -> Iterator[str]:
    """Random graphs, of which pictures and derivations are made."""
    for place in range(FIRST):
        graph = random_graph(seed + place, 20)
        places = {box: number for number, box in enumerate(graph.boxes)}
        yield from (f"{type(box).__name__} {box.name} {[places[c] for c in box.children]}" for box in graph.boxes)


def files(seed: int) -> Iterator[str]:
    """Changed files of the kinds that need no package: what others hold follows from a package's release too."""
    for name in sorted(READERS.keys() - NEEDED):
        known = READERS[name].files()
        yield from (f"{name} {draw_file(name, seed, number, known).hex()}" for number in range(FIRST))


def numbers(seed: int) -> Iterator[str]:
    """Settings, moments and arrays that are drawn by NumPy's generator."""
    yield from map(str, np.random.default_rng([seed, 1]).integers(0, 2**40, FIRST))


KINDS: dict[str, Callable[[int], Iterator[str]]] = {
    "cases": cases, "programs": programs, "graphs": graphs, "files": files, "numbers": numbers,
}  # fmt: skip


def digests(seed: int) -> dict[str, str]:
    """A digest of what is drawn of each kind."""
    return {kind: hashlib.sha256("\n".join(draw(seed)).encode()).hexdigest()[:16] for kind, draw in KINDS.items()}


def main() -> None:
    """Print the digests."""
    found = digests(seed_of_tree())
    for kind, digest in found.items():
        print(f"{kind:<12}{digest}")
    print(f"{'all':<12}{hashlib.sha256(repr(found).encode()).hexdigest()[:16]}, seed {seed_of_tree()}")


if __name__ == "__main__":
    main()
