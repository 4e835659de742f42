"""Splits, standardisation by the training examples, and a test set that opens once."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.data import Examples, Standardiser, TestSet, iris, moons, split
from flowgraph.errors import DataError, TestSetError


def numbered(count, classes=2):
    """Examples whose only column is their number."""
    return Examples(np.arange(count)[:, None], np.arange(count) % classes, (), tuple("abcdefg"[:classes]), "toy")


@given(st.integers(3, 60), st.floats(0.05, 0.5), st.floats(0.05, 0.5), st.integers(0, 5), st.booleans())
def test_parts_are_disjoint_and_whole(count, valid, test, seed, stratify):
    examples = numbered(count)
    try:
        parts = split(examples, valid=valid, test=test, seed=seed, stratify=stratify)
    except DataError:
        return
    rows = [part.x[:, 0].tolist() for part in (parts.train, parts.valid, parts.test.open())]
    assert sorted(row for part in rows for row in part) == list(range(count))
    assert (len(rows[1]), len(rows[2])) == (round(valid * count), round(test * count))


def test_the_seed_fixes_the_split():
    one, same, other = (split(numbered(30), seed=seed).train.x[:, 0].tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert one != sorted(one)


def test_stratified_parts_have_the_proportions_of_the_whole():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    parts = split(Examples(rng.normal(size=(100, 2)), y, (), ("a", "b", "c")), stratify=True, valid=0.2, test=0.1)
    counts = [np.bincount(part.y).tolist() for part in (parts.train, parts.valid, parts.test.open())]
    assert counts == [[42, 21, 7], [12, 6, 2], [6, 3, 1]]
    assert np.any(np.diff(parts.train.y) < 0), "the classes stand one after the other"


def test_numbers_of_examples():
    parts = split(numbered(10), valid=3, test=2)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (5, 3, 2)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"valid": 0}, "found valid=0, needs a share between 0 and 1 or a number of examples"),
        ({"test": 1.5}, "found test=1.5, needs a share"),
        ({"test": True}, "found test=True, needs a share"),
        ({"valid": 0.01}, "found 10 examples, of which 0 would be left to valid with valid=0.01 and test=0.2"),
        ({"valid": 6, "test": 4}, "of which 0 would be left to train"),
        ({"valid": 0.9, "test": 0.9}, "of which 0 would be left to train"),
    ],
)
def test_splits_that_leave_nothing(settings, text):
    with pytest.raises(DataError, match=text):
        split(numbered(10), **settings)


def test_a_class_that_training_would_not_see():
    rare = Examples(np.zeros((10, 1)), [0] * 9 + [1], (), ("common", "rare"))
    seed = next(seed for seed in range(30) if np.random.default_rng(seed).permutation(10)[-1] == 9)
    with pytest.raises(DataError, match=r"found no example of class rare"):
        split(rare, valid=0.4, test=0.4, seed=seed)
    assert 1 in split(rare, valid=0.2, test=0.2, seed=seed, stratify=True).train.y
    with pytest.raises(DataError, match=r"found 1 example\(s\) of class rare, none of which is left to train on"):
        split(rare, valid=0.1, test=0.8, seed=seed, stratify=True)
    with pytest.raises(DataError, match=r"found stratify=True for targets that are numbers"):
        split(Examples(np.zeros((10, 1)), np.arange(10.0)), stratify=True)


def test_standardisation_knows_the_training_examples_alone():
    examples = Examples(np.random.default_rng(0).normal(5, 3, (50, 2)), np.arange(50) % 2, (), ("a", "b"))
    parts = split(examples, seed=1)
    moved, standardise = parts.standardised()
    np.testing.assert_allclose(moved.train.x.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(moved.train.x.std(0), 1)
    np.testing.assert_allclose(moved.valid.x, (parts.valid.x - parts.train.x.mean(0)) / parts.train.x.std(0))
    np.testing.assert_allclose(moved.test.open().x * standardise.scale + standardise.mean, parts.test._examples.x)


def test_a_column_that_never_changes_is_only_centred():
    assert Standardiser.of(np.full((4, 1), 0.1))([[0.1], [1.1]]).round(9).tolist() == [[0], [1]]


@given(
    st.lists(st.integers(-9, 9), min_size=2, max_size=20), st.integers(-(2**40), 2**40), st.sampled_from([1, 2**-60])
)
def test_where_the_numbers_of_a_column_begin_is_nothing_to_standardisation(column, offset, unit):
    column = np.array(column)[:, None] * 1.0
    moved = (column + offset) * unit  # exact
    np.testing.assert_allclose(Standardiser.of(moved)(moved), Standardiser.of(column)(column), atol=1e-2)


def test_standardisation_as_boxes():
    standardise = Standardiser.of(iris().x)
    x = fg.Input("x", shape=("N", 4))
    run = fg.Graph(standardise(x)).fprop(x=iris().x)
    assert np.array_equal(run.outputs[0], standardise(iris().x))


def test_a_test_set_opens_once():
    parts = split(numbered(10))
    assert "not opened" in repr(parts.test)
    parts.test.open()
    assert "opened at test_splitting.py:" in repr(parts.test)
    with pytest.raises(TestSetError, match=r"opened before, at test_splitting.py:\d+; a second look"):
        parts.test.open()


def test_no_way_round_a_test_set():
    parts = split(moons(20))
    moved, _ = parts.standardised()
    copies = [parts.test, copy.copy(parts.test), copy.deepcopy(parts.test)]
    moved.test.open()
    for test in copies:
        with pytest.raises(TestSetError, match=r"opened before"):
            test.open()
    with pytest.raises(TestSetError, match=r"found a pickle of it"):
        pickle.dumps(split(moons(20)).test)
    with pytest.raises(TypeError):
        iter(parts.test)


OPEN = """
import sys
from flowgraph.data import moons, split
split(moons(20)).recorded(sys.argv[1]).test.open()
"""


def test_a_record_is_kept_for_other_processes(tmp_path):
    record = tmp_path / "test_opened.json"
    subprocess.run([sys.executable, "-c", OPEN, record], check=True)
    second = subprocess.run([sys.executable, "-c", OPEN, record], check=False, capture_output=True, text=True)
    assert second.returncode == 1
    assert "TestSetError: test set: it was opened before, at <string>:4" in second.stderr
    assert TestSet(moons(20), record).opened == "<string>:4"


def test_a_record_that_was_damaged_still_says_opened(tmp_path):
    record = tmp_path / "test_opened.json"
    record.write_text("")
    with pytest.raises(TestSetError, match=r"opened before, at a time that .*test_opened.json keeps"):
        TestSet(moons(20), record).open()


def test_the_same_model_may_be_tested_again(tmp_path):
    record = tmp_path / "test_opened.json"
    TestSet(moons(20), record).open("a1b2")
    again = TestSet(moons(20), record)
    assert len(again.open("a1b2")) == len(again.open("a1b2")) == 20
    for other in ("c3d4", None):
        with pytest.raises(TestSetError, match="opened before"):
            again.open(other)
