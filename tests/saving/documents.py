"""Documents of saved graphs, and changes of them that keep the checksum of the file right."""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import safetensors.numpy

import flowgraph as fg
from flowgraph.saving.archive import _checksum
from flowgraph.saving.graph_file import graph_document
from tests.cases import cases
from tests.hostile import TEXTS, several
from tests.saving.attacks import NO_RULE, one
from tests.test_contract import BOXES

NAMES = (*sorted(BOXES), "Input", "Parameter", "Constant")
"""Of boxes, from a fixed list: what is registered besides depends on what was imported before."""
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
DTYPES = ("O", "<f8", ">f8", "<c16", "U99999999", "(9999999,)f8", 3, None)
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
        rng.choice(NAMES), copy.deepcopy(at(document, rng.choice(list(places(document))))),
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


def changed_file(
    rng: random.Random,
    kind: str,
    document: dict[str, Any],
    arrays: dict[str, Any],
    dtypes: dict[str, Any] | None = None,
) -> bytes:
    """A file with a valid checksum; now and then with an odd dtype, or an odd header of safetensors."""
    head: dict[str, Any] = {"format": 1, "kind": kind, "dtypes": dtypes or {}, "document": document}
    if rng.random() < 0.1:
        head["dtypes"] = {name: rng.choice(DTYPES) for name in arrays}
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
