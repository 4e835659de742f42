"""The packages of both sets, which set each belongs to, and the entries with a planted mistake."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from benchmarks.outside.entry import FRAMEWORKS, Entry, Package


@cache
def gathered() -> tuple[Package, ...]:
    """All packages, by framework and name, without planted mistakes; none of the distributions is imported by this."""
    from benchmarks.outside.fresh import packages as folder

    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    found = [one for name in names for one in importlib.import_module(f"{folder.__name__}.{name}").PACKAGES]
    return tuple(sorted(found, key=lambda package: (FRAMEWORKS.index(package.framework), package.name)))


def found(title: str, packages: tuple[Package, ...]) -> Entry:
    """The entry of this title."""
    return next(one for package in packages for one in package.entries if one.title == title)
