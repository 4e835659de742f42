"""The page of the command line: what `--help` of each command says."""

from __future__ import annotations

from typing import Any

HEAD = """\
Command line
============

``python -m flowgraph`` is the same as ``flowgraph``. This is what ``flowgraph <command> --help`` prints.
"""


def command_line_page() -> str:
    """The text of the page."""
    from flowgraph.cli.main import main

    lines = [HEAD, *_block(_help(main, "flowgraph", 120))]
    for name, command in sorted(main.commands.items()):
        title = f"flowgraph {name}"
        lines += [title, "-" * len(title), "", *_block(_help(command, title, 80))]
    return "\n".join(lines)


def _help(command: Any, title: str, width: int) -> str:
    """What --help prints in a terminal of that width; a narrow one cuts off the lines about commands."""
    from click import Context

    return str(command.get_help(Context(command, info_name=title, terminal_width=width)))


def _block(text: str) -> list[str]:
    return [".. code-block:: text", "", *(f"   {line}".rstrip() for line in text.splitlines()), ""]
