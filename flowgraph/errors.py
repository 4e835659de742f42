"""What a person meets when something is wrong: who, what was found, what is needed, the way out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

from flowgraph.printable import printable_lines

DISTRIBUTION = "flowgraph-autodiff"
"""The name under which the package is installed; the bare name belongs to another one."""


def install_hint(extra: str, *, upgrade: bool = False) -> str:
    """The command that installs what an optional part needs, by the name of its extra in pyproject.toml.

    >>> from flowgraph.errors import install_hint
    >>> install_hint("files")
    "pip install 'flowgraph-autodiff[files]'"
    """
    return f"pip install {'--upgrade ' * upgrade}'{DISTRIBUTION}[{extra}]'"


class FlowgraphError(Exception):
    """Base of every error that flowgraph raises by itself.

    Its text may quote names and files of others, and goes to terminals: what is not printable is written out.
    """

    def __str__(self) -> str:
        return printable_lines(super().__str__())


class ShapeError(FlowgraphError, ValueError):
    """Shapes of children that do not fit a box, or of an array that does not fit an input."""


class DtypeError(FlowgraphError, TypeError):
    """A dtype that a box, an input or a parameter cannot take."""


class FrozenError(FlowgraphError, FrozenInstanceError):
    """An assignment to an attribute of a box, which never changes."""


class UnknownAttributeError(FlowgraphError, AttributeError):
    """An attribute that a box does not have."""


class ReadOnlyError(FlowgraphError, ValueError):
    """An assignment to elements of an array that is read-only: the value of a parameter."""


class MissingPathError(FlowgraphError, FileNotFoundError):
    """A file to read that is not there."""


class DeclarationError(FlowgraphError, TypeError):
    """A box class whose declarations contradict each other; raised when the class is defined."""


class UsageError(FlowgraphError, TypeError):
    """A box used where only an array with values makes sense, or called with the wrong arguments."""


class UnsupportedError(FlowgraphError, TypeError):
    """A NumPy function, or an argument of one, for which no box stands."""


class FeedError(FlowgraphError, ValueError):
    """An array given to a graph that does not fit the box that it is for."""


class UnknownBoxError(FlowgraphError, LookupError):
    """A box or a name that the graph does not hold."""


class DuplicateNameError(FlowgraphError, ValueError):
    """A name that two boxes of one graph claim."""


class BpropError(FlowgraphError, ValueError):
    """A `bprop` that returned something else than one gradient per child, each of its child's shape and dtype."""


class BoxContractError(FlowgraphError, AssertionError):
    """A box class that does not keep what every box keeps: which check fails, on which example, what is needed."""


class NotDifferentiableError(FlowgraphError, TypeError):
    """A gradient asked for where no path of differentiable boxes leads."""


class OpenChoiceError(NotDifferentiableError):
    """A gradient asked for of what a factorisation leaves open: a phase, the basis of a space."""


class PlanError(FlowgraphError, RuntimeError):
    """A plan asked for what it cannot do as it stands."""


class LabelError(FlowgraphError, ValueError):
    """A label outside the classes of a loss."""


class RenderError(FlowgraphError, RuntimeError):
    """A picture that no engine of this machine writes in the format asked for."""


class RenderWarning(UserWarning):
    """A picture that was drawn in another way than asked for, since an engine is missing or failed."""


class RetraceWarning(UserWarning):
    """A function of `flowgraph.functional` that needs a new graph in call after call."""


class GradientWarning(RuntimeWarning):
    """A gradient that holds a NaN which nothing before it held."""


class IndexingError(FlowgraphError, IndexError):
    """An index that the shape of a box does not take."""


class SavedFileError(FlowgraphError, ValueError):
    """A file that flowgraph did not write, that a newer one wrote, or that is no longer whole."""


class FileWriteError(FlowgraphError, OSError):
    """A file that could not be written: which, why, and how to go on; what stood there before still does."""

    def __str__(self) -> str:
        return printable_lines(str(self.strerror))


class InUseError(FlowgraphError, RuntimeError):
    """A folder or a file that another process is writing."""


class DataError(FlowgraphError, ValueError):
    """Examples that nothing can be learnt from as they are: with their row and column."""


class TestSetError(FlowgraphError, RuntimeError):
    """A second look at test examples."""

    __test__ = False  # no test of pytest's
