"""At least 97 of 100 mutants of right bprops that change a result are caught."""

import warnings

import numpy as np
import pytest

from flowgraph.checking import check

from .mutation import changes_result, lambdas, mutants
from .scoring import SEEDS

COUNT = 120 if len(SEEDS) == 1 else 2000


def chosen():
    made = [(entry, text, mutant) for entry, tree, names in lambdas() for text, mutant in mutants(tree, names)]
    for k in np.random.default_rng(20).permutation(len(made))[:COUNT]:
        yield made[k]


@pytest.mark.no_cover  # what it runs is covered by the catalogue, and measuring would take as long again
def test_mutants_that_change_a_result_are_caught():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changing = [(e, text, m) for e, text, m in chosen() if changes_result(e, m)]
    lived = []
    for entry, text, mutant in changing:
        report = check(entry.fprop, *entry.inputs, bprop=mutant, **entry.options)
        if report.verdict != "fail":
            lived.append(f"{entry.name}: {text}")
    assert len(changing) > COUNT // 2
    assert len(lived) <= 0.03 * len(changing), "\n".join(lived)
