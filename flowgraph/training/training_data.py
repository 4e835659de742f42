"""What a training reads: the batches of its epochs, its examples where they are arrays, and those to validate on."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

from flowgraph.errors import UsageError
from flowgraph.training.batches import Shuffled, Stream
from flowgraph.training.examples import Fed, held_out, read_examples
from flowgraph.training.problem import Problem


class TrainingData(NamedTuple):
    """Batches, the training examples (None of a stream) and the validation examples (None where there are none)."""

    batches: Shuffled | Stream
    train: Fed | None
    valid: Fed | None


def training_data(
    problem: Problem, train: object, valid: object, *, batch_size: int | None, seed: int, sample_weight: object = None
) -> TrainingData:
    """Read the data for a problem; `valid` may be the share of the training examples to hold out."""
    if isinstance(train, Stream):
        return TrainingData(train.of(problem), None, _of_stream(problem, valid, sample_weight))
    examples = read_examples(problem, train, sample_weight=sample_weight)
    others = None
    if isinstance(valid, Real):
        examples, others = held_out(problem, examples, valid, seed)  # type: ignore[arg-type]
    elif valid is not None:
        others = _read_valid(problem, valid)
    return TrainingData(Shuffled(examples, batch_size, seed), examples, others)


def has_weights(valid: object, sample_weight: object) -> bool:
    """Whether examples have weights: those to train on, or those to validate on, (X, y, sample_weight)."""
    return sample_weight is not None or _is_triple(valid)


def _read_valid(problem: Problem, valid: Any) -> Fed:
    if _is_triple(valid):
        return read_examples(problem, tuple(valid[:2]), "valid", valid[2])
    return read_examples(problem, valid, "valid")


def _is_triple(data: object) -> bool:
    return isinstance(data, tuple) and len(data) == 3


def _of_stream(problem: Problem, valid: object, sample_weight: object) -> Fed | None:
    if sample_weight is not None:
        raise UsageError(
            "fit: found sample_weight= beside a stream of batches; give each batch weights of its own, as an input of "
            "fg.Problem(objective, sample_weight=...)"
        )
    if isinstance(valid, Real):
        raise UsageError(
            f"fit: found valid={valid} beside a stream of batches, of which no share can be held out; needs examples"
        )
    return None if valid is None else _read_valid(problem, valid)
