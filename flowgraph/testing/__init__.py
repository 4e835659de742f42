"""The contract of every box, to test your own boxes: with pytest, or by one call.

`fg.check` examines gradients anywhere, of functions and graphs too; this holds a box class to all that the engine
relies on: shapes and dtypes as built, gradients of every order, purity, memory layouts, empty arrays.
"""

from flowgraph.checking.cases import Case, cases
from flowgraph.testing.contract import CHECKS, Check, check_box_class, checks
from flowgraph.testing.parametrize import box_classes, parametrize_with_checks

__all__ = ["CHECKS", "Case", "Check", "box_classes", "cases", "check_box_class", "checks", "parametrize_with_checks"]
