"""One entry in a process of its own: `python -m benchmarks.outside.worker TITLE CHECKER` prints one line of JSON last."""

from __future__ import annotations

import json
import resource
import sys
import warnings

import numpy as np

from benchmarks.outside.checkers import timed
from benchmarks.outside.entry import entry

MEMORY = 12 * 2**30


def main(title: str, checker: str) -> None:
    """The answer, on its own last line; memory is bounded, so that a runaway allocation raises here."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answer = timed(checker, entry(title))
    print("\n" + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
