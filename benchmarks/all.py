"""Measure again every figure that README.md and docs/ quote, and write it there: docs/measured.json and the pages.

Each benchmark runs in a process of its own, one after the other; what fails is named, and the figure that stands stays.

    python -m benchmarks all [--quick] [--only overhead,loops]
    python -m benchmarks all --write        # the pages alone, of what was measured
    python -m benchmarks all --only outside # in the environment of benchmarks/outside, and only when it is named
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.quoting.pages import MEASURED, QUOTES, ROOT, Quoted, measured, write

BUSY = 1.5
"""Load a core from which a time says more about the others than about what is measured."""


def processor() -> str:
    """The name of the processor, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.processor() or platform.machine()


def run(quoted: Quoted, quick: bool) -> dict[str, Any]:
    """The date, the machine and the numbers of one benchmark."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    options = [*quoted.command, *(quoted.quick if quick else ())]
    with tempfile.TemporaryDirectory() as folder:
        out = ["--out", folder] if quoted.file else []
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", *options, *out],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"ended with code {done.returncode}")
        text = (Path(folder) / quoted.file).read_text(encoding="utf-8") if quoted.file else done.stdout.splitlines()[-1]
    numbers = quoted.keep(json.loads(text))
    return {
        "command": f"python -m benchmarks {' '.join(options)}", "date": datetime.date.today().isoformat(),
        "processor": processor(), "cores": os.cpu_count(), "load": round(load, 1), "numbers": numbers,
    }  # fmt: skip


def keep(name: str, entry: dict[str, Any]) -> None:
    """Put a measurement into the file, in the order of the pages; the others stay as they are."""
    found = measured() | {name: entry}
    ordered = {known: found[known] for known in QUOTES if known in found}
    MEASURED.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure what was asked for, and write file and pages after each, so that what was measured is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks all", description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, where a benchmark has a quick way")
    parser.add_argument("--only", help=f"names, by commas: {', '.join(QUOTES)}")
    parser.add_argument("--write", action="store_true", help="measure nothing, write the pages")
    arguments = sys.argv[1:]
    chosen = parser.parse_args(arguments[arguments[:1] == ["all"] :])
    names = chosen.only.split(",") if chosen.only else list(QUOTES)
    if not chosen.only and not chosen.write:
        names = [name for name in names if not QUOTES[name].apart]
    unknown = [name for name in names if name not in QUOTES]
    if unknown:
        raise SystemExit(f"all: found {', '.join(unknown)}, needs some of {', '.join(QUOTES)}")
    failed = []
    for name in names:
        if not chosen.write:
            print(f"== {name}", flush=True)
            try:
                entry = run(QUOTES[name], chosen.quick)
            except (RuntimeError, ValueError, OSError) as error:
                failed.append(f"{name}: {error}")
                continue
            keep(name, entry)
            if entry["load"] > BUSY * entry["cores"]:
                print(f"{name}: a load of {entry['load']} on {entry['cores']} cores; measure again on a quiet machine")
        entries = measured()
        if name in entries:
            write(name, entries[name])
    if failed:
        raise SystemExit("not measured: " + "; ".join(failed))


if __name__ == "__main__":
    main()
