"""pyro-ppl: special functions."""

from __future__ import annotations

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import tensor, uniform

PACKAGE = Package("pyro-ppl", "torch")


@PACKAGE.right("safe_log")
def _safe_log() -> Case:
    from pyro.ops.special import safe_log

    return Case(safe_log, (tensor(uniform(5)),))


@PACKAGE.right("log_I1")
def _bessel() -> Case:
    from pyro.ops.special import log_I1

    return Case(lambda x: log_I1(2, x), (tensor(uniform(4)),))
