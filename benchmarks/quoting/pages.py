"""Which command prints the figures of a page, and where the page tells them.

A page holds what is said between `<!-- measured: NAME -->` and `<!-- end of NAME -->`; `python -m benchmarks all`
writes it there. What was measured stands in docs/measured.json.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quoting import condensing, texts

ROOT = Path(__file__).resolve().parent.parent.parent
MEASURED = ROOT / "docs" / "measured.json"


@dataclass(frozen=True)
class Quoted:
    """One command, the options that it is run with, and what one page says of its numbers.

    `quick` are the further options of a quick run. The numbers are the last line that the command prints, JSON, or the
    file of this name in its folder `--out`; `keep` makes of them what docs/measured.json holds. What is `apart` needs
    an environment of its own, and is measured only if it is named.
    """

    page: str
    command: tuple[str, ...]
    say: Callable[[Any, str], str]
    quick: tuple[str, ...] = ()
    file: str = ""
    keep: Callable[[Any], Any] = lambda numbers: numbers
    apart: bool = False


TRAINING = ("training", "--threads", "1", "--cpu")
NATIVE = (*TRAINING, "--backend", "numba")
NETS = ("nets", "--no-memory")
STEP = ("mlp_step", "--dtypes", "float32", "--no-memory")

QUOTES: dict[str, Quoted] = {
    "overhead": Quoted("README.md", ("overhead",), texts.overhead),
    "mlp_step": Quoted("README.md", STEP, texts.mlp_step, ("--quick",), "mlp_step.json"),
    "nets": Quoted("docs/plans.md", NETS, texts.nets, ("--quick",), "nets_float32.json", condensing.without_sources),
    "functional_calls": Quoted("docs/functions.md", ("functional_calls",), texts.functional_calls),
    "first_calls": Quoted("docs/functions.md", ("functional_calls", "--first"), texts.first_calls),
    "captured": Quoted("docs/functions.md", ("functional_calls", "--captured"), texts.captured),
    "jit_by_hand": Quoted("docs/functions.md", ("jit_by_hand",), texts.jit_by_hand),
    "derivatives": Quoted("docs/functions.md", ("functional_calls", "--derivatives"), texts.derivatives),
    "beside_plans": Quoted("docs/functions.md", ("functional_calls", "--plans"), texts.beside_plans),
    "vmap": Quoted("docs/functions.md", ("functional_calls", "--vmap"), texts.vmap),
    "scale": Quoted("docs/scale.md", ("scale", "--patience", "8"), texts.scale, ("--quick",)),
    "lookups": Quoted("docs/plans.md", ("lookups",), texts.lookups),
    "coverage": Quoted("docs/tour.md", ("coverage",), texts.coverage),
    "training": Quoted("docs/tour.md", TRAINING, texts.training, ("--quick",), "training.json"),
    "training_numba": Quoted("docs/tour.md", NATIVE, texts.training_numba, ("--quick",), "training.json"),
    "tables": Quoted("docs/model-selection.md", ("tables",), texts.tables, ("--quick",)),
    "loops": Quoted("docs/loops.md", ("loops",), texts.loops),
    "programs": Quoted("docs/programs.md", ("programs",), texts.programs, ("--rounds", "1")),
    "rendering": Quoted("docs/rendering.md", ("rendering",), texts.rendering, ("--quick",)),
    "page_frames": Quoted("docs/rendering.md", ("page_frames",), texts.page_frames),
    "checking": Quoted("README.md", ("checking",), texts.checking, keep=condensing.condensed),
    "outside": Quoted("docs/checking.md", ("outside", "--all"), texts.outside, keep=condensing.counted, apart=True),
}
"""By name, in the order in which they are measured."""


def measured() -> dict[str, Any]:
    """What docs/measured.json holds: by name the date, the machine, the command and the numbers."""
    return dict(json.loads(MEASURED.read_text(encoding="utf-8"))) if MEASURED.exists() else {}


def text_of(name: str, entry: Any) -> str:
    """What the page says of a measurement."""
    busy = f", a load of {entry['load']:.1f}" if entry["load"] > 1 else ""
    machine = f"Measured on {entry['date']} ({entry['processor']}, {entry['cores']} cores{busy})"
    return QUOTES[name].say(entry["numbers"], machine)


def block(name: str) -> re.Pattern[str]:
    """The place in a page where a measurement is told."""
    return re.compile(rf"(?<=<!-- measured: {name} -->\n).*?(?=<!-- end of {name} -->)", re.S)


def write(name: str, entry: Any) -> None:
    """Tell a measurement in its page."""
    path = ROOT / QUOTES[name].page
    page = path.read_text(encoding="utf-8")
    told, count = block(name).subn(lambda found: f"\n{text_of(name, entry)}\n\n", page)
    if count != 1:
        raise SystemExit(f"{QUOTES[name].page}: needs <!-- measured: {name} --> and <!-- end of {name} --> once")
    path.write_text(told, encoding="utf-8")
