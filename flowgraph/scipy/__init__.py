"""What scipy cannot call on boxes: for code written for autograd.scipy. Its distributions are in flowgraph.stats."""

from __future__ import annotations

import importlib
from typing import Any

from flowgraph.errors import install_hint


def of_scipy(part: str, who: str) -> Any:
    """A module of SciPy, such as scipy.linalg, which is imported when `who` first needs it."""
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError as missing:
        raise ImportError(f"{who} needs SciPy; {install_hint('scipy')}") from missing
