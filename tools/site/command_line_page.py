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
    from click import Context

    from flowgraph.cli.main import main

    lines = [HEAD, *_block(main.get_help(Context(main, info_name="flowgraph")))]
    for name, command in sorted(main.commands.items()):
        title = f"flowgraph {name}"
        lines += [title, "-" * len(title), "", *_block(_help(command, title))]
    return "\n".join(lines)


def _help(command: Any, title: str) -> str:
    from click import Context

    return str(command.get_help(Context(command, info_name=title, terminal_width=100)))


def _block(text: str) -> list[str]:
    return [".. code-block:: text", "", *(f"   {line}".rstrip() for line in text.splitlines()), ""]
