"""The steps in NumPy by hand, as fast as NumPy alone allows: what a plan has to reach."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.nets import hand_attention, hand_embedding, hand_lenet, hand_lstm
from benchmarks.peers.nets.case import Case

STEPS = {
    "LeNet": hand_lenet.Step,
    "LSTM": hand_lstm.Step,
    "attention": hand_attention.Step,
    "embedding": hand_embedding.Step,
}


def Step(case: Case) -> Any:
    """The step of a case."""
    return STEPS[case.name](case)
