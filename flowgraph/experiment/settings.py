"""The settings of a training, as one record that a file keeps and a search varies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral, Real
from typing import Any, cast

from flowgraph.data.files import KINDS
from flowgraph.data.preparation import IMPUTED
from flowgraph.errors import UsageError
from flowgraph.training.early_stopping import EarlyStopping, Watched, check_watch
from flowgraph.training.mlp import HIDDEN
from flowgraph.training.rule import Rule
from flowgraph.training.rules import RULES, RuleName, find_rule
from flowgraph.training.schedules import Fixed, InverseTime, Schedule
from flowgraph.training.settings import read_count, read_number, strict_settings

DTYPES = ("float64", "float32")
NUMBERS: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": {"above": 0}, "decay": {"low": 0}, "dropout": {"low": 0, "below": 1}, "l1": {"low": 0},
    "l2": {"low": 0},
}  # fmt: skip
COUNTS: Mapping[str, int] = {"epochs": 1, "batch_size": 1, "patience": 1, "seed": 0}
CHOICES: Mapping[str, Collection[str]] = {
    "kind": KINDS, "activation": HIDDEN, "rule": RULES, "dtype": DTYPES, "impute": IMPUTED,
}  # fmt: skip
OPTIONAL = ("batch_size", "patience", "learning_rate")
TYPES: Mapping[str, tuple[type[Any], ...]] = {
    "source": (str,), "target": (str, type(None)), "stratify": (bool,), "standardise": (bool,),
    "drop_missing": (bool,), "one_hot": (bool,),
}  # fmt: skip
"""Of settings that are no numbers and no choices."""


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
        What the targets are.
    hidden : tuple of int, default (64,)
        Units of each hidden layer.
    activation : str, default 'relu'
        Activation of the hidden layers.
    dropout : float, default 0.0
        Probability with which a hidden unit is dropped in training.
    rule : str, default 'adam'
        The update rule.
    learning_rate : float, optional
        The rate; by default the usual one of the rule.
    decay : float, default 0.0
        δ in the rate α / (1 + δt) of update t.
    batch_size : int or None, default 32
        Examples of a step; None for all.
    epochs : int, default 100
        Largest number of epochs.
    patience : int or None, default 10
        Epochs without improvement after which training stops; None trains to the end.
    watch : {'objective', 'loss', 'error'}, default 'objective'
        The measure of the validation examples by which the best epoch is chosen.
    l1, l2 : float, default 0.0
        Strengths of the penalties on the weights.
    valid, test : float, default 0.2
        Shares of the validation and the test examples.
    stratify : bool, default False
        Whether each part has the classes in the proportions of the whole.
    standardise : bool, default True
        Whether columns are scaled to mean 0 and standard deviation 1 of the training examples.
    dtype : {'float64', 'float32'}, default 'float64'
        Dtype of the network.
    seed : int, default 0
        What fixes the split, the weights, the order and the draws.
    drop_missing : bool, default False
        Whether rows of a table that lack a value are left out.
    impute : {'none', 'mean', 'median'}, default 'none'
        What fills missing values in, by the training rows.
    one_hot : bool, default False
        Whether each word of a column becomes a column of 0 and 1.

    Examples
    --------
    >>> from flowgraph.experiment import TrainSettings
    >>> TrainSettings("iris", hidden=(16,)).epochs
    100
    """

    source: str
    target: str | None = None
    kind: str = "auto"
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    dropout: float = 0.0
    rule: str = "adam"
    learning_rate: float | None = None
    decay: float = 0.0
    batch_size: int | None = 32
    epochs: int = 100
    patience: int | None = 10
    watch: str = "objective"
    l1: float = 0.0
    l2: float = 0.0
    valid: float = 0.2
    test: float = 0.2
    stratify: bool = False
    standardise: bool = True
    dtype: str = "float64"
    seed: int = 0
    drop_missing: bool = False
    impute: str = "none"
    one_hot: bool = False

    def __post_init__(self) -> None:
        hidden = tuple(self.hidden) if isinstance(self.hidden, Sequence) else (self.hidden,)
        object.__setattr__(self, "hidden", hidden)
        if not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in hidden):
            raise UsageError(f"settings: found hidden={self.hidden!r}, needs sizes of layers, each 1 or more, (64, 32)")
        for name, known in CHOICES.items():
            if getattr(self, name) not in tuple(known):
                raise UsageError(f"settings: found {name}={getattr(self, name)!r}, needs one of {', '.join(known)}")
        check_watch("settings", self.watch)
        for name, kinds in TYPES.items():
            if type(getattr(self, name)) not in kinds:
                needed = " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)
                raise UsageError(f"settings: found {name}={getattr(self, name)!r}, needs {needed}")
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name, low in COUNTS.items():
            if name not in OPTIONAL or getattr(self, name) is not None:
                read_count("settings", name, getattr(self, name), low=low, otherwise=", or None" * (name in OPTIONAL))
        for name in ("valid", "test"):
            self._check_share(name, getattr(self, name))
        for name, bounds in NUMBERS.items():
            if name not in OPTIONAL or getattr(self, name) is not None:
                read_number("settings", name, getattr(self, name), **bounds)

    def _check_share(self, name: str, share: Any) -> None:
        real = isinstance(share, Real) and not isinstance(share, bool)
        if not real or not (0 < share < 1 or (isinstance(share, Integral) and int(share) >= 1)):
            raise UsageError(
                f"settings: found {name}={share!r}, needs a share between 0 and 1 or a whole number of examples"
            )

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
        return asdict(self) | {"hidden": list(self.hidden)}

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
