"""Samples of fresh seeds, for so many minutes: a search for mistakes that the fixed sample of the tree does not show.

    python -m tests.soak 30         make soak MINUTES=30

Each round draws a seed for the sample, for all that tests draw, and for Hypothesis. A failure is written down as a
file in out/soak/, with the line that repeats it, and the search goes on. What it finds is mended, and kept as an
example in the test that failed. Ends with 1 if it found anything.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.failures import ENDED, FAILED, PASSED, ROOT, repeating, run_tests
from tests.seed import random_seed

FOLDER = ROOT / "out" / "soak"
LEAST = 30.0
"""Seconds: a round that would have less is not begun."""


def write_down(folder: Path, seed: int, failed: Mapping[str, str]) -> list[Path]:
    """A file for each failed test: the line that repeats it, and what was told of it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed}-{number}.txt" for number in range(len(failed))]
    for path, (test, text) in zip(paths, failed.items(), strict=True):
        line = repeating(test, f"--hypothesis-seed={seed}", FLOWGRAPH_SEED=str(seed), HYPOTHESIS_PROFILE="dev")
        path.write_text(f"{line}\n\n{text}\n", encoding="utf-8")
    return paths


def soak(minutes: float, arguments: list[str], folder: Path = FOLDER) -> tuple[int, list[Path]]:
    """Run samples of fresh seeds; how many rounds came to their end, and the files of what failed.

    Raises
    ------
    RuntimeError
        If pytest itself stops at an error, with its exit code.
    """
    end, rounds, found = time.monotonic() + 60 * minutes, 0, list[Path]()
    while (left := end - time.monotonic()) > LEAST or not (rounds or found):
        seed = random_seed()
        options = ["-n", "2", "--dist", "worksteal", "-q", f"--hypothesis-seed={seed}", *arguments]
        ran = run_tests(*options, most=max(left, LEAST), FLOWGRAPH_SEED=str(seed), HYPOTHESIS_PROFILE="dev")
        if ran.code not in (PASSED, FAILED, ENDED):
            raise RuntimeError(f"seed {seed}: pytest ended with exit code {ran.code}")
        rounds += ran.code != ENDED
        written = write_down(folder, seed, ran.failed)
        found += written
        print(f"seed {seed}: {len(ran.failed)} failed", *written, sep="\n  ", flush=True)
        if ran.code == ENDED:
            break
    return rounds, found


def main() -> int:
    """Search for so many minutes."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Samples of fresh seeds.")
    parser.add_argument("minutes", type=float, help="for which to search")
    options, arguments = parser.parse_known_args()
    rounds, found = soak(options.minutes, arguments)
    print(f"{rounds} whole rounds, {len(found)} failures", f"in {FOLDER}" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
