"""What is right and wrong in a student's answer: the checker decides, and its findings are put into simple words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.leaves import Parameter
from flowgraph.checking import Failure, Report, check
from flowgraph.errors import UsageError
from flowgraph.teaching.exercises import Exercise
from flowgraph.teaching.exercises import exercise as exercise_of


def hint_of_shape(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """A hint about a gradient of a wrong shape.

    >>> print(hint_of_shape("W", (2, 3), (3, 2)))
    its shape is (2, 3) and must be that of W, (3, 2): a transpose is missing, or one too many
    """
    text = f"its shape is {shape} and must be that of {name}, {wanted}"
    if len(shape) == 2 and shape == wanted[::-1]:
        return f"{text}: a transpose is missing, or one too many"
    if shape and shape == (1, *wanted):
        return f"{text}: an axis of length 1 is left over"
    if shape and shape[1:] == wanted:
        return f"{text}: a sum over the batch is missing, since every example reads the same {name}"
    if not shape:
        return f"{text}: a sum is too many, each element of {name} has a slope of its own"
    return text


def hint_of_error(error: Exception, arrays: Mapping[str, Any]) -> str:
    """What to look for where bprop does not run to its end."""
    shapes = ", ".join(f"{name} {np.shape(array)}" for name, array in arrays.items())
    text = f"bprop stops with {type(error).__name__}: {error}. The shapes are {shapes}"
    if "matmul" in str(error):
        return f"{text}; the inner sizes of a product do not fit: a transpose is missing, or the order is wrong"
    if "broadcast" in str(error):
        return f"{text}; arrays of these shapes cannot be multiplied element by element: is an axis missing?"
    return text


def told_apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see that they differ, four at least.

    >>> told_apart(1.0, 2.0), told_apart(-0.788061, -0.788099)
    (('1', '2'), ('-0.78806', '-0.7881'))
    """
    pairs = [(f"{first:.{digits}g}", f"{second:.{digits}g}") for digits in range(4, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def tell_failure(failure: Failure, hint: str) -> str:
    """One failure in simple words: the input, the likely mistake, and both numbers if there are any."""
    message = hint or failure.message
    line = message if failure.child is None else f"gradient of {failure.child}: {message}"
    if failure.kind != "value" or not np.isfinite(failure.numeric):
        return line
    place = f"[{', '.join(map(str, failure.index))}]" if failure.index else ""
    analytic, numeric = told_apart(failure.analytic + 0.0, failure.numeric + 0.0)  # no minus in front of 0
    line += f"\n  at {failure.child}{place} bprop says {analytic}, finite differences say {numeric}"
    return line if hint or not failure.diagnosis else f"{line}\n  in this case it looks like: {failure.diagnosis}"


SEED = 0
"""Of the example: a grade is the same each time."""


@dataclass(frozen=True, repr=False)
class Grade:
    """Whether an answer is right, and what to look at where it is not; printed, it says so.

    Attributes
    ----------
    exercise : str
        Which one.
    passed : bool
        Whether the answer is right.
    findings : tuple of str
        What is wrong, one line for each mistake.
    report : Report or None
        What the checker says in full, with code that reproduces a failure; None where fprop is wrong already.

    Examples
    --------
    >>> from flowgraph import teaching
    >>> grade = teaching.grade(lambda grad, h, a: (grad * (1 - h * h),), exercise="tanh")
    >>> grade.passed
    True
    """

    exercise: str
    passed: bool
    findings: tuple[str, ...]
    report: Report | None = None

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        if self.passed:
            checked = ", ".join(self.report.checked) if self.report else ""
            return f"{self.exercise}: right. The gradient of {checked} agrees with finite differences."
        return "\n".join([f"{self.exercise}: not right yet.", *(f"- {finding}" for finding in self.findings)])

    __repr__ = __str__


def grade(answer: Any, exercise: str) -> Grade:
    """Grade the answer to an exercise: its bprop is checked against finite differences of its fprop.

    Parameters
    ----------
    answer : callable or Box class
        `bprop(grad, output, *inputs)`, which returns a gradient for each input; or a Box class, of which fprop is
        looked at too.
    exercise : str
        One of `teaching.names()`; `teaching.exercise(name)` shows the task.

    Returns
    -------
    Grade
        True where the answer is right; printed, it says what is wrong.

    Raises
    ------
    UsageError
        If there is no such exercise, or the answer is neither of the two.

    Examples
    --------
    >>> from flowgraph import teaching
    >>> teaching.grade(lambda grad, h, a: (grad * (1 - h * h),), exercise="tanh")
    tanh: right. The gradient of a agrees with finite differences.
    >>> teaching.grade(lambda grad, h, a: (-grad * (1 - h * h),), exercise="tanh").passed
    False
    """
    task = exercise_of(exercise)
    example = task.example(np.random.default_rng(SEED))
    fprop, bprop = _functions(answer, task, example)
    wrong_value = _wrong_value(fprop, task, example)
    if wrong_value:
        return Grade(task.name, False, (wrong_value,))
    report = check(fprop, *example, bprop=bprop, names=task.inputs, effort="fast", seed=SEED)
    if report.passed:
        return Grade(task.name, True, (), report)
    return Grade(task.name, False, _findings(report, task, bprop, example), report)


def _functions(answer: Any, task: Exercise, example: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The fprop and the bprop that are asked about: of a Box class its own, of a function the given fprop and it."""
    if inspect.isclass(answer) and issubclass(answer, Box):
        children = [
            Parameter(array, name=name) if array.dtype.kind == "f" else array
            for name, array in zip(task.inputs, example, strict=True)
        ]
        if not answer.has_bprop:
            raise UsageError(f"teaching: found {answer.__name__} without a bprop, needs one to grade")
        box = answer(*children)
        return box.fprop, box.bprop
    if inspect.isclass(answer) or not callable(answer):
        kind = answer.__name__ if inspect.isclass(answer) else type(answer).__name__
        raise UsageError(f"teaching: found {kind}, needs a function bprop(grad, output, *inputs) or a Box class")
    return task.fprop, answer


def _wrong_value(fprop: Callable[..., Any], task: Exercise, example: Any) -> str:
    """What is wrong with the value of fprop, which a gradient check cannot see; "" if nothing is."""
    if fprop is task.fprop:
        return ""
    right, value = np.asarray(task.fprop(*example)), np.asarray(fprop(*example))
    if value.shape != right.shape:
        return f"fprop gives a value of shape {value.shape}; shape {right.shape} is needed"
    if np.allclose(value, right):
        return ""
    place = np.unravel_index(int(np.argmax(np.abs(value - right))), right.shape)
    at = f"[{', '.join(map(str, place))}]" if place else ""
    found, needed = told_apart(float(value[place]), float(right[place]))
    return f"fprop gives {found} at element {at}; {needed} is right"


def _findings(report: Report, task: Exercise, bprop: Callable[..., Any], example: Any) -> tuple[str, ...]:
    """A line for each mistake: a known one by its numbers or its shape, else the finding of the checker."""
    output = task.fprop(*example)
    grad = np.random.default_rng(SEED + 1).uniform(0.5, 1.5, np.shape(output))
    grad = np.asarray(grad * np.where(np.arange(grad.size).reshape(grad.shape) % 2, -1.0, 1.0))
    try:
        given = bprop(grad, output, *example)
    except Exception as error:  # whatever the answer of a student raises is to be explained
        return (hint_of_error(error, {"grad": grad, **dict(zip(task.inputs, example, strict=True))}),)
    if given is None:
        return (f"bprop returns nothing: return is missing, with one gradient for each of {', '.join(task.inputs)}",)
    given = given if isinstance(given, tuple | list) else (given,)
    if len(given) != len(task.inputs):
        needed = ", ".join(task.inputs)
        return (f"bprop returns {len(given)} gradients; one for each input is needed, in their order: {needed}",)
    lines: list[str] = []
    for failure in report.failures:
        number = task.inputs.index(failure.child) if failure.child in task.inputs else None
        hint = "" if number is None else _hint(number, task, given, (grad, output, *example))
        line = tell_failure(failure, hint)
        lines += [] if line in lines else [line]
    return tuple(lines) or tuple(report.warnings)


def _hint(number: int, task: Exercise, given: Any, arguments: tuple[Any, ...]) -> str:
    """A hint about the gradient of one input: from its shape, or from the numbers of a known mistake."""
    answered, wanted = given[number], task.solution(*arguments)[number]
    if wanted is None:
        return ""
    if answered is None:
        return f"None says that the loss does not depend on {task.inputs[number]}, but it does"
    if np.shape(answered) != np.shape(wanted):
        return hint_of_shape(task.inputs[number], np.shape(answered), np.shape(wanted))
    for mistake in task.mistakes():
        wrong = mistake.bprop(*arguments)[number]
        if wrong is not None and np.allclose(wrong, answered) and not np.allclose(wrong, wanted):
            return mistake.hint
    return ""
