"""Rules of the parts of neural networks."""

from __future__ import annotations

from typing import Any

from flowgraph.box import Box
from flowgraph.boxes.neural.activation import NormalCdf
from flowgraph.boxes.neural.label import MinusAt, OneHot, PlaceOf, PlacesOf
from flowgraph.boxes.neural.loss import L1, L2, BinaryCrossEntropy, Hinge, NegativeLogLikelihood, SoftmaxCrossEntropy
from flowgraph.boxes.neural.pooling import MaxPool, MeanOfLargest, MeanPool, SpreadEvenly, SpreadToLargest
from flowgraph.boxes.neural.softmax import LogSoftmax, Softmax
from flowgraph.plan.javascript.rules import axes, dtype, literal, rule_for


@rule_for(Softmax, LogSoftmax)
def _softmax(box: Any, a: str) -> str:
    logarithm = ", true" if isinstance(box, LogSoftmax) else ""
    return f"softmax({a}, {axes(box.axis)}, {dtype(box)}{logarithm})"


@rule_for(SoftmaxCrossEntropy)
def _cross_entropy(box: Box, logits: str, targets: str) -> str:
    return f"crossEntropy({logits}, {targets}, {dtype(box)})"


@rule_for(NegativeLogLikelihood)
def _negative_log_likelihood(box: Box, f: str, targets: str) -> str:
    return f"negativeLogLikelihood({f}, {targets}, {dtype(box)})"


@rule_for(OneHot)
def _one_hot(box: Box, labels: str, like: str) -> str:
    return f"oneHot({labels}, {like})"


@rule_for(PlacesOf)
def _places_of(box: Any, labels: str, like: str) -> str:
    return f"labelPlaces({labels}, {like}, {literal(bool(box.columns))})"


@rule_for(PlaceOf)
def _place_of(box: Any, labels: str, like: str) -> str:
    return f"reshape(labelPlaces(reshape({labels}, [1]), {like}, false), [])"


@rule_for(MinusAt)
def _minus_at(box: Box, a: str, places: str, amount: str) -> str:
    return f"minusAt({a}, {places}, {amount}, {dtype(box)})"


@rule_for(L1)
def _l1(box: Box, *weights: str) -> str:
    return f"l1({dtype(box)}, {', '.join(weights)})"


@rule_for(L2)
def _l2(box: Box, *weights: str) -> str:
    return f"l2({dtype(box)}, {', '.join(weights)})"


@rule_for(BinaryCrossEntropy)
def _binary_cross_entropy(box: Box, logits: str, targets: str) -> str:
    return f"binaryCrossEntropy({logits}, {targets}, {dtype(box)})"


@rule_for(Hinge)
def _hinge(box: Box, f: str, targets: str) -> str:
    return f"hinge({f}, {targets}, {dtype(box)})"


@rule_for(NormalCdf)
def _normal_cdf(box: Box, a: str) -> str:
    return f"map({dtype(box)}, ndtr, {a})"


@rule_for(MaxPool)
def _max_pool(box: Any, a: str) -> str:
    return f"maxPool({a}, {_window(box)})"


@rule_for(SpreadToLargest)
def _spread_to_largest(box: Any, g: str, source: str) -> str:
    return f"spreadToLargest({g}, {source}, {_window(box)})"


@rule_for(MeanOfLargest)
def _mean_of_largest(box: Any, a: str, source: str) -> str:
    return f"meanOfLargest({a}, {source}, {_window(box)})"


@rule_for(MeanPool)
def _mean_pool(box: Any, a: str) -> str:
    return f"meanPool({a}, {_window(box)}, {literal(bool(box.count_padding))}, {dtype(box)})"


@rule_for(SpreadEvenly)
def _spread_evenly(box: Any, g: str, like: str) -> str:
    return f"spreadEvenly({g}, {like}, {_window(box)}, {literal(bool(box.count_padding))})"


def _window(box: Any) -> str:
    window = box.sliding
    named = {name: getattr(window, name) for name in ("size", "stride", "padding", "dilation")}
    return "{ " + ", ".join(f"{name}: {literal(value)}" for name, value in named.items()) + " }"
