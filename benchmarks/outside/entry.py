"""What is checked: functions with hand-written gradients, each with an example and a judgement without fg.check."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Judgement = Literal["right", "wrong"]
Framework = Literal["numpy", "torch", "jax", "pytensor"]

FRAMEWORKS: tuple[Framework, ...] = ("numpy", "torch", "jax", "pytensor")
DIFFERENCES = "differences at the example and at neighbours of it, see evidence.py"


@dataclass(frozen=True)
class Case:
    """How fg.check is called: `check(function, *inputs, bprop=bprop)`, or without bprop for the frameworks."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    bprop: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Entry:
    """One function, with the judgement on its gradient and the proof of it."""

    name: str
    package: str
    framework: Framework
    held_out: bool
    make: Callable[[], Case]
    judgement: Judgement
    proof: str

    @property
    def title(self) -> str:
        """Its package and its own name."""
        return f"{self.package}: {self.name}"


class Package:
    """The entries of one distribution; `right` and `wrong` are decorators of functions that make a case."""

    def __init__(
        self, name: str, framework: Framework, *, held_out: bool = False, second: bool = False, own: bool = False
    ) -> None:
        self.name = name
        self.framework = framework
        self.held_out = held_out
        self.second = second
        self.own = own
        self.entries: list[Entry] = []

    def add(
        self, name: str, make: Callable[[], Case], judgement: Judgement = "right", proof: str = DIFFERENCES
    ) -> None:
        """One entry."""
        assert all(entry.name != name for entry in self.entries), f"{self.name}: {name} stands twice"
        self.entries.append(Entry(name, self.name, self.framework, self.held_out, make, judgement, proof))

    def right(self, name: str, proof: str = DIFFERENCES) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
        """The gradient is right within the contract that the code states."""
        return self._decorator(name, "right", proof)

    def wrong(self, name: str, proof: str) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
        """The gradient is wrong somewhere within that contract; the proof says where and by how much."""
        return self._decorator(name, "wrong", proof)

    def _decorator(
        self, name: str, judgement: Judgement, proof: str
    ) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
        def added(make: Callable[[], Case]) -> Callable[[], Case]:
            self.add(name, make, judgement, proof)
            return make

        return added

    @property
    def half(self) -> str:
        """Whether it may be looked at while the checker is changed, or is held out, or is so since a later day."""
        return "held out later" if self.second else "held out" if self.held_out else "open"

    def installed(self) -> bool:
        """Whether the distribution is there; what is written in this folder always is."""
        if self.own:
            return True
        try:
            importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return True


def packages() -> list[Package]:
    """All packages, by framework, the fastest first, and name; none of the distributions is imported by this."""
    from benchmarks.outside import packages as folder

    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    found = [importlib.import_module(f"{folder.__name__}.{name}").PACKAGE for name in names]
    return sorted(found, key=lambda package: (FRAMEWORKS.index(package.framework), package.name))
