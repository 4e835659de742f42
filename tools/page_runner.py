"""Run the blocks of a page in the Python that runs this, which needs nothing else: the middle part of `docs_alone`.

Reads the blocks from standard input and writes what each did to the file that is named, both as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import linecache
import os
import subprocess
import sys
import traceback
import types
from pathlib import Path
from typing import Any

SECONDS = 240
"""For one command."""


def python(step: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    """Execute a block in the namespace of the page; the file that it names is written."""
    file = step["file"] or f"{len(linecache.cache)}/example.py"  # like a cell of a notebook, with lines of its own
    if step["file"]:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(step["text"], encoding="utf-8")
    linecache.cache[file] = (len(step["text"]), None, step["text"].splitlines(keepends=True), file)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(step["text"], file, "exec"), names)
    except BaseException:
        return {"printed": printed.getvalue(), "failed": traceback.format_exc(limit=-6)}
    return {"printed": printed.getvalue(), "failed": None}


def command(step: dict[str, Any]) -> dict[str, Any]:
    """Run a command of the shell; its output, and what it should not have ended with."""
    try:
        done = subprocess.run(
            ["bash", "-c", step["text"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"printed": "", "failed": f"{step['text']}: not ended after {SECONDS} s"}
    failed = None
    if done.returncode != step["code"]:
        failed = f"{step['text']}\nended with {done.returncode}, not {step['code']}:\n{done.stdout[-3000:]}"
    return {"printed": done.stdout, "failed": failed}


def main() -> None:
    """Run what standard input lists."""
    sys.path[0] = str(Path.cwd())  # as in a notebook, instead of the folder of this file
    page = types.ModuleType("page")
    sys.modules["page"] = page
    steps = json.load(sys.stdin)
    found = [python(step, vars(page)) if step["kind"] == "python" else command(step) for step in steps]
    Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # without waiting for what a page has left running


if __name__ == "__main__":
    main()
