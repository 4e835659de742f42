"""Each line of a derivation is computed as it is printed, and gives what the run gives: of all boxes, of any program.

The gradient of a run is the vector-Jacobian product with a random cotangent, so that no term is left out by chance.
"""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.shapes.size import Size
from tests.cases import cases
from tests.fuzz.drawing import PROFILES, draw_case
from tests.registry import boxes_with_examples
from tests.rendering.known_lines import GRADIENTS, VALUES
from tests.rendering.latex_reader import Meaning, UnreadError, compute, judge
from tests.rendering.printed_lines import Printed, lines_of, lines_of_case
from tests.seed import seed_of_tree

BOXES = boxes_with_examples()
KINDS = [*(profile for profile in PROFILES if profile.name in ("ordinary", "batch", "exact")), None]
PROGRAMS = 60
FINE = ("right", "right in words", "edge", "outside")
"""What is found of lines that are as they should be, but for points without a slope and outside of a domain.

A sum of many terms is cut short, and right in words, where all its terms are.
"""


def faults(lines: list[Printed], what: str) -> set[str]:
    """What is found of lines of one kind, but for those that are right."""
    return {line.found.partition(":")[0] for line in lines if line.what == what} - {"right"}


@pytest.mark.parametrize("name", BOXES)
def test_every_line_of_an_example_is_what_the_run_computes(name: str) -> None:
    """What is not so yet is listed; the lists only get shorter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lines = [line for case in cases(BOXES[name]) for line in lines_of_case(case)]
    shown = "\n".join(f"{line.latex}   {line.found}" for line in lines if line.found != "right")
    assert faults(lines, "value") == set(VALUES.get(name, "").split()), shown
    assert faults(lines, "gradient") == set(GRADIENTS.get(name, "").split()), shown


@pytest.mark.parametrize("name", BOXES)
def test_every_line_of_an_example_is_computed_in_complex_numbers_too(name: str) -> None:
    """Its arrays of floats are given imaginary parts, all of them and one of them alone, where the box takes these."""
    rng = np.random.default_rng(3)
    for case in cases(BOXES[name])[:3]:
        floats = [place for place, array in enumerate(case.children) if array.dtype.kind == "f"]
        for places in dict.fromkeys([tuple(floats), *((place,) for place in floats)]):
            moved = [
                array + 0.5j * rng.normal(size=array.shape) if place in places else array
                for place, array in enumerate(case.children)
            ]
            lines: list[Printed] = []
            with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.suppress(fg.FlowgraphError):
                warnings.simplefilter("ignore")
                lines = lines_of_case(case.replace(*moved))
            assert not [line for line in lines if line.found.startswith("wrong") and not is_known(line)]


def random_lines(seed: int, number: int) -> list[Printed]:
    """The lines of a random program."""
    case = draw_case([seed, number], KINDS[number % len(KINDS)])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        leaves = case.boxes()
        outputs = [box for box in case(leaves) if isinstance(box, fg.Box)]
        graph = fg.Graph(*dict.fromkeys(outputs))
        feeds = {leaves[name]: array for name, array in case.arrays.items() if leaves[name] in graph.inputs}
        return lines_of(graph, feeds, number)


def is_known(line: Printed) -> bool:
    """Whether a line that is not right is of a box that is listed, or holds NaN or a size that only a run knows."""
    if line.found == "unread: found n":  # of how many elements a mean is, where that is no plain size
        return True
    sizes = [size for box in line.boxes for one in (box, *box.children) for spec in one.outputs for size in spec.shape]
    if line.found.startswith("unread") and any(isinstance(size, Size) and size.unknown for size in sizes):
        return True
    listed = VALUES if line.what == "value" else GRADIENTS
    return any(type(box).__name__ in listed for box in line.boxes)


def test_every_line_of_a_random_program_is_what_the_run_computes() -> None:
    seed = seed_of_tree()
    count = 0
    for number in range(PROGRAMS):
        lines: list[Printed] = []
        with contextlib.suppress(fg.FlowgraphError):  # of a program that has no gradient
            lines = random_lines(seed, number)
        count += len(lines)
        wrong = [line for line in lines if line.found.partition(":")[0] not in FINE and not is_known(line)]
        assert not wrong, f"program {number} of {seed}: {wrong[0].latex}   {wrong[0].found}"
    assert count > 2 * PROGRAMS


A, B = np.arange(1.0, 5.0).reshape(2, 2), np.array([[0.5, -1.0], [2.0, 3.0]])
KNOWN = Meaning({"a": A, "b": B}, {"a": B})


@pytest.mark.parametrize(
    ("latex", "needed"),
    [
        (r"a \odot (1 - b^2)", A * (1 - B**2)),
        (r"\frac{a}{2} + \sqrt{a} \, |b|", A / 2 + np.sqrt(A) * np.abs(B)),
        (r"a^\top b - a^{-1}", A.T @ B - np.linalg.inv(A)),
        (r"\textstyle\sum_{\text{axis 0}} a \odot b", np.sum(A * B, axis=0, keepdims=True)),
        (r"\begin{cases} a & b > 0 \\ 0 & \text{otherwise} \end{cases}", np.where(B > 0, A, 0)),
        (r"1_{a > 1 \wedge b \neq 3} \, \ln a", ((A > 1) & (B != 3)) * np.log(A)),
        (r"\nabla_{a} e^{-a} / (1 + e^{-a})", B * np.exp(-A) / (1 + np.exp(-A))),
        (r"\tfrac{1}{2} \left(\tanh(a) + \Phi^{-1}(\sigma(b))\right)", None),
    ],
)
def test_the_reader_computes_what_is_written(latex: str, needed: object) -> None:
    if needed is None:
        assert np.isfinite(compute(latex, KNOWN)).all()
        return
    assert judge(latex, KNOWN, needed) == "right"
    assert judge(latex, KNOWN, np.asarray(needed) * 1.001).startswith("wrong")


def test_what_is_no_expression_is_unread() -> None:
    for latex in (r"\sum_i 1", "x", r"\text{given}", "1 +", r"\operatorname{nothing}(1)"):
        with pytest.raises(UnreadError):
            compute(latex, KNOWN)
