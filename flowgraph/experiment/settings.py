"""The settings of an experiment, as one record that a file keeps, a search varies and the command line asks for."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, cast

from flowgraph.box.kinds import TEXT, UNFIT, Flag, Kind, Number, OneOf, kind_of
from flowgraph.data.loading import KINDS
from flowgraph.data.preparation import DECIMALS, IMPUTED
from flowgraph.errors import UsageError
from flowgraph.training.early_stopping import EarlyStopping, Watched
from flowgraph.training.mlp import HIDDEN
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RULES, RuleName, find_rule
from flowgraph.training.schedules import Fixed, InverseTime, Schedule
from flowgraph.training.settings import SETTINGS, read_fields, read_number, strict_settings


class Share(Kind):
    """A share between 0 and 1, or a whole number of examples."""

    needed = "a share between 0 and 1 or a whole number of examples"
    needed_text = "share such as 0.2 and no number of examples"
    metavar = "share|count"

    def read_value(self, value: Any) -> Any:
        """The number; a whole one stays one."""
        count = Number(1, whole=True).read_value(value)
        return Number(above=0, below=1).read_value(value) if count is UNFIT else count

    def read_text(self, text: str) -> Any:
        """The number that a text says."""
        return self.read_setting("", "", float(text) if "." in text else int(text))


class Layers(Kind):
    """The sizes of hidden layers, as a tuple; one number is one layer."""

    needed = "sizes of layers, each 1 or more, (64, 32)"
    needed_text = "list of sizes such as 64,32"
    metavar = "sizes"

    def read_value(self, value: Any) -> Any:
        """The sizes as a tuple."""
        sizes: Any = kind_of(tuple[Annotated[int, Number(1, whole=True)], ...])
        return sizes.read_value(value if isinstance(value, Sequence) else (value,))

    def read_text(self, text: str) -> tuple[int, ...]:
        """The sizes that a text says."""
        sizes = tuple(int(size) for size in text.split(","))
        return () if sizes == (0,) else sizes


class Names(Kind):
    """Some texts as a tuple, each an option of its own on the command line."""

    needed = "a tuple of names"
    multiple = True

    def read_value(self, value: Any) -> Any:
        """The names as a tuple."""
        names: Any = kind_of(tuple[str, ...])
        return names.read_value(value)


class ClassWeights(Names):
    """The weights of classes, as texts yes=5, or balanced."""

    def read_setting(self, who: str, name: str, value: Any) -> tuple[str, ...]:
        """The texts as a tuple."""
        texts: tuple[str, ...] = super().read_setting(who, name, value)
        if texts != (BALANCED,):
            self.by_class(who, texts)
        return texts

    def by_class(self, who: str, texts: Sequence[str]) -> dict[str, float]:
        """The weights that texts say, by the names of the classes."""
        pairs = [text.rpartition("=") for text in texts]
        weights: dict[str, float] = {}
        for text, (label, _, number) in zip(texts, pairs, strict=True):
            try:
                weights[label] = read_number(who, "class_weight", float(number), above=0)
            except ValueError:
                raise UsageError(
                    f"{who}: found class_weight={text!r}, needs balanced, or a class and a number, yes=5"
                ) from None
        if len(weights) < len(texts):
            raise UsageError(f"{who}: found class_weight={tuple(texts)!r}, needs one weight for a class")
        return weights


TEXT_OR_NONE = kind_of(str | None)
BALANCED = "balanced"

COMPARED = ("source", "target", "kind", "valid", "test", "stratify", "seed", "watch")
"""Settings that say which examples are compared, and by what: neither a search nor a trade-off varies them."""


@strict_settings
@dataclass(frozen=True)
class TrainSettings:
    """The settings that determine a training: same settings and data give bitwise the same results.

    Parameters
    ----------
    source : str
        A .csv, .tsv, .parquet or .npz file, or the name of a bundled set.
    target : str, optional
        The column to predict.
    kind : {'auto', 'classes', 'numbers'}, default 'auto'
        What the target is; auto takes texts and whole numbers for classes.
    hidden : tuple of int, default (64,)
        Units of each hidden layer, 64,32 on the command line, and 0 for none.
    activation : str, default 'relu'
        Activation of the hidden layers.
    dropout : float, default 0.0
        Probability with which a hidden unit is dropped in training.
    rule : str, default 'adam'
        The update rule.
    learning_rate : float, optional
        The rate α; by default the usual one of the rule.
    decay : float, default 0.0
        δ in the rate α / (1 + δt) of update t.
    batch_size : int or None, default 32
        Examples of a step; None for all.
    epochs : int, default 100
        Largest number of epochs.
    patience : int or None, default 10
        Epochs without improvement after which training stops; None trains to the end.
    watch : {'objective', 'loss', 'error'}, default 'objective'
        The measure of the validation examples by which the best epoch is chosen: the objective is what is minimised,
        the loss is without L1 and L2.
    l1 : float, default 0.0
        Strength of the penalty Σ|W| on the weights.
    l2 : float, default 0.0
        Strength of the penalty ΣW² on the weights.
    valid : float or int, default 0.2
        Share, or number, of the validation examples, to choose by.
    test : float or int, default 0.2
        Share, or number, of the test examples, to test with once, at the end.
    stratify : bool, default False
        Whether each part has the classes in the proportions of the whole.
    standardise : bool, default True
        Whether columns are scaled to mean 0 and standard deviation 1 of the training examples; the saved network does
        it too.
    dtype : {'float64', 'float32'}, default 'float64'
        Dtype of the network.
    seed : int, default 0
        What fixes the split, the weights, the order and the draws of dropout.
    drop_missing : bool, default False
        Whether rows of a table that lack a value are left out; where values are imputed, those that lack the target.
    impute : {'none', 'mean', 'median'}, default 'none'
        What fills missing numbers in, by the training rows; missing words become the most frequent one.
    one_hot : bool, default False
        Whether each word of a text column becomes a column of 0 and 1.
    drop : tuple of str, default ()
        A column of a table that is left out; given once for each.
    decimal : {'ask', 'point', 'comma'}, default 'ask'
        What stands before the decimals of a text with commas, 1,5 or 13,600; ask refuses it.
    class_weight : tuple of str, default ()
        How often the examples of a class count in training and validation, yes=5, given once for each, or balanced: all
        classes count as much.

    Examples
    --------
    >>> from flowgraph.experiment import TrainSettings
    >>> TrainSettings("iris", hidden=(16,)).epochs
    100
    """

    source: Annotated[str, TEXT]
    target: Annotated[str | None, TEXT_OR_NONE] = None
    kind: Annotated[str, OneOf(KINDS)] = "auto"
    hidden: Annotated[tuple[int, ...], Layers()] = (64,)
    activation: Annotated[str, OneOf(tuple(HIDDEN))] = "relu"
    dropout: Annotated[float, SETTINGS["dropout"]] = 0.0
    rule: Annotated[str, OneOf(tuple(RULES))] = "adam"
    learning_rate: Annotated[float | None, SETTINGS["learning_rate"]] = None
    decay: Annotated[float, SETTINGS["decay"]] = 0.0
    batch_size: Annotated[int | None, SETTINGS["batch_size"]] = 32
    epochs: Annotated[int, SETTINGS["epochs"]] = 100
    patience: Annotated[int | None, SETTINGS["patience"]] = 10
    watch: Annotated[str, SETTINGS["watch"]] = "objective"
    l1: Annotated[float, SETTINGS["l1"]] = 0.0
    l2: Annotated[float, SETTINGS["l2"]] = 0.0
    valid: Annotated[float, Share()] = 0.2
    test: Annotated[float, Share()] = 0.2
    stratify: Annotated[bool, Flag()] = False
    standardise: Annotated[bool, Flag()] = True
    dtype: Annotated[str, OneOf(("float64", "float32"))] = "float64"
    seed: Annotated[int, SETTINGS["seed"]] = 0
    drop_missing: Annotated[bool, Flag(off="keep-missing")] = False
    impute: Annotated[str, OneOf(IMPUTED)] = "none"
    one_hot: Annotated[bool, Flag()] = False
    drop: Annotated[tuple[str, ...], Names()] = ()
    decimal: Annotated[str, OneOf(DECIMALS)] = "ask"
    class_weight: Annotated[tuple[str, ...], ClassWeights()] = ()

    def __post_init__(self) -> None:
        read_fields(self, "settings")

    @property
    def update_rule(self) -> Rule:
        """The update rule of that name."""
        return find_rule(cast(RuleName, self.rule))

    @property
    def schedule(self) -> Schedule:
        """The learning rates, update by update."""
        rate = self.update_rule.default_rate if self.learning_rate is None else self.learning_rate
        return InverseTime(rate, self.decay) if self.decay else Fixed(rate)

    @property
    def early_stopping(self) -> EarlyStopping:
        """The early stopping that the settings ask for."""
        return EarlyStopping(self.patience, cast(Watched, self.watch))

    def with_values(self, values: Mapping[str, Any]) -> TrainSettings:
        """A copy with other values for some settings.

        Parameters
        ----------
        values : mapping of str to object
            New values by name.

        Returns
        -------
        TrainSettings
            The copy.

        Raises
        ------
        UsageError
            If a name is no setting, or a value is not allowed.
        """
        known = [field.name for field in fields(self)]
        for name in values:
            if name not in known:
                raise UsageError(f"settings: found {name!r}, needs one of {', '.join(known)}")
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """The settings for JSON.

        Returns
        -------
        dict
            Values by name.
        """
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> TrainSettings:
        """The settings of a record that `as_dict` made.

        Parameters
        ----------
        record : mapping
            Values by name; settings that an older flowgraph did not have get their defaults.

        Returns
        -------
        TrainSettings
            The settings.

        Raises
        ------
        UsageError
            If the record has no "source" or an unknown name.
        """
        if not isinstance(record, dict) or "source" not in record:
            raise UsageError("settings: found no source, needs the file or set to learn from")
        return cls("").with_values(record)


def descriptions() -> dict[str, str]:
    """What the settings are, by name, each in a line: as the docstring above says, which `python -OO` leaves out."""
    text = (inspect.getdoc(TrainSettings) or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^(\w+) : .*\n((?: {4}.*(?:\n|$))+)", text, re.MULTILINE)
    return {name: " ".join(lines.split()) for name, lines in entries}
