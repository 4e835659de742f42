"""Calls that may raise, since what one path refuses the others are to refuse too."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any


def attempt(call: Callable[[], Any]) -> tuple[Any, str]:
    """What a call gives, or None and what it raises."""
    try:
        return call(), ""
    except Exception as error:
        return None, error_text(error)


def error_text(error: BaseException) -> str:
    """What was raised, and where."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {pathlib.Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}: {str(error)[:300]}{place}"
