"""What a package of boxes exports: every box class and public function that its files declare."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

from flowgraph.box.base import Box, public_functions, registry


def exports(package: str, path: Iterable[str]) -> dict[str, Any]:
    """Import every module of a package, and return its boxes and public functions by name."""
    for module in sorted(_modules_in(package, path)):
        importlib.import_module(module)
    declared: list[Any] = [*registry.values(), *public_functions.values()]
    own = [item for item in declared if item.__module__.startswith(f"{package}.")]
    return {item.__name__: item for item in sorted(own, key=lambda item: item.__name__)}


def _modules_in(package: str, path: Iterable[str]) -> Iterator[str]:
    """The names of all modules of a package, by the files in its folders; by pkgutil, slowly, where it has none."""
    try:
        for entry in itertools.chain.from_iterable(map(os.scandir, path)):
            stem, dot, end = entry.name.partition(".")
            if dot + end == ".py" and stem != "__init__":
                yield f"{package}.{stem}"
            elif not dot and os.path.exists(os.path.join(entry.path, "__init__.py")):
                yield f"{package}.{stem}"
                yield from _modules_in(f"{package}.{stem}", [entry.path])
    except NotADirectoryError:  # in an archive
        import pkgutil

        yield from (module.name for module in pkgutil.walk_packages(path, f"{package}."))


def is_public(exported: object) -> bool:
    """Whether a name is exported as `fg.<name>`; boxes that are used in gradients only are not."""
    return not (isinstance(exported, type) and issubclass(exported, Box)) or exported.public
