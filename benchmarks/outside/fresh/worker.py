"""The entries of one package under one checker: `python -m benchmarks.outside.fresh.worker CHECKER TITLE...`."""

from __future__ import annotations

import json
import sys
import warnings

from benchmarks.outside.fresh.registry import found
from benchmarks.outside.worker import guarded, import_before


def main(name: str, *titles: str) -> None:
    """One line of JSON for each title."""
    warnings.simplefilter("ignore")
    entries = [found(title) for title in titles]
    import_before(entries[0])
    for one in entries:
        print(json.dumps({one.title: guarded(name, one)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
