"""Gradient checking: `check` runs an operation in many regimes and says which gradient is wrong, where and why."""

from flowgraph.checking.check import check
from flowgraph.checking.check_target import check_target
from flowgraph.checking.describe import Failure
from flowgraph.checking.property_tests import property_test
from flowgraph.checking.report import GradientError, Report
from flowgraph.checking.target import Target

__all__ = ["Failure", "GradientError", "Report", "Target", "check", "check_target", "property_test"]
