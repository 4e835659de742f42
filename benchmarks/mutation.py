"""Seconds of the processor for the mutants of a few boxes: one process that is forked, against a process for each.

    python -m benchmarks mutation

The suite is pytest with one fg.check of each box, as a project would have it. Both ways give the same outcomes. No page
quotes it: it says what forking gains, without which flowgraph/mutation would be half as long.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from flowgraph.mutation import mutants_of, score

BOXES = """import numpy as np
import flowgraph as fg


class Swish(fg.Elementwise):
    def fprop(self, a):
        return a / (1 + np.exp(-a))

    def bprop(self, grad, h, a):
        s = 1 / (1 + np.exp(-a))
        return (grad * (s + h * (1 - s)),)


class Scaled(fg.Box):
    signature = "(n),()->(n)"

    def fprop(self, a, scale):
        return a * np.asarray(scale)[..., None]

    def bprop(self, grad, h, a, scale):
        return grad * np.asarray(scale)[..., None], np.sum(grad * a, axis=-1)
"""
TESTS = """import flowgraph as fg
import pytest
from boxes import Scaled, Swish


@pytest.mark.parametrize("box", [Swish, Scaled])
def test_gradients(box):
    fg.check(box, effort="fast").raise_for_failure()
"""
COMMAND = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "test_boxes.py")


def main() -> None:
    """Both ways, in turns."""
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        Path("boxes.py").write_text(BOXES, encoding="utf-8")
        Path("test_boxes.py").write_text(TESTS, encoding="utf-8")
        mutants = mutants_of(Path("boxes.py").resolve())
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [directory, str(Path(__file__).parent.parent), known]))
        for fork in (True, False):
            start, before = time.perf_counter(), _processor()
            result = score(mutants, COMMAND, fork=fork)
            wall, used = time.perf_counter() - start, _processor() - before
            way = "forked" if fork else "a process for each"
            print(
                f"{way:<20}{len(result.outcomes)} mutants, {result.killed} killed, {len(result.lived)} lived, "
                f"{len(result.equivalent)} equivalent: {used:.1f} s of the processor, {wall:.1f} s"
            )


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
