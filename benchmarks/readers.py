"""Files of every kind that flowgraph reads, changed at any byte or in any field: read or refused, and at what cost?

    python -m benchmarks readers                              half a minute for each reader, from a random seed
    python -m benchmarks readers --only onnx,graph --seconds 600 --seed 7

Prints for each reader the files, how many were read, and the most seconds of the processor and MB of memory that one
cost, for each MB that the file has (one of less than a MB counts as one); then the same of whole files of about a MB,
as full of small things as their format allows. Ends with exit code 1 if one raised anything but a refusal of one line,
or cost more than 2 s or 200 MB for each MB. The same seed draws the same files.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

MEMORY = Path("/dev/shm")


def main() -> None:
    """Read the options, then the files, and print the table."""
    from tests.fuzz.readers import LARGE, READERS, Account, one_file, read_changed
    from tests.seed import random_seed

    parser = argparse.ArgumentParser(prog="python -m benchmarks readers", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="seconds of the processor for each reader")
    parser.add_argument("--only", help=f"some of: {', '.join(READERS)}")
    parser.add_argument("--seed", default="random", help="a number, or random")
    given = parser.parse_args([one for one in sys.argv[1:] if one != "readers"])
    seed = random_seed() if given.seed == "random" else int(given.seed)
    names = given.only.split(",") if given.only else list(READERS)
    print(f"seed {seed}\n{'reader':<12}{'files':>9}{'read':>9}{'s for each MB':>15}{'MB for each MB':>16}{'wrong':>7}")
    wrong: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        for name in names:
            account = read_changed(name, seed, Path(folder), seconds=given.seconds)
            large = Account()
            for number, made in enumerate(LARGE.get(name, ())):
                path = Path(folder) / f"large{READERS[name].suffix}"
                path.write_bytes(made())
                one_file(READERS[name]._replace(run=len_of), path, large, f"{name}, large file {number}")
            for row, of in ((name, account), (f"{name}, large", large)):
                wrong[name] += len(of.wrong)
                if of.files:
                    print(f"{row:<14}{of.files:>7,}{of.read:>9,}{of.seconds:>15.2f}{of.megabytes:>16.0f}"
                          f"{len(of.wrong):>7}", flush=True)  # fmt: skip
                for text in of.wrong[:3]:
                    print(text, file=sys.stderr, flush=True)
    if wrong.total():
        sys.exit(f"{wrong.total()} files raised something, or cost too much")


def len_of(found: object) -> None:
    """Nothing is run: the cost is that of reading."""
