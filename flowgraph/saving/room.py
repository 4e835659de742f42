"""Checks whether what a file or a setting asks for fits into memory."""

from __future__ import annotations

import os
import sys

from flowgraph.errors import FlowgraphError


def memory() -> float:
    """Bytes of physical memory; infinite where the system does not say."""
    if sys.platform == "win32":
        return float("inf")
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError):
        return float("inf")


def check_room(who: str, needed: float, way_out: str, error: type[FlowgraphError]) -> None:
    """Refuse what needs more bytes than there are, before anything is allocated."""
    if needed > memory():
        raise error(
            f"{who}: needs {needed / 1e9:,.0f} GB of memory, and this machine has {memory() / 1e9:,.0f}; {way_out}"
        )
