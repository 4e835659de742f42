"""The browser of the tests: one for all of a process, started by the first test that needs it."""

from __future__ import annotations

import atexit
import json
import os
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tools.chromium import AVAILABLE, MISSING, Page, chromium

in_a_browser = pytest.mark.skipif(not AVAILABLE, reason=MISSING)

_ERRORS = (
    "<script>window.errors = []; addEventListener('error', (event) => errors.push(event.message));"
    " addEventListener('unhandledrejection', (event) => errors.push(String(event.reason)));</script>"
)


@cache
def shared() -> Page:
    """The browser, which ends with the process that started it.

    `multiprocessing` forgets in a forked child what is registered at the exit: a browser that nothing else held would
    be ended there, with the folder of its pages.
    """
    atexit.register(_end, os.getpid())
    return _running.enter_context(chromium())


_running = ExitStack()


def _end(owner: int) -> None:
    if os.getpid() == owner:
        _running.close()


def answered(text: str, body: str, size: tuple[int, int] = (1400, 800), address: str = "", **look: bool) -> Any:
    """What the body of an asynchronous function returns in a page, given as text; an error of the page fails."""
    page = shown(text, size, address, **look)
    found = page.tell(f"(async () => {{ {body} }})()")
    failed = page.tell("errors")
    assert failed == [], json.dumps(failed)
    return found


def shown(text: str, size: tuple[int, int] = (1400, 800), address: str = "", **look: bool) -> Page:
    """The browser with a page in it; its errors are in `errors`."""
    before, head, after = text.partition("<head>")
    whole = f"{before}{head}{_ERRORS}{after}" if head else f'<!doctype html><meta charset="utf-8">{_ERRORS}{text}'
    page = shared()
    page.show(whole, size, address, **look)
    return page
