"""Base class of update rules that can leave the rows of a table that are not looked up."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from flowgraph.errors import UsageError
from flowgraph.training.rule import Rule


@dataclass(frozen=True, repr=False)
class LazyRule(Rule):
    """A rule that can leave the rows of a table as they are in a step that does not look them up."""

    lazy: bool = field(default=False, kw_only=True)

    @property
    def is_lazy(self) -> bool:
        """Whether `lazy` was asked for."""
        return self.lazy

    def read(self, setting: str, found: object) -> Any:
        """Check one setting; `lazy` is True or False."""
        if setting != "lazy":
            return super().read(setting, found)
        if not isinstance(found, bool | np.bool_):
            raise UsageError(f"{self.name}: found lazy={found!r}, needs True or False")
        return bool(found)

    def __repr__(self) -> str:
        shown = [f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.name != "lazy"]
        return f"{self.name}({', '.join([*shown, *['lazy=True'] * self.lazy])})"
