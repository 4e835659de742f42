"""Run each page with what it installs and nothing else: `python -m tools.docs_alone [page ...]`.

A page names what it needs by its install commands, and has the package alone without one. Its Python runs in order and
in one namespace, its commands in a shell, in a folder that is gone afterwards; outputs that it shows and exit codes are
compared (tools/pages.py). Environments are made by pip and kept in .environments/, or, with --linked, out of the one
that runs this (tools/environments.py).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.environments import Needed, built_wheel, installed, linked
from tools.pages import ROOT, RUN, Block, difference, name, pages, stages

ELSEWHERE = {
    r"pip[ ]install": "it is what the environment is made of",
    r"make ": "it makes .venv in a clone; .ci/run and the workflows run it",
    r"\.venv/bin/python -m tools\.mutants": "it takes hours",
    r"jupyter lab": "it ends when a person closes it; tests/test_documents.py executes the notebooks",
    r"createdb |flowgraph search .*postgresql://": "it needs a server; tests/search/test_database.py starts one",
}
"""Commands that are not run here, and why."""

NOT_RUN = {"gallery.md"}
"""Pages whose blocks are tried elsewhere: the lines of the gallery's boxes in tests/rendering/test_gallery.py."""

Environment = Callable[[Needed], Path]
Steps = list[tuple[Block, dict[str, Any]]]


def elsewhere(command: str) -> str | None:
    """The pattern of ELSEWHERE by which a command is not run here."""
    return next((pattern for pattern in ELSEWHERE if re.match(pattern, command)), None)


def failures(page: Path, environment: Environment, filters: Sequence[str] = ()) -> list[str]:
    """What on a page is not so, in an environment made for what it installs; warnings but for `filters` count."""
    found: list[str] = []
    before: Steps = []
    for needed, blocks in stages(page):
        steps = [(block, step) for block in blocks if block.language in RUN for step in _steps(block)]
        if steps != before:
            alone = ", ".join(sorted(needed)) or "the package alone"
            failed = _run(blocks, steps, environment(needed), filters)
            found += [f"{name(page)}:{line}, with {alone}: {text}" for line, text in failed]
        before = steps
    return found


def _run(blocks: list[Block], steps: Steps, python: Path, filters: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The lines of the blocks that failed, and how."""
    done = _executed([step for _, step in steps], python, filters)
    printed: dict[int, str] = {}
    for (block, step), result in zip(steps, done, strict=True):
        printed[block.line] = printed.get(block.line, "") + result["printed"]
        if result["failed"]:
            yield block.line, result["failed"]
        elif step["shown"] is not None and (found := difference(step["shown"], result["printed"])):
            yield block.line, f"{step['text']}\n{found}"
    for before, block in itertools.pairwise(blocks):
        if block.language == "output" and (found := difference(block.text, printed[before.line])):
            yield block.line, found


def _steps(block: Block) -> list[dict[str, Any]]:
    if block.language == "python":
        return [{"kind": "python", "text": block.text, "file": block.file, "shown": None}]
    return [
        {"kind": "command", "text": text, "code": code, "shown": shown}
        for text, code, shown in block.commands()
        if elsewhere(text) is None and os.name == "posix"  # a page gives the commands of POSIX's shell
    ]


def _executed(steps: list[dict[str, Any]], python: Path, filters: Sequence[str]) -> list[dict[str, Any]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_", "COVERAGE"))}
    path = {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}", "MPLBACKEND": "agg"}
    with tempfile.TemporaryDirectory() as folder:
        work, result = Path(folder) / "work", Path(folder) / "result.json"
        work.mkdir()
        warnings = [f"-W{one}" for one in ("error", *filters)]
        command = [python, *warnings, str(ROOT / "tools" / "page_runner.py"), str(result)]
        done = subprocess.run(
            command, input=json.dumps(steps), cwd=work, env=kept | path, capture_output=True, text=True, check=False
        )
        if not result.exists():
            raise RuntimeError(f"{python} ended with {done.returncode}:\n{done.stderr[-3000:]}")
        return list(json.loads(result.read_text(encoding="utf-8")))


def main() -> None:
    """Run the pages that are named, or all, and say what fails."""
    parser = argparse.ArgumentParser(description="Run each page with what it installs and nothing else.")
    parser.add_argument("pages", nargs="*", type=Path, help="all without one")
    parser.add_argument("--linked", action="store_true", help="link what is installed here instead of using pip")
    parser.add_argument("--core", action="store_true", help="only pages that need the package alone")
    parser.add_argument("--one-in", type=int, default=1, metavar="N", help="one in so many of them, by tests/seed.txt")
    parser.add_argument("--folder", type=Path, default=ROOT / ".environments", help="where environments are kept")
    asked = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        wheel = None if asked.linked else built_wheel(Path(folder))
        made: dict[Needed, Path] = {}

        def environment(needed: Needed) -> Path:
            if needed not in made:
                made[needed] = linked(Path(folder), needed) if wheel is None else installed(asked.folder, needed, wheel)
            return made[needed]

        for page in _asked(asked.pages, asked.one_in, core=asked.core):
            found = failures(page, environment)
            wrong += bool(found)
            print(f"{name(page)}: {'as it says' if not found else f'{len(found)} failed'}", flush=True)
            print(*found, sep="\n", end="\n" * bool(found))
    sys.exit(1 if wrong else 0)


def _asked(named: list[Path], one_in: int, *, core: bool) -> list[Path]:
    every = [page for page in pages() if page.name not in NOT_RUN and stages(page)]
    found = [page.resolve() for page in named] or every
    found = [page for page in found if not core or all(not needed for needed, _ in stages(page))]
    if one_in == 1:
        return found
    from tests.seed import share_of_tree

    drawn = share_of_tree(map(name, found), one_in)
    return [page for page in found if name(page) in drawn]


if __name__ == "__main__":
    main()
