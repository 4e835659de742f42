"""Ways out of a NaN or an infinity that boxes declare: a text, or a function of the numbers that the box read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def logarithm(fed: Sequence[Any]) -> str:
    """What to do about the logarithm of a negative number, or of 0."""
    if any(np.less(number, 0).any() for number in fed[:1]):
        return "logarithm of a negative number: check the sign, or take np.log of np.abs(a) or of a square"
    return (
        "logarithm of 0: of probabilities take the scores instead (fg.LogSoftmax, fg.SoftmaxCrossEntropy, "
        "fg.BinaryCrossEntropy), else keep the argument away from 0, np.log(np.maximum(a, 1e-12))"
    )


def quotient(fed: Sequence[Any]) -> str:
    """What to do about a division by 0, or a quotient that is too large."""
    if any(np.equal(number, 0).any() for number in fed[-1:]):
        return "division by 0: keep the denominator away from 0, a / np.maximum(b, 1e-12), or choose by np.where first"
    return "a quotient beyond the largest number of its dtype: scale the children, or take the difference of logarithms"


EXPONENTIAL = (
    "exponential overflow (float64 ends at exp(709), float32 at exp(88)): subtract the maximum first, or use the "
    "box that does it: fg.Softmax, fg.LogSumExp, fg.Sigmoid, fg.Softplus, np.logaddexp"
)
ROOT = "square root of a negative number: rounding of a difference goes below 0; np.sqrt(np.maximum(a, 0))"
ROOT_SLOPE = "the slope of a root at 0 is infinite: np.sqrt(a + 1e-12), or leave the root out and compare squares"
PRODUCT = "a product beyond the largest number of its dtype: scale the children, or add logarithms"
SUM = "a sum beyond the largest number of its dtype: take the mean of scaled numbers, or a wider dtype"
MEAN = "a mean of no elements, or of too few for its ddof, is 0 / 0: look for an empty axis"
POWER = (
    "a power of 0 or of a negative number has no finite value for every exponent, and large ones overflow: "
    "keep the base above 0, np.maximum(a, 1e-12)"
)
