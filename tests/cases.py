"""The arrays and settings on which a box class is tested, as `fg.check` draws them."""

from flowgraph.checking.cases import Case, cases

__all__ = ["Case", "cases"]
