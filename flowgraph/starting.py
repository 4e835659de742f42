"""Ctrl-C in the process of the command `flowgraph` ends it with one line and exit code 130, from its first import on.

This is imported before everything else of the package, and imports nothing itself that Python has not loaded already:
what comes before is the start of Python. In a process that is not the command it does nothing.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` is made of; that would import more
import _thread
import os
import sys
from collections.abc import Callable
from io import TextIOWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any

INTERRUPTED = 130  # 128 + SIGINT, the status by which a shell knows a program that Ctrl-C ended


def _is_command(arguments: list[str], original: list[str]) -> bool:
    """Whether these are the arguments of `flowgraph`, or of `python -m flowgraph` while it imports the package."""
    name = os.path.basename(arguments[0]).lower() if arguments else ""
    if name != "-m":
        return name in ("flowgraph", "flowgraph.exe", "flowgraph-script.py")
    place = original.index("-m") if "-m" in original else -1
    return "-mflowgraph" in original or original[place + 1 : place + 2] == ["flowgraph"]


COMMAND = _is_command(sys.argv, getattr(sys, "orig_argv", []))
"""Whether this process is the command."""


def refuse(text: str) -> None:
    """End the command with one line, where it cannot run; what imports the package gets an ImportError."""
    if not COMMAND:
        raise ImportError(text)
    sys.stderr.write(text + "\n")
    sys.exit(3)  # FAILED of flowgraph.cli.ends


if sys.version_info < (3, 11):  # noqa: UP036  before anything that an older one cannot read
    refuse("flowgraph: found Python " + sys.version.split()[0] + ", needs 3.11 or newer")


def say(text: str = "interrupted") -> None:
    """The one line that an interrupted command says; further interrupts come too late to disturb it."""
    ignore_interrupts()
    for stream, line in ((sys.stdout, ""), (sys.stderr, f"{text}\n")):
        try:
            stream.write(line)
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            continue


def is_interrupt(error: BaseException | None) -> bool:
    """Whether an error is a KeyboardInterrupt, or was caused by one: databases and other libraries replace it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def ignore_interrupts() -> None:
    """Ignore further interrupts once the process is ending."""
    if COMMAND:
        _handle_by(_signal.SIG_IGN)


def begin() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt again: all is imported, and a command may have something to tidy.

    What the output cannot encode, such as half a surrogate pair in the name of a file, is written as an escape.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if COMMAND and _signal.getsignal(_signal.SIGINT) is _end:
        _handle_by(_signal.default_int_handler)


def _handle_by(handler: Callable[..., Any]) -> None:
    try:
        _signal.signal(_signal.SIGINT, handler)
    except ValueError:  # in a thread, which gets no interrupts
        return


def _end(number: int, frame: FrameType | None) -> None:
    """End at once: while modules are imported nothing is to be tidied, and some make another error of an interrupt."""
    say()
    os._exit(INTERRUPTED)


def _end_by_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An interrupt that nobody caught shows no traceback."""
    if is_interrupt(error):
        say()
        os._exit(INTERRUPTED)
    sys.__excepthook__(kind, error, trace)


def _pass_on(lost: Any) -> None:
    """Raise an interrupt again that arrived in a destructor, where Python would print and discard it."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    from threading import Timer

    again = Timer(0.01, _thread.interrupt_main)
    again.daemon = True
    again.start()


if COMMAND and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _handle_by(_end)
    sys.excepthook, sys.unraisablehook = _end_by_error, _pass_on
