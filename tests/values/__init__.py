"""An independent value formula for every box: what a gradient test cannot see is a wrong fprop."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

VALUES: dict[str, Callable[..., Any]] = {}

for family in pkgutil.iter_modules(__path__):
    VALUES.update(importlib.import_module(f"{__name__}.{family.name}").VALUES)
