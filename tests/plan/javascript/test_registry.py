"""Every registered box, forward and backward, in Node.js: the values of NumPy, or a refusal that names the box."""

import re

import pytest

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan.javascript.node import node_program
from tests.cases import cases
from tests.plan.test_registry import assert_plan_equals_graph

pytestmark = pytest.mark.skipif(node_program() is None, reason="found no Node.js, which runs the modules")

BOXES = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.boxes.") and cases(cls)}

REFUSAL = re.compile(r'compile\(backend="javascript"\): \w+.* (has no rule for|has the dtype|calls what has no twin)')

SUPPORTED = set(
    re.findall(
        r"\w+",
        """
Add Subtract Multiply Divide Negative Remainder Fmod FloorDivide Equal Less LogicalAnd LogicalNot IsNan SignBit
Exp Exp2 Expm1 Log Log2 Log10 Log1p LogAddExp Sinh Cosh Tanh Arctanh Power ConstantPower Square Reciprocal Sqrt Cbrt
Floor Ceil Rint Round Absolute Sign Maximum Minimum Fmax Clip Where NanToNum Copysign Heaviside Sin Cos Arctan2 Hypot
Cast SumLike BroadcastLike ReshapeLike FitLike CountLike Index IndexAdd ArangeLike TakeAlongAxis ArgSort SetAt
Diagonal OnDiagonal Diag Tril Triu Einsum MatMul Affine AddMatMul TensorDot Inv Solve Sigmoid ReLU LeakyReLU ELU
Softplus GELU Conv1d Conv2d Conv3d SquaredError AbsoluteError Huber BinaryCrossEntropy Hinge OneHot PlacesOf MinusAt
NegativeLogLikelihood SoftmaxCrossEntropy NormalCdf MaxPool SpreadToLargest MeanPool SpreadEvenly L1 L2 Softmax
LogSoftmax Max Min ArgMax ArgMin AnyTrue AllTrue CountNonzero Prod CumSum CumProd Sum Mean Var Std LogSumExp Transpose
Flip Roll Concatenate SplitLike Stack Pad Reshape ExpandDims Squeeze BroadcastTo BroadcastArrays Split Unstack XLogY
""",
    )
)
"""Boxes that may not be refused; others may, by name."""


@pytest.mark.parametrize("name", BOXES)
def test_module_equals_graph_or_is_refused(name):
    taken, refusals = 0, []
    for case in cases(BOXES[name]):
        try:
            assert_plan_equals_graph(name, case, backend="javascript")
            taken += 1
        except PlanError as error:
            refusals.append(str(error))
    assert all(map(REFUSAL.match, refusals)), refusals
    assert taken or name not in SUPPORTED


def test_supported_boxes_exist():
    assert not SUPPORTED - set(BOXES)
