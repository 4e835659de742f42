"""Execute the notebooks and store what their cells show: `python -m tools.notebooks [name ...]`.

Cells run in one process without Jupyter, so that tests can compare the stored outputs with those of a run. A cell whose
text changes from run to run (times, counts that a time limit ends) has the tag `varies`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "notebooks"
RICH = {
    "_repr_svg_": "image/svg+xml",
    "_repr_markdown_": "text/markdown",
    "_repr_html_": "text/html",
}
VARIES = "varies"
TABLE = re.compile(r"(?<=<!-- slides -->\n).*?(?=<!-- end of slides -->)", re.DOTALL)
HEADING = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)

Cell = dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    """A notebook as data."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def paths() -> list[Path]:
    """The notebooks, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def executed(notebook: dict[str, Any]) -> list[list[Cell]]:
    """The outputs of each code cell, run in their order in one namespace, in a folder that is gone afterwards."""
    names: dict[str, Any] = {"__name__": "notebook"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        return [_run(cell, names) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _run(cell: Cell, names: dict[str, Any]) -> list[Cell]:
    tree = ast.parse("".join(cell["source"]))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, shown = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, cell["id"], "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), cell["id"], "eval"), names)
    outputs: list[Cell] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    if shown is not None:
        outputs.append(
            {"data": _shown(shown), "execution_count": None, "metadata": {}, "output_type": "execute_result"}
        )
    return outputs


def _shown(value: Any) -> dict[str, list[str]]:
    """A picture or a page where the value has one, else its text."""
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle is not None and not isinstance(value, type):
        shown = bundle()
        kind = next((kind for kind in RICH.values() if kind in shown), "text/plain")
        return {kind: _lines(shown[kind])}
    for method, kind in RICH.items():
        rich = getattr(value, method, None)
        text = rich() if rich is not None and not isinstance(value, type) else None
        if text is not None:
            return {kind: _lines(text)}
    return {"text/plain": _lines(repr(value))}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def texts(outputs: list[Cell]) -> list[str]:
    """What outputs say in words, without pictures and pages."""
    said = ["".join(one["text"]) for one in outputs if "text" in one]
    return said + ["".join(one["data"][kind]) for one in outputs for kind in ("text/plain", "text/markdown")
                   if kind in one.get("data", ())]  # fmt: skip


def kinds(outputs: list[Cell]) -> list[str]:
    """What kinds of outputs there are."""
    return [kind for one in outputs for kind in one.get("data", [one.get("name", "")])]


def slides(notebook: dict[str, Any]) -> dict[int, tuple[str, str, list[Cell]]]:
    """By the number of a slide: its title, the id of its first cell, and its code cells."""
    found: dict[int, tuple[str, str, list[Cell]]] = {}
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        heading = HEADING.search("".join(cell["source"])) if cell["cell_type"] == "markdown" else None
        if heading:
            cells = []
            found[int(heading[1])] = heading[2], cell["id"], cells
        elif cell["cell_type"] == "code":
            cells.append(cell)
    return found


def table() -> str:
    """The lines that say which cells cover which slide."""
    lines = ["| slide | topic | notebook | cells |", "| --- | --- | --- | --- |"]
    for path in paths():
        for number, (title, first, cells) in slides(read(path)).items():
            names = ", ".join(f"`{name}`" for name in [first, *(cell["id"] for cell in cells)])
            lines.append(f"| {number} | {title} | [{path.stem}]({path.name}) | {names} |")
    return "\n".join(lines) + "\n"


def write(path: Path) -> None:
    """Execute a notebook and store its outputs."""
    notebook = read(path)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, (cell, outputs) in enumerate(zip(code, executed(notebook), strict=True), start=1):
        cell["outputs"], cell["execution_count"] = outputs, number
        for one in outputs:
            if "execution_count" in one:
                one["execution_count"] = number
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(chosen: list[str]) -> None:
    """Execute the notebooks whose names begin as chosen, or all, and write the table of slides."""
    for path in paths():
        if not chosen or path.name.startswith(tuple(chosen)):
            write(path)
    readme = FOLDER / "README.md"
    readme.write_text(TABLE.sub(lambda _: table(), readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
