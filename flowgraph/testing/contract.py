"""The contract of a box: its checks, and all of them on one class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from flowgraph.box import Box
from flowgraph.checking.cases import Case, cases
from flowgraph.errors import BoxContractError, FlowgraphError
from flowgraph.testing.declared import (
    Formulas,
    any_memory_layout,
    empty_arrays,
    float32_like_float64,
    one_gradient_per_child,
    postconditions_hold,
    pure,
    rows_at_once,
    saturation_as_declared,
    shape_and_dtype_as_built,
    slopes_as_declared,
    value_by_an_independent_formula,
)
from flowgraph.testing.slopes import (
    gradient_by_central_differences,
    gradient_by_complex_step,
    gradient_graph_equals_bprop,
    linear_in_grad,
    second_derivative,
)


@dataclass(frozen=True)
class Check:
    """One property that every box has, checked on the examples of a class: `check(MyBox)` raises where it fails.

    `name` says which property it is, `needed` what it asks for; `on_case` is the same on one set of arrays and
    settings, and raises an AssertionError.

    Parameters
    ----------
    on_case : function
        `on_case(case)` raises an AssertionError where the property fails.
    name : str
        Which property it is.
    needed : str
        What it asks for.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.testing import CHECKS
    >>> CHECKS[0](fg.Tanh)                           # raises where it fails
    """

    on_case: Callable[[Case], None] = field(repr=False)
    name: str
    needed: str = field(repr=False)

    def __call__(self, box_class: type[Box]) -> None:
        """Raise a BoxContractError that names the class, the check, the example and what was found there."""
        __tracebackhide__ = True  # pytest then shows the line of the test, and the error
        for case in cases(box_class):
            try:
                self.on_case(case)
            except Exception as error:  # whatever a fprop or bprop raises fails the check
                text = str(error) if isinstance(error, AssertionError) else f"{case}: {type(error).__name__}: {error}"
                raise BoxContractError(
                    f"{box_class.__name__}: fails {self.name}\n  found: {text.strip()}\n  needs: {self.needed}"
                    f"{_what_to_declare(case)}"
                ) from error


def _check(on_case: Callable[[Case], None], described: Callable[..., None] | None = None) -> Check:
    function = described or on_case
    return Check(on_case, getattr(function, "__name__", ""), str(function.__doc__))


CHECKS: tuple[Check, ...] = tuple(
    map(
        _check,
        (
            shape_and_dtype_as_built,
            one_gradient_per_child,
            gradient_by_central_differences,
            gradient_by_complex_step,
            linear_in_grad,
            pure,
            any_memory_layout,
            float32_like_float64,
            empty_arrays,
            gradient_graph_equals_bprop,
            second_derivative,
            slopes_as_declared,
            saturation_as_declared,
            rows_at_once,
            postconditions_hold,
        ),
    )
)
"""What is checked of every box, without a formula for its value."""


def checks(formulas: Formulas | None = None) -> tuple[Check, ...]:
    """All checks of the contract; with `formulas` also the check of the value, by a formula for each class.

    Parameters
    ----------
    formulas : mapping of str to function, optional
        As in `check_box_class`.

    Returns
    -------
    tuple of Check
        The checks, in the order in which they are made.

    Examples
    --------
    >>> from flowgraph.testing import checks
    >>> checks()[0].name
    'shape_and_dtype_as_built'
    """
    if formulas is None:
        return CHECKS
    by_formula = value_by_an_independent_formula
    return (_check(partial(by_formula, formulas=formulas), by_formula), *CHECKS)


def check_box_class(box_class: type[Box], *, formulas: Formulas | None = None) -> None:
    """Hold a box class to the contract of every box, on its `examples`; no pytest is needed.

    Parameters
    ----------
    box_class : type of Box
        The class.
    formulas : mapping of str to function, optional
        For the name of each class a function of arrays and settings that computes the value in another way than `fprop`
        does. Without it a wrong `fprop` whose `bprop` fits it is not noticed.

    Raises
    ------
    BoxContractError
        If a check fails; it lists each that does, or the first of a box that cannot be built.

    Examples
    --------
    >>> import flowgraph as fg
    >>> from flowgraph.testing import check_box_class
    >>> check_box_class(fg.Tanh)
    """
    __tracebackhide__ = True
    failed = []
    for check in checks(formulas):
        try:
            check(box_class)
        except BoxContractError as error:
            failed.append(error)
            if not all(map(_is_built, cases(box_class))):  # the others would say the same
                break
    if failed:
        raise BoxContractError("\n".join(map(str, failed))) from failed[0]


def _is_built(case: Case) -> bool:
    try:
        return bool(case.box.outputs)
    except FlowgraphError:
        return False


def _what_to_declare(case: Case) -> str:
    """The advice for a box without examples that cannot be built on arrays of floats."""
    if case.cls.examples or _is_built(case):
        return ""
    return (
        f"\n  a box that does not take arrays of floats declares examples = (fg.example(...), ...), with a shape or an "
        f"array for each child ({', '.join(case.cls.child_names)}), and settings by keyword"
    )
