"""Public functions of the frameworks, each with one example as a user has it."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any

FRAMEWORKS = ("autograd", "torch", "jax", "mygrad")


def version(framework: str) -> str:
    """Imports it."""
    module = importlib.import_module(framework)
    return getattr(module, "__version__", None) or importlib.metadata.version(framework)


def functions(framework: str) -> list[tuple[str, Any, tuple[Any, ...]]]:
    """Name, function and example arguments of each."""
    return list(importlib.import_module(f"benchmarks.public_functions.of_{framework}").functions())
