"""What an exercise is: a given fprop, the bprop to be written, and the mistakes that are often made in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from flowgraph.box import Array


class Mistake(NamedTuple):
    """A wrong bprop that students often write, and what to tell them.

    Parameters
    ----------
    hint : str
        What a student is told.
    bprop : function
        The wrong bprop.

    Examples
    --------
    >>> from flowgraph.teaching import Mistake
    >>> Mistake("h is not squared", lambda grad, h, a: (grad * (1 - h),)).hint
    'h is not squared'
    """

    hint: str
    bprop: Callable[..., tuple[Any, ...]]


class Exercise:
    """An exercise; a subclass that says its `name` is found by `grade`.

    Attributes
    ----------
    name : str
        What `grade` is given.
    task : str
        The formula of fprop, and what bprop is given.
    inputs : tuple of str
        Names of the inputs of fprop.

    Examples
    --------
    >>> from flowgraph import teaching
    >>> teaching.exercise("affine").inputs
    ('x', 'W', 'b')
    """

    name: ClassVar[str] = ""
    task: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    known: ClassVar[dict[str, type[Exercise]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            Exercise.known[cls.name] = cls

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw inputs for `fprop`; a subclass overrides it.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        tuple of array
            One per input, with sizes that differ, so that a transposed gradient has a wrong shape.
        """
        raise NotImplementedError

    @staticmethod
    def fprop(*inputs: Any) -> Any:
        """The value of the box; a subclass overrides it.

        Parameters
        ----------
        *inputs : array
            The values of the children.

        Returns
        -------
        array
            The value.
        """
        raise NotImplementedError

    @staticmethod
    def solution(grad: Any, output: Any, *inputs: Any) -> tuple[Any, ...]:
        """The bprop that the exercise asks for; a subclass overrides it.

        Parameters
        ----------
        grad : array
            The gradient at the output, of the shape of `output`.
        output : array
            The value of `fprop`.
        *inputs : array
            The values of the children.

        Returns
        -------
        tuple of array
            One gradient per input, of its shape.
        """
        raise NotImplementedError

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """The wrong answers that are recognised by their numbers, each with a hint.

        Returns
        -------
        tuple of Mistake
            Empty unless a subclass overrides it.
        """
        return ()

    def __str__(self) -> str:
        return f"{self.name}: {self.task}"

    __repr__ = __str__
