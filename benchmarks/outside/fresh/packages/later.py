"""The third set: gathered when the first two had been scored, from packages and repositories that are in neither.

A library of layers in NumPy, networks from before the frameworks, differentiation in a few hundred lines, a kernel
library, losses of linear models, and two solutions of one course.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import Repository, found_wrong, gradient, jacobian, slope

THINC = Package("thinc", "numpy")
PYBRAIN = Repository("pybrain/pybrain", "numpy")
PEBBLE = Repository("sradc/SmallPebble", "numpy")
PYGPS = Repository("marionmari/pyGPs", "numpy")
GLM = Repository("dask/dask-glm", "numpy")
FANG = Repository("YuanchengFang/dlsys_solution", "numpy")
KCXAIN = Repository("kcxain/dlsys", "numpy")
PACKAGES = [THINC, PYBRAIN, PEBBLE, PYGPS, GLM, FANG, KCXAIN]

X, V = normal(4, 3), normal(5)
ROWS, LENGTHS = normal(6, 3), np.array([2, 1, 3], np.int32)


LOADED = functools.cache(sources.loaded)


def _ops() -> Any:
    return importlib.import_module("thinc.backends").NumpyOps()


def _of_input(name: str, x: Any, **options: Any) -> Case:
    """A pair of thinc whose backward reads the input."""
    return Case(
        lambda x: getattr(_ops(), name)(x, **options),
        (x,),
        lambda g, y, x: (getattr(_ops(), f"backprop_{name}")(g, x, **options),),
    )


for _name in ("hard_sigmoid", "hard_tanh", "hard_swish", "hard_swish_mobilenet", "dish", "mish"):
    THINC.add(_name, partial(_of_input, _name, X))
THINC.add("clipped_linear", partial(_of_input, "clipped_linear", X, slope=2.0, offset=0.3, max_val=2.5))
THINC.add("relu_k", partial(_of_input, "relu_k", 3 * X, n=2.0))


def _of_value(forward: str, backward: str, x: Any) -> Case:
    """A pair of thinc whose backward reads the value."""
    return Case(lambda x: getattr(_ops(), forward)(x), (x,), lambda g, y, x: (getattr(_ops(), backward)(g, y),))


THINC.add("relu", partial(_of_value, "relu", "backprop_relu", X))
THINC.add("sigmoid", partial(_of_value, "sigmoid", "backprop_sigmoid", X))


@THINC.right("swish")
def _swish() -> Case:
    return Case(lambda x: _ops().swish(x), (X,), lambda g, y, x: (_ops().backprop_swish(g, x, y),))


@THINC.right("softmax")
def _softmax() -> Case:
    return Case(lambda x: _ops().softmax(x), (X,), lambda g, y, x: (_ops().backprop_softmax(y, g),))


@THINC.right("softmax with a temperature")
def _tempered() -> Case:
    return Case(
        lambda x: _ops().softmax(x, temperature=0.7),
        (X,),
        lambda g, y, x: (_ops().backprop_softmax(y, g, temperature=0.7),),
    )


@THINC.right("softmax_sequences")
def _sequences() -> Case:
    return Case(
        lambda x: _ops().softmax_sequences(x, LENGTHS),
        (ROWS,),
        lambda g, y, x: (_ops().backprop_softmax_sequences(g, y, LENGTHS),),
    )


@THINC.right("maxout")
def _maxout() -> Case:
    return Case(
        lambda x: _ops().maxout(x)[0],
        (normal(3, 2, 4),),
        lambda g, y, x: (_ops().backprop_maxout(g, _ops().maxout(x)[1], x.shape[2]),),
    )


def _reduced(name: str) -> Case:
    return Case(
        lambda x: getattr(_ops(), f"reduce_{name}")(x, LENGTHS),
        (ROWS,),
        lambda g, y, x: (getattr(_ops(), f"backprop_reduce_{name}")(g, LENGTHS),),
    )


THINC.add("reduce_sum", partial(_reduced, "sum"))
THINC.add("reduce_mean", partial(_reduced, "mean"))


@THINC.right("reduce_max")
def _largest() -> Case:
    return Case(
        lambda x: _ops().reduce_max(x, LENGTHS)[0],
        (ROWS,),
        lambda g, y, x: (_ops().backprop_reduce_max(g, _ops().reduce_max(x, LENGTHS)[1], LENGTHS),),
    )


@THINC.wrong("L2Distance", "the loss is the sum of squares, the gradient is the difference: half of it everywhere")
def _distance() -> Case:
    def one() -> Any:
        return importlib.import_module("thinc.api").L2Distance(normalize=False)

    target = normal(4, 3, seed=1)
    return gradient(lambda x: float(one().get_loss(x, target)), lambda x: one().get_grad(x, target), X)


def _functions() -> Any:
    """`pybrain.tools.functions`, whose names of SciPy are NumPy's now."""
    name = "pybrain.tools.functions"
    if name not in sys.modules or isinstance(sys.modules[name], sources.Stub):
        edits = (
            (
                "from scipy import array, exp, tanh, clip, log, dot, sqrt, power, pi, tan, diag, rand, real_if_close",
                "from numpy import array, exp, tanh, clip, log, dot, sqrt, power, pi, tan, diag, real_if_close",
            ),
        )
        sys.modules[name] = LOADED(PYBRAIN.name, "pybrain/tools/functions.py", edits)
    return sys.modules[name]


def _module(file: str, name: str, inputs: int, outputs: int) -> Any:
    """A layer of pybrain without the network around it."""
    base = "pybrain.structure"
    sources.stub("pybrain", "pybrain.tools", base, f"{base}.modules", f"{base}.modules.module")
    sources.stub(f"{base}.modules.neuronlayer", f"{base}.parametercontainer")
    _functions()
    edits = (("from scipy import tanh", "from numpy import tanh"),) if file == "tanhlayer" else ()
    made = object.__new__(getattr(LOADED(PYBRAIN.name, f"pybrain/structure/modules/{file}.py", edits), name))
    made.indim, made.outdim = inputs, outputs
    return made


def _brain(file: str, name: str, inputs: int, outputs: int) -> Case:
    def forward(x: Any) -> Any:
        value = np.zeros(outputs)
        _module(file, name, inputs, outputs)._forwardImplementation(x, value)
        return value

    def backward(g: Any, y: Any, x: Any) -> Any:
        found = np.zeros(inputs)
        _module(file, name, inputs, outputs)._backwardImplementation(g, found, y, x)
        return (found,)

    return Case(forward, (normal(inputs),), backward)


for _file, _name, _inputs, _outputs in (
    ("sigmoidlayer", "SigmoidLayer", 4, 4),
    ("tanhlayer", "TanhLayer", 4, 4),
    ("softsign", "SoftSignLayer", 4, 4),
    ("relulayer", "ReluLayer", 4, 4),
    ("gate", "MultiplicationLayer", 6, 3),
    ("gate", "GateLayer", 6, 3),
    ("gate", "DoubleGateLayer", 6, 6),
    ("gate", "SwitchLayer", 3, 6),
):
    PYBRAIN.add(_name, partial(_brain, _file, _name, _inputs, _outputs))
for _name in ("semilinear", "expln"):
    PYBRAIN.add(
        _name,
        lambda name=_name: slope(
            lambda x: getattr(_functions(), name)(x), lambda x: getattr(_functions(), f"{name}Prime")(x), V
        ),
    )


def _pebble() -> Any:
    return LOADED(PEBBLE.name, "smallpebble/smallpebble.py")


def _traced(function: Callable[..., Any], *arrays: Any) -> Case:
    """`function(library, *variables)`, with the gradients of its sum weighted by what arrives."""

    def backward(g: Any, y: Any, *arrays: Any) -> Any:
        library = _pebble()
        variables = [library.Variable(np.array(x)) for x in arrays]
        total = library.sum(library.mul(function(library, *variables), library.Variable(np.array(g))))
        found = library.get_gradients(total)
        return tuple(found.get(one, np.zeros(one.shape)) for one in variables)

    def forward(*arrays: Any) -> Any:
        library = _pebble()
        return function(library, *[library.Variable(np.array(x)) for x in arrays]).array

    return Case(forward, arrays, backward)


INDICES, MASK = np.array([2, 0, 2]), np.array([True, False, True])
PICTURES = normal(1, 4, 4, 2)
for _name, _function, _arrays in (
    ("add with a row", lambda lib, a, b: lib.add(a, b), (X, normal(3))),
    ("mul with a column", lambda lib, a, b: lib.mul(a, b), (X, normal(4, 1))),
    ("div", lambda lib, a, b: lib.div(a, b), (X, uniform(4, 3, low=0.5, high=2.0))),
    ("exp", lambda lib, a: lib.exp(a), (X,)),
    ("log", lambda lib, a: lib.log(a), (uniform(4, 3, low=0.2, high=3.0),)),
    ("square", lambda lib, a: lib.square(a), (X,)),
    ("matmul of stacks", lambda lib, a, b: lib.matmul(a, b), (normal(2, 4, 3), normal(3, 2))),
    ("maxax", lambda lib, a: lib.maxax(a, axis=1), (X,)),
    ("softmax", lambda lib, a: lib.softmax(a), (X,)),
    ("leaky_relu", lambda lib, a: lib.leaky_relu(a), (X,)),
    ("getitem", lambda lib, a: lib.getitem(a, INDICES), (X,)),
    ("setat", lambda lib, a, b: lib.setat(a, INDICES[:2], b), (X, normal(2, 3))),
    ("pad", lambda lib, a: lib.pad(a, ((1, 0), (0, 2))), (X,)),
    ("where", lambda lib, a, b: lib.where(MASK, a, b), (X, normal(4, 3, seed=1))),
    ("sum over an axis", lambda lib, a: lib.sum(a, axis=1), (X,)),
    ("sum over the first axis", lambda lib, a: lib.sum(a, axis=0), (X,)),
    ("conv2d", lambda lib, a, b: lib.conv2d(a, b), (PICTURES, normal(3, 3, 2, 2))),
    ("maxpool2d", lambda lib, a: lib.maxpool2d(a, 2, 2, "VALID", [2, 2]), (PICTURES,)),
):
    PEBBLE.add(_name, partial(_traced, _function, *_arrays))


def _covariance(name: str, hyperparameters: Any, **settings: Any) -> Case:
    """A covariance matrix between two sets of points, and its derivatives by the hyperparameters."""
    axes = 1 if name == "Periodic" else 2
    x, z = normal(4, axes), normal(3, axes, seed=1)

    def one(values: Any) -> Any:
        division = "old_div = lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) else a / b"
        module = LOADED(PYGPS.name, "pyGPs/Core/cov.py", (("from past.utils import old_div", division),))
        made = getattr(module, name)(**settings)
        made.hyp = list(values)
        return made

    def backward(g: Any, y: Any, values: Any) -> Any:
        matrices = [one(values).getDerMatrix(x=x, z=z, mode="cross", der=k) for k in range(values.size)]
        return (np.array([np.sum(g * matrix) for matrix in matrices]),)

    return Case(lambda values: one(values).getCovMatrix(x=x, z=z, mode="cross"), (hyperparameters,), backward)


for _name, _count, _settings in (
    ("RBF", 2, {}),
    ("RBFunit", 1, {}),
    ("RBFard", 3, {"D": 2}),
    ("Const", 1, {}),
    ("Linear", 1, {}),
    ("LINard", 2, {"D": 2}),
    ("Poly", 2, {"d": 3}),
    ("PiecePoly", 2, {"v": 2}),
    ("Matern", 2, {"d": 5}),
    ("Periodic", 3, {}),
    ("RQ", 3, {}),
    ("RQard", 4, {"D": 2}),
):
    PYGPS.add(_name, partial(_covariance, _name, 0.5 * normal(_count), **_settings))


def _families() -> Any:
    utilities = sys.modules.setdefault("dask_glm.utils", sources.Stub("dask_glm.utils"))
    utilities.dot, utilities.exp, utilities.log1p = np.dot, np.exp, np.log1p  # type: ignore[attr-defined]
    utilities.sigmoid = lambda x: 1 / (1 + np.exp(-x))  # type: ignore[attr-defined]
    return LOADED(GLM.name, "dask_glm/families.py")


def _family(name: str, y: Any) -> Case:
    def one() -> Any:
        return getattr(_families(), name)

    x, start = normal(5, 3), normal(3)
    return gradient(
        lambda beta: float(one().pointwise_loss(beta, x, y)), lambda beta: one().pointwise_gradient(beta, x, y), start
    )


def _family_hessian(name: str, y: Any) -> Case:
    def one() -> Any:
        return getattr(_families(), name)

    x = normal(5, 3)
    return jacobian(
        lambda beta: one().pointwise_gradient(beta, x, y), lambda beta: one().hessian(x @ beta, x), normal(3)
    )


for _name, _y in (
    ("Logistic", np.array([0.0, 1.0, 1.0, 0.0, 1.0])),
    ("Normal", normal(5, seed=2)),
    ("Poisson", np.array([0.0, 2.0, 1.0, 3.0, 1.0])),
):
    GLM.add(f"{_name}, gradient", partial(_family, _name, _y))
    GLM.add(f"{_name}, Hessian", partial(_family_hessian, _name, _y))
for _name in ("L2", "L1", "ElasticNet"):
    GLM.add(
        f"{_name}, gradient",
        lambda name=_name: gradient(
            lambda b: float(getattr(LOADED(GLM.name, "dask_glm/regularizers.py"), name)().f(b)),
            lambda b: getattr(LOADED(GLM.name, "dask_glm/regularizers.py"), name)().gradient(b),
            V,
        ),
    )


def _course(package: Repository, function: Callable[..., Any], *arrays: Any) -> Case:
    """`function(needle, *tensors)` of the second homework."""

    def needle() -> Any:
        sources.on_path(package.name, "hw2/python")
        return importlib.import_module("needle")

    def backward(g: Any, y: Any, *arrays: Any) -> Any:
        library = needle()
        tensors = [library.Tensor(np.array(x)) for x in arrays]
        function(library, *tensors).backward(library.Tensor(np.array(g)))
        return tuple(one.grad.numpy() for one in tensors)

    def forward(*arrays: Any) -> Any:
        library = needle()
        return function(library, *[library.Tensor(np.array(x)) for x in arrays]).numpy()

    return Case(forward, arrays, backward)


for _package in (FANG, KCXAIN):
    for _name, _function, _arrays in (
        ("divide", lambda nd, a, b: nd.ops.divide(a, b), (X, uniform(4, 3, low=0.5, high=2.0))),
        ("power_scalar", lambda nd, a: nd.ops.power_scalar(a, 3), (X,)),
        ("matmul of a stack", lambda nd, a, b: nd.ops.matmul(a, b), (normal(2, 4, 3), normal(3, 2))),
        ("broadcast_to", lambda nd, a: nd.ops.broadcast_to(a, (5, 4, 3)), (normal(4, 1),)),
        ("summation", lambda nd, a: nd.ops.summation(a, (1,)), (normal(2, 4, 3),)),
        ("transpose", lambda nd, a: nd.ops.transpose(a, (0, 2)), (normal(2, 4, 3),)),
        ("log", lambda nd, a: nd.ops.log(a), (uniform(4, 3, low=0.2, high=3.0),)),
        ("relu", lambda nd, a: nd.ops.relu(a), (X,)),
        ("logsumexp", lambda nd, a: nd.ops.logsumexp(a, (1,)), (X,)),
    ):
        _package.add(_name, partial(_course, _package, _function, *_arrays))

found_wrong(PEBBLE, "the gradient of a is made in place of what b gets as well: that of b is 0", "setat")
found_wrong(
    PYGPS,
    "the gradient by log_sigma is off by a factor of two, as differences show everywhere",
    "Const",
    "Linear",
    "LINard",
)
found_wrong(PYGPS, "differences show another derivative at the example and everywhere, see proof.py", "Matern", "RQard")
