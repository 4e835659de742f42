"""Gradient checking: `check` runs an operation in many test cases and says which gradient is wrong, where and why."""

from flowgraph.checking.check import check
from flowgraph.checking.check_target import check_target
from flowgraph.checking.property_tests import property_test
from flowgraph.checking.report import Failure, GradientError, Report
from flowgraph.checking.target import Target

__all__ = ["Failure", "GradientError", "Report", "Target", "check", "check_target", "property_test"]
