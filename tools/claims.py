"""What README.md claims, with the command or the test that holds each sentence: `python -m tools.claims`.

Every sentence, row of a table and item of a list outside of code stands in claims.toml, by its first words: with
`test`, a test that fails where it is not so, with `command`, one that measures it, or with `no_claim`, why it claims
nothing.
What stands between `<!-- measured: name -->` and its end was written by `python -m benchmarks name`.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CLAIMS = Path(__file__).with_name("claims.toml")
KINDS = ("test", "command", "no_claim")
END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`\"])")


class Sentence(NamedTuple):
    """A sentence of the page, or a row of a table, the line on which it begins, and the benchmark that wrote it."""

    line: int
    text: str
    measured: str = ""


class Evidence(NamedTuple):
    """What holds a sentence: its kind, one of KINDS, and the test, the command or the reason."""

    kind: str
    text: str


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a page of Markdown outside of code, headings, pictures and comments."""
    block: list[str] = []
    start, measured, is_code = 0, "", False
    for number, line in enumerate([*text.splitlines(), ""], 1):
        fence = line.startswith("```")
        is_code ^= fence
        is_prose = bool(line.strip()) and not (fence or is_code or line.startswith(("#", "<!--", "![")))
        begins = line.startswith(("- ", "|"))
        if begins or not is_prose:
            yield from (Sentence(*one, measured) for one in _of_block(start, block))
            block = []
        if line.startswith("<!--"):
            measured = "".join(re.findall(r"measured: (\w+)", line))
        if is_prose:
            start = start if block else number
            block.append(line)


def _of_block(start: int, block: list[str]) -> Iterator[tuple[int, str]]:
    """The sentences of a paragraph or an item, with their lines; a row of a table is one, its rule is none."""
    if block and block[0].startswith("|"):
        if not set(block[0]) <= set("|- "):
            yield start, " ".join(cell.strip() for cell in block[0].strip("|").split("|")).strip()
        return
    text = " ".join(line.strip() for line in block).removeprefix("- ")
    for part in END.split(text):
        if part:
            line = next((start + i for i, one in enumerate(block) if part[:12] in one), start)
            yield line, part


def claims() -> dict[str, Evidence]:
    """What holds each sentence, by its first words."""
    listed = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claim"]
    return {one["begins"]: next(Evidence(kind, one[kind]) for kind in KINDS if kind in one) for one in listed}


def evidence_of(sentence: Sentence, known: dict[str, Evidence]) -> Evidence | None:
    """What holds a sentence, None where nothing is said of it."""
    if sentence.measured:
        return Evidence("command", f"python -m benchmarks {sentence.measured}")
    return next((one for begins, one in known.items() if sentence.text.startswith(begins)), None)


def is_missing(evidence: Evidence) -> bool:
    """Whether a test or a command that is named is not there."""
    if evidence.kind == "test":
        path, _, name = evidence.text.partition("::")
        if not (ROOT / path).is_file():
            return True
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        return bool(name) and name not in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    if evidence.kind == "command":
        words = evidence.text.split()
        if words[0] == "make":
            return not re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return not any((ROOT / "benchmarks" / f"{words[-1]}{suffix}").exists() for suffix in ("", ".py"))
    return False


def main() -> int:
    """Print each claim with what holds it, and say which has nothing."""
    known = claims()
    without = 0
    for sentence in sentences(README.read_text(encoding="utf-8")):
        evidence = evidence_of(sentence, known)
        if evidence is None or is_missing(evidence):
            without += 1
        shown = "NOTHING HOLDS IT" if evidence is None else f"{evidence.kind}: {evidence.text}"
        if evidence is None or evidence.kind != "no_claim":
            print(f"README.md:{sentence.line}: {sentence.text[:70]}\n    {shown}")
    return int(without > 0)


if __name__ == "__main__":
    sys.exit(main())
