"""An independent value formula for every box: what a gradient test cannot see is a wrong fprop."""

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
