"""What fg.scan refuses, and what it says."""

import numpy as np
import pytest

import flowgraph as fg

X = fg.Input("x", shape=("T", 2))


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (
            lambda: fg.scan(lambda c, e: (c[0], None), np.zeros(2), X),
            fg.ShapeError,
            r"makes of carry \(2,\) float64 one",
        ),
        (
            lambda: fg.scan(lambda c, e: (c + e, None), np.zeros(2, "f4"), X),
            TypeError,
            "give the first carry with dtype",
        ),
        (lambda: fg.scan(lambda c, e: (c + 0.5, None), 0, X), TypeError, "'float64'"),
        (lambda: fg.scan(lambda c, e: c + e, np.zeros(2), X), TypeError, "returned a Add, needs a tuple of two"),
        (lambda: fg.scan(lambda c, e: ((c, c), None), np.zeros(2), X), TypeError, "a carry of 2 arrays, needs 1"),
        (lambda: fg.scan(lambda c, e: (c, "text"), np.zeros(2), X), TypeError, "needs boxes"),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2)), TypeError, "no inputs and no length="),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2), ()), TypeError, "no inputs and no length="),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, 1.0), fg.ShapeError, "without axes"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, (np.ones(2), np.ones(3))), fg.ShapeError, "2, 3 steps"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, np.ones(2), length=3), fg.ShapeError, "3, 2 steps"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length=-1), TypeError, "length=-1"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length="N"), TypeError, "length='N'"),
        (lambda: fg.scan(lambda c, e: (c, None), np.zeros(2), X, checkpoint=2), TypeError, "inputs of a named size"),
        (lambda: fg.scan(lambda c, e: (c, None), 0.0, length=3, checkpoint=0), TypeError, "checkpoint=0"),
        (lambda: fg.scan(3, 0.0, length=3), TypeError, "found a int as the body"),
        (lambda: fg.scan(lambda c, e: (c, None), "zero", length=3), TypeError, "in carry"),
        (lambda: fg.scan(lambda c, e: (c if c > 0 else -c, None), 0.5, length=3), TypeError, "value"),
    ],
)
def test_what_is_wrong_is_said_on_the_line_of_the_user(build, error, text):
    with pytest.raises(error, match=text) as caught:
        build()
    assert isinstance(caught.value, fg.FlowgraphError)


def test_lengths_that_differ_in_a_run_are_refused():
    x, y = fg.Input("x", shape=("T",)), fg.Input("y", shape=("T",))
    last, _ = fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (x, y))
    with pytest.raises(fg.ShapeError):
        fg.Graph(last).fprop(x=[1.0], y=[1.0, 2.0])
    some = np.nonzero(x)[0].astype(float)  # as many as a run finds
    last, _ = fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (some, y))
    assert float(fg.Graph(last).fprop(x=[1.0, 1.0], y=[1.0, 2.0])) == 2
    for run in (fg.Graph(last).fprop, fg.compile(last)):
        with pytest.raises(fg.ShapeError, match="inputs of 1 and of 2 steps"):
            run(x=[1.0, 0.0], y=[1.0, 2.0])
    z = fg.Input("z", shape=("S",))
    with pytest.raises(fg.ShapeError, match="T, S steps"):
        fg.scan(lambda c, e: (c + e[0] * e[1], None), 0.0, (x, z))
