"""Every registered box, forward and backward, in Node.js: the values of NumPy, or a refusal that names the box."""

import re
import warnings

import numpy as np
import pytest
from scipy import special

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan.javascript.node import node_program
from flowgraph.plan.javascript.numbers import UFUNCS
from tests.cases import cases
from tests.plan.test_drawn_graphs import assert_plan_equals_graph

pytestmark = pytest.mark.skipif(node_program() is None, reason="found no Node.js, which runs the modules")

BOXES = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.boxes.") and cases(cls)}

REFUSAL = re.compile(r'compile\(backend="javascript"\): \w+.* (has no rule for|has the dtype)')

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


LEFT_OPEN_BY_C = {"Reciprocal", "Round"}
"""Boxes whose result does not fit into its dtype for some of these numbers: of 1 / 0, or rounded beyond the largest."""


@pytest.mark.parametrize("dtype", ["i1", "i4", "u4"])
@pytest.mark.parametrize("name", sorted(BOXES.keys() - LEFT_OPEN_BY_C))
def test_whole_numbers_near_their_limits_give_the_numbers_of_numpy_or_are_refused(name, dtype):
    info, rng = np.iinfo(dtype), np.random.default_rng(0)
    near = np.array([0, 1, 2, 3, info.max, info.max - 1, info.max // 2 + 1, info.min, info.min + 1], dtype)
    for case in cases(BOXES[name]):
        values = [rng.choice(near, np.shape(a)) if np.asarray(a).dtype.kind == "f" else a for a in case.children]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                leaves = [fg.Input(f"x{i}", shape=np.shape(a), dtype=np.asarray(a).dtype) for i, a in enumerate(values)]
                box = BOXES[name](*leaves, **case.settings)
                graph = fg.Graph(*([box] if len(box.outputs) == 1 else box))
                feeds = {leaf: value for leaf, value in zip(leaves, values, strict=True) if leaf in graph}
                needed = graph.fprop(feeds).outputs
                found = fg.compile(list(graph.outputs), backend="javascript")(feeds)
            except (fg.FlowgraphError, ValueError, IndexError, np.linalg.LinAlgError):
                continue
        for one, other in zip(found, needed, strict=True):
            rough = {"rtol": 1e-5, "atol": 1e-12} if other.dtype.kind == "f" else {"rtol": 0}
            np.testing.assert_allclose(one, other, **rough, err_msg=f"{case.settings} of {values}")


@pytest.mark.parametrize("case", cases(fg.GELU), ids=str)
def test_a_box_whose_fprop_calls_another_is_taken_with_each_setting(case):
    assert_plan_equals_graph("GELU", case, backend="javascript")


def test_supported_boxes_exist():
    assert not SUPPORTED - set(BOXES)


CANCELLING = {"logaddexp", "logaddexp2", "kl_div"}
"""Sums whose terms cancel near their zeros: only as good as their terms are."""


def test_functions_of_numbers_are_as_good_as_those_of_numpy():
    """On a dense grid, on numbers of every size and on special values, not at the few points of examples."""
    rng = np.random.default_rng(0)
    special_values = np.tile([0.0, -0.0, np.nan, np.inf, 1e-310], 8)
    values = np.concatenate([np.linspace(-10, 10, 2001), 10.0 ** rng.uniform(-300, 300, 1000), rng.normal(size=1000)])
    values = np.concatenate([values, special_values])
    feeds = {"x": values * rng.choice([-1, 1], len(values)), "y": rng.permutation(values)}
    x, y = (fg.Input(name, shape=(len(values),)) for name in feeds)
    functions = {name: getattr(np, name, None) or getattr(special, name) for name in UFUNCS}
    functions = {
        name: function
        for name, function in functions.items()
        if any(one.startswith("d" * function.nin + "->") for one in function.types)
    }
    functions |= {name: getattr(np, name) for name in ("sinc", "nan_to_num", "real", "abs")}
    nin = {name: getattr(function, "nin", 1) for name, function in functions.items()}
    boxes = [function(*(x, y)[: nin[name]]) for name, function in functions.items()]
    with np.errstate(all="ignore"):
        found = fg.compile(boxes, backend="javascript")(feeds)
        for (name, function), value in zip(functions.items(), found, strict=True):
            needed = np.asarray(function(*[*feeds.values()][: nin[name]]), float)
            size = np.abs(needed) + (sum(map(np.abs, feeds.values())) if name in CANCELLING else 0)
            near = np.abs(value - needed) <= 16 * np.finfo(float).eps * size + 1e-307
            same = (value == needed) | (np.isnan(value) & np.isnan(needed)) | near
            at = [one[~same][:3] for one in feeds.values()]
            assert same.all(), f"{name}: {value[~same][:3]}, needs {needed[~same][:3]} at {at}"


@pytest.mark.parametrize(
    "cls", [fg.Conv1d, fg.Conv2d, fg.Conv3d, fg.MaxPool, fg.MeanPool], ids=lambda cls: cls.__name__
)
def test_windows_move_over_a_batch_of_any_size(cls):
    """With the gradients by both children, at each setting of the examples."""
    rng = np.random.default_rng(0)
    for case in cases(cls):
        x = fg.Input("x", shape=("N", *case.children[0].shape[1:]))
        others = [fg.Parameter(child, name=f"w{i}") for i, child in enumerate(case.children[1:])]
        h = cls(x, *others, **case.settings)
        outputs = [h, *fg.gradient(fg.sum(np.sin(h)), [x, *others])]
        graph, plan = fg.Graph(*outputs), fg.compile(outputs, backend="javascript")
        for count in (1, len(case.children[0]) + 2):
            given = rng.normal(size=(count, *case.children[0].shape[1:]))
            for found, needed in zip(plan(x=given), graph.fprop(x=given).outputs, strict=True):
                np.testing.assert_allclose(found, needed, rtol=1e-9, atol=1e-12, err_msg=str(case))
