"""The options of the command line that say what to learn from and how, shared by train and search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from flowgraph.data.files import KINDS
from flowgraph.data.preparation import IMPUTED
from flowgraph.errors import UsageError
from flowgraph.experiment.settings import DTYPES, TrainSettings
from flowgraph.search.space_text import read_space
from flowgraph.training.early_stopping import WATCHED
from flowgraph.training.mlp import HIDDEN
from flowgraph.training.rules import RULES

_F = TypeVar("_F", bound=Callable[..., Any])
_DEFAULTS = TrainSettings("")


class Share(click.ParamType):  # type: ignore[type-arg]
    """A share between 0 and 1, or a whole number of examples."""

    name = "share|count"

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        """A whole number stays one."""
        try:
            found = value if isinstance(value, int | float) else float(value) if "." in value else int(value)
        except ValueError:
            found = -1
        if not (0 < found < 1 or (isinstance(found, int) and found > 0)):
            self.fail(f"{value!r} is no share such as 0.2 and no number of examples", parameter, context)
        return found


class Layers(click.ParamType):  # type: ignore[type-arg]
    """Sizes of hidden layers: 64,32; 0 for none."""

    name = "sizes"

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        """A tuple of whole numbers."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(size) for size in value.split(","))
        except ValueError:
            return self.fail(f"{value!r} is no list of sizes such as 64,32", parameter, context)
        return () if sizes == (0,) else sizes


_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--target",), {"help": "The column to predict."}),
    (("--kind",), {"type": click.Choice(KINDS), "help": "What the target is; auto takes texts and whole numbers for "
                   "classes."}),
    (("--drop-missing/--keep-missing",), {"help": "Leave out rows of the table that lack a value."}),
    (("--impute",), {"type": click.Choice(IMPUTED), "help": "Fill in missing numbers by the mean or median of the "
                     "training rows, missing words by the most frequent one."}),
    (("--one-hot/--no-one-hot",), {"help": "Make a column of 0 and 1 of each word of a text column."}),
    (("--hidden",), {"type": Layers(), "help": "Sizes of the hidden layers, 64,32; 0 for none.",
                     "show_default": "64"}),
    (("--activation",), {"type": click.Choice(list(HIDDEN)), "help": "Of the hidden units."}),
    (("--dropout",), {"type": float, "help": "Share of hidden units dropped in training."}),
    (("--rule",), {"type": click.Choice(list(RULES)), "help": "Update rule."}),
    (("--learning-rate",), {"type": float, "show_default": "that of the rule", "help": "α."}),
    (("--decay",), {"type": float, "help": "δ in α / (1 + δt), by update t."}),
    (("--batch-size",), {"type": click.IntRange(min=1), "help": "Examples per update."}),
    (("--epochs",), {"type": click.IntRange(min=1), "help": "Passes over the training examples, at most."}),
    (("--patience",), {"type": click.IntRange(min=0), "help": "Epochs without improvement before training stops; 0 "
                       "goes on to the end."}),
    (("--watch",), {"type": click.Choice(WATCHED), "help": "By what of the validation examples the best epoch is "
                    "chosen: the objective is what is minimised, the loss is without L1 and L2."}),
    (("--l1",), {"type": float, "help": "Strength of Σ|W|."}),
    (("--l2",), {"type": float, "help": "Strength of ΣW²."}),
    (("--valid",), {"type": Share(), "help": "Share, or number, of examples to choose by."}),
    (("--test",), {"type": Share(), "help": "Share, or number, of examples to test with, once, at the end."}),
    (("--stratify/--no-stratify",), {"help": "Give each part the classes in the same proportions."}),
    (("--standardise/--no-standardise",), {"help": "Bring columns to mean 0 and deviation 1 of the training "
                                           "examples; the saved network does it too."}),
    (("--dtype",), {"type": click.Choice(DTYPES), "help": "Of all numbers."}),
    (("--seed",), {"type": click.IntRange(min=0), "help": "Fixes split, weights, order and dropout."}),
)  # fmt: skip


def settings_options(function: _F) -> _F:
    """Add an option for each setting."""
    for names, keywords in reversed(_OPTIONS):
        name = names[0].split("/")[0].removeprefix("--").replace("-", "_")
        default = getattr(_DEFAULTS, name)
        shown = keywords.get("show_default", default is not None)
        function = click.option(*names, default=default, **{**keywords, "show_default": shown})(function)
    return function


def settings_of(source: str, options: dict[str, Any]) -> TrainSettings:
    """The settings that the options say; a patience of 0 is none, and what makes no sense is wrong usage."""
    try:
        return TrainSettings(source, **options | {"patience": options["patience"] or None})
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def space_of(texts: Sequence[str]) -> dict[str, Any]:
    """The space that texts such as l2=0.0|0.1 say; one that cannot be read is wrong usage."""
    try:
        return read_space(texts)
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def given(context: click.Context) -> list[str]:
    """The options that were given on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]
