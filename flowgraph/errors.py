"""Every exception and warning; a message says who, what was found, what is needed, and how to fix it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

from numpy.linalg import LinAlgError

from flowgraph.peers import find_outdated, install_command
from flowgraph.printable import printable_lines
from flowgraph.remedies import Remedy, words_of


def install_hint(extra: str, *, upgrade: bool = False) -> str:
    """The command that installs what an optional part needs, by the name of its extra in pyproject.toml.

    >>> from flowgraph.errors import install_hint
    >>> install_hint("files")
    'pip install ".[files]" in a clone of flowgraph'
    """
    return install_command(extra, upgrade=upgrade)


def optional(module: str, needed: str, extra: str, way_out: str = "") -> Any:
    """A module that an extra installs, imported where it is used; the error says what needs it where it is missing.

    And where it is older than the extra promises.
    """
    old = find_outdated(module)
    if old is not None:
        raise ImportError(
            f"{needed} {old.lowest} or newer, found {old.version}; run: {install_hint(extra, upgrade=True)}{way_out}"
        )
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ImportError(f"{needed}; run: {install_hint(extra)}{way_out}") from missing


class FlowgraphError(Exception):
    """Base of every error that flowgraph raises by itself.

    Its text may quote names and files of others, and goes to terminals: what is not printable is written out.
    """

    def __str__(self) -> str:
        return printable_lines(super().__str__())


class ShapeError(FlowgraphError, ValueError):
    """Shapes of children that do not fit a box, or of an array that does not fit an input.

    Cause: axes of two children, or of an array and its input, have different sizes. Cure: compare the shapes in the
    message; transpose, reshape or rename an axis where the box is built.
    """


class DtypeError(FlowgraphError, TypeError):
    """A dtype that a box, an input or a parameter cannot take.

    Cause: texts, objects, or integers where a gradient is needed. Cure: convert the array, `array.astype(float)`, or
    make it an `fg.Constant`.
    """


class FrozenError(FlowgraphError, FrozenInstanceError):
    """An assignment to an attribute of a box, which never changes.

    Cause: `box.name = ...`, or another assignment to a box. Cure: build a new box, `box.named(...)`; only
    `parameter.value` can be assigned.
    """


class UnknownAttributeError(FlowgraphError, AttributeError):
    """An attribute that a box does not have.

    Cause: a method of arrays that boxes do not have, or a misspelt name. Cure: call NumPy's function, which the message
    names where there is one.
    """


class ReadOnlyError(FlowgraphError, ValueError):
    """An assignment to elements of an array that is read-only: the value of a parameter, what a box is given.

    Cause: `parameter.value[0] = ...`, a write into a value of a run, or a fprop or bprop that writes to its arguments.
    Cure: assign a new array, `parameter.value = new`, or copy the array first.
    """


class MissingPathError(FlowgraphError, FileNotFoundError):
    """A file to read that is not there.

    Cause: a wrong path, or another working folder. Cure: look at the folder that the message names.
    """


class DeclarationError(FlowgraphError, TypeError):
    """A box class whose declarations contradict each other; raised when the class is defined.

    Cause: a name that is no child, a signature with another number of children, a word that is unknown. Cure: mend the
    class attribute that the message names; see the box author's guide.
    """


class UsageError(FlowgraphError, TypeError):
    """A box used where only an array with values makes sense, or called with the wrong arguments.

    Cause: a wrong number of children, an unknown keyword, a setting out of range, `if` on a box. Cure: the message
    lists what is taken, and the nearest name; values are in a run, `run[box]`.
    """


class NoArrayError(UsageError):
    """A box where an array of numbers is needed.

    Cause: `np.asarray(box)`, or a function that looks into a list for numbers. Cure: join boxes with `np.stack([...])`,
    take the function from `flowgraph.numpy`, or run the graph and give it the value.
    """


class UnsupportedError(FlowgraphError, TypeError):
    """A NumPy function, or an argument of one, for which no box stands.

    Cause: a function, a keyword or an operation that has no box. Cure: take another function, or write a box with
    `fprop` and `bprop`; docs/coverage.md lists those that there are.
    """


class FeedError(FlowgraphError, ValueError):
    """An array given to a graph that does not fit the box that it is for.

    Cause: an input without array, an array of another shape or dtype, data that do not fit the model. Cure: give the
    inputs by name, as `graph.inputs` lists them.
    """


class NoSolutionError(FeedError, LinAlgError):
    """A matrix for which NumPy finds no inverse, factorisation or solution.

    Cause: a matrix that is singular, not positive definite, or holds a NaN. Cure: look at the value of the child that
    the message names; add a small multiple of the identity where the matrix is nearly singular.
    """


class NoRoomError(FlowgraphError, MemoryError):
    """A value that needs more memory than there is.

    Cause: an array fed, or a size in a box, that is far larger than meant. Cure: compare the shape in the message with
    the box that it names; run fewer examples at a time.
    """


class UnknownBoxError(FlowgraphError, LookupError):
    """A box or a name that the graph does not hold.

    Cause: a box of another graph, or a misspelt name. Cure: build the graph with that box among its outputs;
    `graph.boxes` lists those that it holds.
    """


class DuplicateNameError(FlowgraphError, ValueError):
    """A name that two boxes of one graph claim.

    Cause: two inputs or parameters of one name. Cure: give each a name of its own, or build each in an `fg.scope`.
    """


class BpropError(FlowgraphError, ValueError):
    """A `bprop` that returned something else than one gradient per child, each of its child's shape and dtype.

    Cause: a gradient too many or too few, None for a child that has one, a sum over the wrong axes. Cure: return one
    gradient per child of the child's shape; `fg.check` says which is wrong.
    """


class BoxContractError(FlowgraphError, AssertionError):
    """A box class fails a check of the contract: which one, on which example, and what is needed.

    Cause: a `bprop` that is wrong, writes to its arguments, or fails on empty arrays or other dtypes. Cure: the message
    names the check and the example; run `fg.check` on the class.
    """


class NotDifferentiableError(FlowgraphError, TypeError):
    """A gradient asked for where no path of differentiable boxes leads.

    Cause: integers on the way, a box without `bprop`, constant children, or an output that is not reached. Cure: the
    message names the box where the path is cut; convert to floats, or differentiate by another box.
    """


class OpenChoiceError(NotDifferentiableError):
    """The loss depends on an arbitrary choice of a factorisation, such as a phase or a basis, so it has no gradient.

    Cause: a loss that depends on the sign of an eigenvector, or on the basis of equal eigenvalues. Cure: make the loss
    depend on what is determined, such as v vᵀ or the eigenvalues.
    """


class PlanError(FlowgraphError, RuntimeError):
    """A plan cannot do what it was asked for, or its result differs from that of the graph.

    Cause: source or graph read before the shapes are known, a back end that is missing, a plan that calls itself.
    Cure: do what the message proposes, such as `plan.prepare(x=...)`.
    """


class StepLimitError(FlowgraphError, RuntimeError):
    """A loop whose condition still holds after the most steps that it may take.

    Cause: a condition that never becomes false, or not for these values, such as a tolerance below rounding errors.
    Cure: compare with what the carry reaches, count steps in the carry, or give `fg.while_loop` a larger `max_steps`.
    """


class LabelError(FlowgraphError, ValueError):
    """A label outside the classes of a loss.

    Cause: labels that begin at 1, or more classes than the network has outputs. Cure: count classes from 0, and give
    the last layer one unit per class.
    """


class RenderError(FlowgraphError, RuntimeError):
    """A picture that no engine of this machine writes in the format asked for.

    Cause: Graphviz or a package is missing, or failed. Cure: run the command in the message, or write .svg, which needs
    nothing.
    """


class RenderWarning(UserWarning):
    """A picture that was drawn in another way than asked for, since an engine is missing or failed.

    Cause: an engine is missing, failed, or took longer than `timeout=`. Cure: run the command in the message, or choose
    `engine=`.
    """


class GradientWarning(RuntimeWarning):
    """A gradient that holds a NaN which nothing before it held.

    Cause: 0 · ∞ in a `bprop`, such as that of a logarithm or a root at 0. Cure: `run.explain_nan()` follows it to its
    origin; keep the child inside the domain.
    """


class IndexingError(FlowgraphError, IndexError):
    """An index that the shape of a box does not take.

    Cause: an index beyond the axis, too many indices, a mask of another shape. Cure: compare it with the shape in the
    message.
    """


class SavedFileError(FlowgraphError, ValueError):
    """A file that flowgraph did not write, that a newer one wrote, or that is no longer whole.

    Cause: a download that was cut off, another program's file, a file of a newer version. Cure: take another copy, or a
    newer flowgraph; import the module of your own boxes first.
    """


class FileWriteError(FlowgraphError, OSError):
    """A file could not be written; the message says which, why and how to continue. Its old content is kept.

    Cause: no folder, no permission, or a full disk. Cure: make the folder or room that the message names; the old file
    is unchanged.
    """

    def __str__(self) -> str:
        return printable_lines(str(self.strerror))


class InUseError(FlowgraphError, RuntimeError):
    """A folder or a file that another process is writing.

    Cause: a training that runs, or one that was killed on another machine. Cure: wait for the process that the message
    names, or delete the lock if it is gone.
    """


class DataError(FlowgraphError, ValueError):
    """Examples that nothing can be learnt from as they are: with their row and column.

    Cause: an empty cell, NaN, a text among numbers, labels beyond the classes. Cure: mend the row and column in the
    message, or leave the row out.

    It is made of texts and of remedies between them, which `str` says as keywords of Python.
    """

    def __str__(self) -> str:
        return self.with_remedies(str)

    def with_remedies(self, say: Callable[[Remedy], str]) -> str:
        """The text, where `say` words each remedy."""
        return printable_lines(words_of(self.args, say))


class TestSetError(FlowgraphError, RuntimeError):
    """A second look at test examples.

    Cause: `open()` was called before, in this process or, with `record=`, in another. Cure: choose by validation
    examples; draw a new test set if you have chosen by this one.
    """

    __test__ = False  # no test of pytest's
