"""Random joint draws: another shape, other settings and other values at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from flowgraph.checking.regimes_values import DRAWS, as_input
from flowgraph.checking.structure import Structure
from flowgraph.checking.target import Inputs


def joint_regimes(
    bases: list[Inputs],
    changed_settings: list[Inputs],
    active: tuple[int, ...],
    structures: dict[int, Structure],
    example: Inputs,
    rng: np.random.Generator,
    count: int,
) -> Iterator[tuple[str, Inputs]]:
    """`bases` are legal inputs of other shapes, `changed_settings` legal inputs with other settings."""
    labels = list(DRAWS)
    for _ in range(count):
        inputs = list(bases[int(rng.integers(len(bases)))] if bases else example)
        words: list[str] = []
        if changed_settings and rng.uniform() < 0.6:
            other = changed_settings[int(rng.integers(len(changed_settings)))]
            for i, x in enumerate(example):
                if i not in active and _differs(other[i], x) and not isinstance(x, np.ndarray):
                    inputs[i] = other[i]
                    words.append(repr(other[i]))
        for i in active:
            if rng.uniform() < 0.7:
                label = labels[int(rng.integers(len(labels)))]
                drawn = DRAWS[label](np.asarray(inputs[i]), rng)
                inputs[i] = as_input(example[i], structures[i].made(drawn) if i in structures else drawn)
                words.append(label)
        shapes = " ".join(str(np.shape(inputs[i])).replace(" ", "") for i in active)
        yield f"joint: {shapes} {', '.join(words)}", tuple(inputs)


def _differs(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is not other
    return type(one) is not type(other) or bool(one != other)
