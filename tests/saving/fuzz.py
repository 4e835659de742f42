"""Saved graphs, changed at random and given a valid checksum, are loaded or refused, soon and in little memory.

Run as `python -m tests.saving.fuzz SEED COUNT`: it limits its own memory, and ends with what went wrong, if anything.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import safetensors.numpy

import flowgraph as fg
from flowgraph.errors import SavedFileError
from flowgraph.saving.archive import _checksum, archive_bytes
from flowgraph.saving.graph_file import graph_document
from tests.cases import cases
from tests.hostile import TEXTS, several, unprintable
from tests.saving.attacks import NO_RULE, attacks, one
from tests.test_contract import BOXES

SECONDS = 2.0
"""Of the processor, for one file; most take a thousandth of it."""

MEMORY = 1 << 30
"""Bytes of address space beyond what the process begins with."""

MOST_PLACES = 5000
"""Of a document that is changed further."""

NUMBERS = (
    0, 1, 2, 3, 5, -1, -2, 64, 65, 255, 1 << 16, (1 << 16) + 1, 1 << 20, 1 << 31, 1 << 32, 10**9, 10**12, 10**15,
    -(10**15), (1 << 63) - 1, 1 << 63, 1 << 64, 10**30, -(10**30), 10**400, 0.0, 0.5, -0.5, 1e300, -1e-300, 1e9,
    float("inf"), float("nan"),
)  # fmt: skip
SIZES = (
    [[1, "N"]], [[1, *["N"] * 64]], [[1, *["N"] * 3000]], [[10**30, "N"]], [[1, f"N{i}"] for i in range(300)],
    [[1, "N"], [-1, "M"]], [[1, *["N"] * 32], [1, *["M"] * 32]], [[1, "\n"]], [[True, "N"]], [[1.5, "N"]], [],
    [[1, "?0"]],
)  # fmt: skip
WORDS = ("", "w", "x", "Tanh", "box", "tuple", "<f8", "O", "(9,)f8", "U1000000000", "?0", "a" * 100_000)


def documents() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Graphs of every box, of a network, of gradients, as documents and arrays."""
    for name in BOXES:
        for case in cases(BOXES[name])[:2]:
            yield graph_document(fg.Graph(*(case.box if len(case.box.outputs) > 1 else [case.box])))
    yield graph_document(several())
    w = fg.Parameter([1.0, 2.0], name="w")
    x = fg.Input("x", shape=("N", 2))
    yield graph_document(fg.Graph(*fg.gradient(fg.sum(np.tanh(fg.dropout(x, 0.5) * w)), [w])))
    yield graph_document(fg.Graph(np.ravel(np.reshape(x, (-1, 1, 2))), np.pad(x, 1), np.tile(x, 3), np.repeat(x, 2, 0)))
    yield one(NO_RULE, [3, 4], [3, 4])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, as the keys that lead to it."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for key in path:
        document = document[key]
    return document


def strange(rng: random.Random, old: Any, document: Any) -> Any:
    """Something else for a value of a document."""
    text = rng.choice((*TEXTS, *WORDS))
    inside = sum(1 for _ in itertools.islice(places(old), 100)) if isinstance(old, dict | list) else 0
    plain = not isinstance(old, dict | list | str)
    many = rng.choice((2, 65 if inside < 100 else 2, 20_000 if plain else 2))
    ends = [rng.choice(NUMBERS), rng.choice(NUMBERS), rng.choice((1, 1, -1, 0, 3))]
    inner: Any = 0
    for _ in range(rng.choice((3, 20, 60))):
        inner = {"tuple": [inner]}
    return rng.choice((
        rng.choice(NUMBERS), rng.choice(NUMBERS), text, text, rng.choice((None, True, False)), [], {}, [old],
        {"tuple": [old]}, {"tuple": [rng.choice(NUMBERS)] * many}, {"range": ends}, {"range": [0, 10**15]},
        {"size": copy.deepcopy(rng.choice(SIZES))}, {"slice": [rng.choice((None, *NUMBERS)) for _ in range(3)]},
        {"float": text}, {"dtype": text}, {"type": text}, {"array": text}, {"box": rng.randrange(3)},
        {"complex": [old, 1]}, {"dict": [[text, old]]}, {"ellipsis": 1}, {text: old}, inner, [old] * many,
        rng.choice(sorted(fg.registry)), copy.deepcopy(at(document, rng.choice(list(places(document))))),
    ))  # fmt: skip


def mutated(rng: random.Random, document: Any) -> Any:
    """The document with one to three places changed: another value, another number, a key less or more."""
    document = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        found = list(itertools.islice(places(document), MOST_PLACES))
        if not 0 < len(found) < MOST_PLACES:  # what takes long for its length says nothing
            break
        *path, last = rng.choice(found)
        inner = at(document, tuple(path))
        old = copy.deepcopy(inner[last])
        how = rng.random()
        if how < 0.1:
            del inner[last]
        elif how < 0.2 and isinstance(inner, dict):
            inner[rng.choice((*TEXTS[:4], "settings", "children", "scope", "outputs", "draw"))] = old
        elif how < 0.5 and type(old) in (int, float, bool):
            inner[last] = rng.choice((*NUMBERS, old, old + 1, old - 1))
        else:
            inner[last] = strange(rng, old, document)
    return document


def whole_file(head: dict[str, Any], arrays: dict[str, Any], rng: random.Random) -> bytes:
    """The bytes of a file with a valid checksum; now and then with an odd header of safetensors."""
    head["sha256"] = _checksum(head, arrays)
    content: bytes = safetensors.numpy.save(arrays, metadata={"flowgraph": json.dumps(head)})
    if rng.random() < 0.8:
        return content
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    *path, last = rng.choice([path for path in places(header) if path[0] != "__metadata__"] or [("__metadata__",)])
    odd = (*NUMBERS, "0", "8", None, [], {}, ["0", "8"], [0, -8], [0.0, 8.0], [[1]], True, "F64", "O")
    at(header, tuple(path))[last] = rng.choice(odd)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def loads(path: Path) -> bool:
    """Whether the file is loaded; False where it is refused, in a short and printable text, not by want of memory."""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        graph = fg.load(path)
    except SavedFileError as error:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        text = str(error)
        if len(text) > 2000 or unprintable(text) or "Unable to allocate" in text or "MemoryError" in text:
            raise AssertionError(f"refused in the words {text[:3000]!r}") from error
        return False
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    str(graph), repr(graph.boxes)
    return True


def overdue(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"not done after {SECONDS} s")


def try_attacks(path: Path) -> None:
    """Every attack is refused."""
    for name, document, arrays in attacks():
        path.write_bytes(archive_bytes("graph", document, arrays))
        try:
            if loads(path):
                sys.exit(f"attack {name!r} is loaded")
        except Exception as error:
            traceback.print_exc()
            sys.exit(f"attack {name!r}: {type(error).__name__}: {error}")


def try_changes(path: Path, seed: int, count: int, known: list[tuple[Any, dict[str, Any]]]) -> int:
    """How many of so many changed files are loaded."""
    rng = random.Random(seed)
    loaded = 0
    dtypes = ("O", "<f8", ">f8", "<c16", "U99999999", "(9999999,)f8", 3, None)
    for number in range(count):
        document, arrays = rng.choice(known)
        head: dict[str, Any] = {"format": 1, "kind": "graph", "dtypes": {}, "document": mutated(rng, document)}
        if rng.random() < 0.1:
            head["dtypes"] = {name: rng.choice(dtypes) for name in arrays}
        path.write_bytes(whole_file(head, arrays, rng))
        try:
            loaded += loads(path)
        except Exception as error:
            traceback.print_exc()
            sys.exit(f"case {number} of seed {seed}: {type(error).__name__}: {error}")
    return loaded


def main(seed: int, count: int) -> None:
    path = Path(f"/proc/self/fd/{os.memfd_create('changed')}")  # thousands of files on a disk would take longer
    warnings.simplefilter("ignore")
    plain = [(d, {k: np.ascontiguousarray(v) for k, v in a.items() if v.dtype.kind != "c"}) for d, a in documents()]
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGVTALRM, overdue)
    try_attacks(path)
    print(f"{try_changes(path, seed, count, plain)} of {count} loaded")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
