"""What a course hands out: a forward and a backward function in plain NumPy, one example, and mistakes of students."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layer:
    """`mistakes` are wrong backward functions, by what is wrong with them."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    inputs: tuple[Any, ...]
    mistakes: dict[str, Callable[..., Any]] = field(default_factory=dict)
