"""A value formula for every box, since what a gradient test cannot see is a wrong fprop.

It is NumPy's own function where a box does what that does, and independent of the package everywhere.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from typing import Any

VALUES: dict[str, Callable[..., Any]] = {}

SPECIAL = all(importlib.util.find_spec(package) for package in ("scipy", "mpmath"))
"""Whether boxes of scipy.special can be tested: by SciPy and mpmath, which `make .venv/dev` does not install."""

for family in pkgutil.iter_modules(__path__):
    if family.name == "special" and not SPECIAL:
        continue
    VALUES.update(importlib.import_module(f"{__name__}.{family.name}").VALUES)
