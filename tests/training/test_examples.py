"""What is given as examples, and what is refused."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DataError, DtypeError, FeedError, ShapeError
from flowgraph.training.examples import read_examples
from flowgraph.training.objective import mlp_problem

PROBLEM = mlp_problem(fg.MLP([2, 2], rng=0), np.array([0, 1]))
X, Y = np.zeros((4, 2)), np.array([0, 1, 0, 1])


def test_arrays_take_the_dtype_of_the_input_once():
    problem = mlp_problem(fg.MLP([2, 2], rng=0, dtype=np.float32), Y)
    assert {array.dtype.kind + str(array.itemsize) for array in read_examples(problem, (X, Y)).arrays.values()} == {
        "f4", "i8"
    }  # fmt: skip


def test_parts_and_batches():
    examples = read_examples(PROBLEM, (np.arange(8.0).reshape(4, 2), Y))
    x = PROBLEM.graph["x"]
    assert [count for count, _ in examples.parts(3)] == [3, 1]
    assert examples.take(np.array([3, 0]))[x].tolist() == [[6, 7], [0, 1]]


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ((X, Y[:3]), FeedError, r"found 4 in 'x', 3 in 'y' in the train data; needs the same number of examples"),
        ((X[:0], Y[:0]), FeedError, r"found 0 in 'x', 0 in 'y' in the train data; needs .* 1 or more"),
        ({"x": X}, FeedError, r"found x in the train data, needs y"),
        (
            {"x": X, "y": Y, "layer1/b": np.zeros(2)},
            FeedError,
            r"found Parameter 'layer1/b' in the train data, which is no",
        ),
        (X, FeedError, r"found ndarray as the train data, needs a dict of inputs to arrays, .* or a pair \(X, y\)"),
        ((X, Y.astype(float)), FeedError, r"found floats for the labels 'y', needs whole numbers .* y.astype\(int\)"),
        ((X, np.array(list("abab"))), FeedError, r"values such as \['a'\] for 'y', needs numbers; .*return_inverse"),
        ((np.zeros((4, 3)), Y), ShapeError, r"x: found the shape \(4, 3\), needs \(N, 2\)"),
        ((np.zeros(4), Y), ShapeError, r"x: found the shape \(4,\), needs \(N, 2\)"),
        ((X.astype(complex), Y), DtypeError, r"x: found dtype complex128, needs float64"),
    ],
)
def test_what_it_refuses(data, error, text):
    with pytest.raises(error, match=text):
        read_examples(PROBLEM, data)


def test_an_objective_without_inputs_takes_no_examples():
    problem = fg.Problem(fg.Parameter(1.0, name="w") ** 2)
    with pytest.raises(FeedError, match=r"found nothing in the train data, needs an objective with an input"):
        read_examples(problem, {})


def test_rows_of_other_lengths_are_named():
    for data, found in [
        (([[1.0, 2.0], [3.0]], [0, 1]), r"fit: 'x': found 1 values in row 1, but 2 in row 0; needs as many in each"),
        ({"x": [[1.0, 2.0], [3.0]], "y": [0, 1]}, r"'x': found 1 values in row 1"),
        ((X, [[1.0, 0.0]] * 3 + [[1.0]]), r"'y': found 1 values in row 3, but 2 in row 0"),
    ]:
        with pytest.raises(DataError, match=found):
            fg.fit(fg.MLP([2, 2], rng=0), data, epochs=1, progress=False)


@pytest.mark.parametrize(
    ("values", "dtype", "advice"),
    [
        (np.array([[1.5, 2]], object), float, r"np.asarray\(x, float\)"),
        (np.array([["1.5", "2"]]), float, r"np.asarray\(x, float\)"),
        (np.array([["red", "2"]]), float, "flowgraph.data.preparation"),
        (np.array([["red", "blue"]]), int, r"np.unique\(x, return_inverse=True\)"),
        (np.array([["1", "2"]]), int, r"np.asarray\(x, int\)"),
        (np.array([[1, None]], object), float, r"np.asarray\(x, float\)"),
    ],
)
def test_the_advice_for_values_that_are_no_numbers_can_be_followed(values, dtype, advice):
    x, p = fg.Input("x", shape=("N", 2), dtype=dtype), fg.Parameter(1.0, name="p")
    with pytest.raises(FeedError, match=advice):
        fg.fit(fg.mean(x * p), {"x": values}, epochs=1, progress=False, checks=False)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_list_of_batches_is_no_training_and_validation_data(count):
    """Of a list of two pairs one would be trained on, and the other one be taken for validation data."""
    X, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    batches = [(X, y)] * count
    mlp, settings = fg.MLP([2, 2], rng=0), {"epochs": 1, "progress": False, "checks": False}
    with pytest.raises(FeedError, match=r"lambda: iter\(batches\).* as a tuple, \(train, valid\)"):
        fg.fit(mlp, batches, **settings)
    assert fg.fit(mlp, lambda: iter(batches), **settings).best.updates == count
    assert fg.fit(mlp, ((X, y), (X, y)), **settings).best.valid_loss is not None
