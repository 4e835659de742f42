"""What a page of the docs says: its blocks in their order, what it installs, and what it shows of outputs.

The language of a block decides: `python` and `sh` run, `console` runs and shows what is printed (`$ command`), `output`
is what the block before it prints, `text` and `py` are only shown, `yaml` is a workflow whose commands the page runs. A
block of Python whose first line is the name of a file, `# boxes.py`, is that file too, and a command whose comment says
`exit code 1` ends with it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from flowgraph.peers import DISTRIBUTION

ROOT = Path(__file__).resolve().parent.parent
MADE = {"_build", "generated"}
"""Folders of docs/ that hold the same texts again, as the site shows them."""

RUN = ("python", "sh", "console")
LANGUAGES = (*RUN, "output", "text", "py", "yaml", "{toctree}")

_BLOCK = re.compile(r"^([ ]*)```(\w*|\{\w+\})\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INSTALL = re.compile(r"pip[ ]install (?!--upgrade pip)((?:['\"]?[\w./\-]+(?:\[[\w,]+\])?['\"]?[ ]?)+)")
_NUMBER = r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?"
"""In the text of an output; another machine may round it differently."""


@dataclass(frozen=True)
class Block:
    """One block of a page, without the margin of a list; `line` is that of its fence, `start` and `end` are offsets."""

    language: str
    text: str
    line: int
    start: int
    end: int

    @property
    def file(self) -> str | None:
        """The file that the first line names."""
        named = re.match(r"# ([\w/]+\.\w+)\n", self.text)
        return named[1] if named and self.language == "python" else None

    def commands(self) -> list[tuple[str, int, str | None]]:
        """The commands of a shell block: each with its exit code, and the output that is shown, if one is."""
        joined = self.text.replace("\\\n", " ")
        if self.language == "sh":
            return [(line, _code(line), None) for line in joined.splitlines() if line.strip()]
        found = []
        for part in re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            found.append((line, _code(line), shown if shown.strip() else None))
        return found


def _code(line: str) -> int:
    said = re.search(r"#.*\bexit code (\d+)", line)
    return int(said[1]) if said else 0


def pages() -> list[Path]:
    """Every page that people write."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "notebooks").glob("*.md")]
    return sorted(path for path in found if not MADE & set(path.parts))


def name(page: Path) -> str:
    """The path of a page, as short as it is unique."""
    place = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
    return place.as_posix().removeprefix("docs/")


def blocks(page: Path) -> list[Block]:
    """The blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = ((one, re.sub(f"^{one[1]}", "", one[3], flags=re.MULTILINE)) for one in _BLOCK.finditer(text))
    return [Block(one[2], inner, text.count("\n", 0, one.start()) + 1, *one.span()) for one, inner in found]


def installs(page: Path) -> list[tuple[int, frozenset[str]]]:
    """Where the page says to install something, and what: extras as `[name]`, other packages by their names."""
    return [
        (found.start(), frozenset().union(*map(_needed, found[1].split())))
        for found in _INSTALL.finditer(page.read_text(encoding="utf-8"))
    ]


def _needed(word: str) -> set[str]:
    name, _, extras = word.strip("'\"").rstrip("]").partition("[")
    own = name in (".", "./flowgraph", DISTRIBUTION)
    return ({f"[{extra}]" for extra in extras.split(",") if extra} if own else {name}) - {""}


def stages(page: Path) -> list[tuple[frozenset[str], list[Block]]]:
    """The page up to each install command, with what was installed before: what stands above it needs no more.

    Without an install command that is the package and what it requires.
    """
    every = blocks(page)
    ends = [*installs(page), (len(page.read_text(encoding="utf-8")) + 1, frozenset())]
    needed: frozenset[str] = frozenset()
    found: list[tuple[frozenset[str], list[Block]]] = []
    for end, more in ends:  # a block that begins with its install command needs what that installs
        until = [block for block in every if block.end < end]
        if any(block.language in RUN for block in until) and (not found or len(until) > len(found[-1][1])):
            found.append((needed, until))
        needed |= more
    return found


def difference(shown: str, printed: str) -> str | None:
    """What an output is not as it is shown: its words in their order, `...` for any, its numbers to a few percent."""
    words = re.split(rf"({_NUMBER}|\.\.\.)", " ".join(shown.split()))
    pattern = "".join(
        ".*?" if word == "..." else rf"({_NUMBER})" if index % 2 else re.escape(word)
        for index, word in enumerate(words)
    )
    found = re.fullmatch(pattern, " ".join(printed.split()))
    if found is None:
        return f"shown:\n{shown.rstrip()}\nprinted:\n{printed.rstrip()}"
    numbers = [word for index, word in enumerate(words) if index % 2 and word != "..."]
    for told, number in zip(numbers, found.groups(), strict=True):
        if not math.isclose(float(told), float(number), rel_tol=0.05, abs_tol=2e-3):
            return f"shown {told}, printed {number}, in:\n{printed.rstrip()}"
    return None
