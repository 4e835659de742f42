"""The checks of a model at its start: the loss, the gradients, the units."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.debugging.saturation import FLAT, dead_units, is_flat
from flowgraph.errors import GradientWarning
from flowgraph.graph.graph import Run
from flowgraph.training.preflight_data import class_losses
from flowgraph.training.problem import Problem

ABOVE_CHANCE = 1.5
"""Nats by which the loss of a new model may lie above log C.

Measured on MLPs with tanh, sigmoid, ReLU and GELU, one to three layers and five seeds: standardised iris, wine and
digits start at most 1.0 above it; ReLU on wine and digits as they are, whose inputs are too large, from 6 to 120 above.
"""


def check_start(problem: Problem, run: Run) -> tuple[Any, ...] | None:
    """Whether the loss of C classes is near log C, as for a model that knows nothing yet; a trained one is below."""
    for box in class_losses(problem):
        classes: Any = box.children[0].shape[-1]
        loss, chance = float(np.mean(run[box])), math.log(classes)
        told = f"{loss:.3g}, where chance gives log {classes} = {chance:.2g}"
        if not loss > chance + ABOVE_CHANCE:
            return "loss at the start", True, told
        advice = (
            "the model is sure of wrong answers; scale the inputs to mean 0 and size 1, or draw smaller weights "
            "(init='glorot_uniform')"
        )
        return "loss at the start", False, told, advice
    return None


def check_gradients(problem: Problem, run: Run) -> tuple[Any, ...]:
    """Whether the gradient of every parameter that is trained is finite."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        grads = run.bprop(wrt=problem.parameters, unused="zeros")
    for parameter in grads.wrt:
        if not np.isfinite(grads[parameter]).all():
            found = f"that of {run.graph.names[parameter]!r} is not finite"
            return "gradients", False, found, f"{run.explain_nan()}", True
    return "gradients", True, "finite"


def check_units(run: Run) -> tuple[Any, ...] | None:
    """Whether the units of each layer respond to their inputs: neither dead nor saturated."""
    layers = [box for box in run.graph.boxes if box.saturates and run[box].ndim >= 2]
    for box in layers:
        a, h = run[box.children[0]], run[box]
        (slopes,) = box.bprop(np.ones_like(h), h, a)
        flat = is_flat(box, slopes)
        stuck = float(dead_units(flat).mean())
        # at the start of the networks above at most 8 % of the units and 56 % of the values (of ReLU) are flat
        if stuck > 0.5 or flat.mean() > 0.9:
            share = f"{stuck:.0%} of the units" if stuck > 0.5 else f"{flat.mean():.0%} of the values"
            found = f"{share} of {run.graph.names[box]!r} are {box.saturates}: {_flat(box)}"
            advice = "scale the inputs to mean 0 and size 1, draw smaller weights, or take a leaky activation"
            return "units", False, found, advice
    count = f"{len(layers)} layer{'s' * (len(layers) != 1)}"
    return ("units", True, f"none dead or saturated in {count}") if layers else None


def _flat(box: Box) -> str:
    return "their slope is 0" if box.saturates == "dead" else f"their slope is below {FLAT:.0%} of that at 0"
