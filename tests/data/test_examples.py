"""Examples and files of them: what is read, and what is refused with its row and column."""

import re

import numpy as np
import pytest

from flowgraph import data
from flowgraph.data import Examples, load_csv, load_examples, load_npz
from flowgraph.errors import DataError, MissingPathError, install_hint

GOOD = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]


@pytest.fixture
def csv_of(tmp_path):
    def write(text):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_examples_unpack_and_are_read_only():
    examples = Examples(GOOD, [0, 1, 1], ("a", "b"), ("no", "yes"))
    x, y = examples
    assert (x.shape, y.dtype, len(examples), examples.outputs) == ((3, 2), np.int64, 3, 2)
    with pytest.raises(ValueError, match=r"read-only"):
        x[0, 0] = 1


def test_examples_are_a_copy():
    x = np.array(GOOD)
    examples = Examples(x, [0.5, 1.5, 2.5])
    x[:] = 7
    assert examples.x.tolist() == GOOD
    assert (examples.outputs, examples.y.tolist()) == (1, [0.5, 1.5, 2.5])


@pytest.mark.parametrize(
    ("x", "y", "settings", "text"),
    [
        ([[1.0, np.nan], [np.inf, 1.0]], [0, 1], {"columns": ("a", "b")}, r"found nan in row 0, column 'b' \(2 such"),
        ([[1.0, 2.0], [3.0]], [0, 1], {}, "found 1 values in row 1, but 2 in row 0; needs as many in each"),
        ([["a"], ["b"]], [0, 1], {}, "found inputs of dtype <U1, needs numbers"),
        ([1.0, 2.0], [0, 1], {}, r"found inputs of shape \(2,\), needs \(examples, columns\); one column is x"),
        (np.zeros((0, 3)), [], {}, "found 0 examples of 3 columns, needs 1 or more of both"),
        (GOOD, [0, 1], {}, r"found targets of shape \(2,\) for 3 examples, needs \(3,\)"),
        (GOOD, [0, np.nan, 1], {}, "found the target nan in row 1, needs finite numbers"),
        (
            GOOD,
            [0, 2, -1],
            {"classes": ("a", "b")},
            r"found the label 2 in row 1 \(2 such labels in all\), needs whole",
        ),
        (GOOD, [0, 0.5, 1], {"classes": ("a", "b")}, r"found the label 0.5 in row 1 .*, needs whole numbers 0 to 1"),
        (GOOD, ["a", "b", "c"], {}, "found targets of dtype <U1, needs labels 0, 1, ... or numbers"),
        (GOOD, [0, 1, 0], {"columns": ("a",)}, "found 1 names of columns, but inputs have 2 columns"),
    ],
)
def test_bad_examples_are_refused(x, y, settings, text):
    with pytest.raises(DataError, match="flowers: " + text):
        Examples(x, y, name="flowers", **settings)


def test_outputs_and_classes_that_do_not_fit():
    examples = Examples(GOOD, [0, 2, 2], classes=("a", "b", "c"), name="flowers")
    with pytest.raises(DataError, match=r"found 3 classes \(a, b, c\), but the network has 4 outputs; give"):
        examples.check_outputs(4)
    with pytest.raises(DataError, match=r"found no example of class b, so that its output would learn nothing"):
        examples.check_outputs(3)


def test_the_fingerprint_sees_every_number():
    one, same, other = (Examples(GOOD, y, classes=("a", "b")) for y in ([0, 1, 1], [0, 1, 1], [1, 1, 1]))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_csv(csv_of):
    path = csv_of('\ufeff a ;kind;b\r\n1;"x;y";2\r\n\r\n3;z;4.5\r\n')
    examples = load_csv(path, "kind")
    assert (examples.columns, examples.classes) == (("a", "b"), ("x;y", "z"))
    assert (examples.x.tolist(), examples.y.tolist()) == ([[1, 2], [3, 4.5]], [0, 1])


def test_signs_that_some_take_for_the_end_of_a_line(csv_of):
    assert load_csv(csv_of("a,kind\n1,x\u2028y\n2,'z\x0c'\n"), "kind").classes == ("'z\x0c'", "x\u2028y")


def test_whole_numbers_are_classes_and_others_are_not(csv_of):
    assert load_csv(csv_of("a,t\n1,10\n2,2\n3,10\n"), "t").classes == ("2", "10")
    assert load_csv(csv_of("a,t\n1,10\n2,2\n3,10\n"), "t", kind="numbers").y.tolist() == [10, 2, 10]
    assert load_csv(csv_of("a,t\n1,0.5\n2,2\n3,10\n"), "t").classes == ()
    assert load_csv(csv_of("a,t\n1,0.5\n2,2\n3,2\n"), "t", kind="classes").classes == ("0.5", "2")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b,t\n1,2,x\n1,oops,y\n", "line 3, column 'b': found 'oops', needs a finite number"),
        ("a,b,t\n1,,x\n1,2,y\n", "line 2, column 'b': found no value, needs a finite number; leave the row out"),
        ("a,b,t\n1,2,x\n1,nan,y\n", "line 3, column 'b': found no value"),
        ("a,b,t\n1,2,x\n-inf,3,y\n", "line 3, column 'a': found '-inf'"),
        ("a,b,t\n1,2,x\n1,2\n", "line 3: found 2 values, but there are 3 columns"),
        ("a,b,t\n1,2,x\n1,2,\n", "line 3, column 't': found no value, needs a target"),
        ("a,b,c\n1,2,x\n", "found no column 't'; its columns are a, b, c"),
        ("a,a,t\n1,2,x\n", "found two columns called 'a'"),
        ("t\nx\ny\n", "found only the target 't'"),
        ("a,b,t\n", "found 1 lines, needs a line of column names and examples below it"),
        ("", "found 0 lines"),
        ("a,t\n1,x\n2,x\n", "column 't': found one class, 'x', needs two or more"),
        (b"a,t\n\xff,1\n", "byte 4 is no UTF-8"),
        ('a,t\n"1,x\n', "line 2: unexpected end of data"),
        (
            "a,t\n" + "".join(f"{i},{i}\n" for i in range(30)),
            "column 't': found 30 different values in 30 rows; say",
        ),
    ],
)
def test_bad_csv_is_refused(csv_of, text, found):
    with pytest.raises(DataError, match=f"table.csv: {found}"):
        load_csv(csv_of(text), "t")


def test_words_as_numbers_are_refused(csv_of):
    with pytest.raises(DataError, match=r"column 't': found 'x', needs numbers; kind='classes' takes words"):
        load_csv(csv_of("a,t\n1,2\n1,x\n"), "t", kind="numbers")


def test_npz(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, X=np.arange(12.0).reshape(3, 2, 2), label=[3, 1, 3], weight=[1, 2, 3])
    examples = load_npz(path, "label", inputs="X")
    assert (examples.x.shape, examples.y.tolist(), examples.classes) == ((3, 4), [1, 0, 1], ("1", "3"))
    with pytest.raises(DataError, match=r"found the arrays X, weight beside 'label', needs inputs="):
        load_npz(path, "label")
    with pytest.raises(DataError, match=r"found no array 'labels'; its arrays are X, label, weight"):
        load_npz(path, "labels")


def test_npz_with_code_is_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([[1], [2]], object), y=[0, 1])
    with pytest.raises(DataError, match=r"no .npz file of plain arrays"):
        load_npz(path, "y")
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"no .npz file of plain arrays"):
        load_npz(path, "y")


def test_npz_with_nan_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", X=[[1.0, 2.0], [3.0, np.nan]], y=[0, 1])
    with pytest.raises(DataError, match=r"a.npz: found nan in row 1, column 1"):
        load_examples(str(tmp_path / "a.npz"), "y")


def test_sources_by_name(csv_of):
    assert len(load_examples("iris")) == 150
    assert len(load_examples("moons")) == 300
    assert load_examples(str(csv_of("a,t\n1,x\n2,y\n")), "t").classes == ("x", "y")
    with pytest.raises(DataError, match=r"found no target, needs the name of the column to predict"):
        load_examples(str(csv_of("a,t\n1,x\n2,y\n")))
    with pytest.raises(MissingPathError, match=r"nowhere.csv: there is no such file in "):
        load_examples("nowhere.csv")
    with pytest.raises(DataError, match=r"that have a name are breast_cancer, circles, digits, iris, mnist"):
        load_examples("flowers")
    with pytest.raises(DataError, match=r"found kind='label', needs one of auto, classes, numbers"):
        load_examples("iris", kind="label")


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 64), 10), ("iris", (150, 4), 3), ("wine", (178, 13), 3), ("breast_cancer", (569, 30), 2),
        ("mnist", (5000, 784), 10),
    ],
)  # fmt: skip
def test_bundled_sets(name, shape, classes):
    examples = data.BUNDLED[name]()
    assert examples.x.shape == shape
    assert len(examples.classes) == classes
    examples.check_outputs(classes)


def test_a_bundled_set_without_its_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=re.escape(f"need sklearn; run: {install_hint('data')}")):
        data.iris()


@pytest.mark.parametrize("toy", [data.spirals, data.moons, data.circles])
def test_toys_are_balanced_and_fixed_by_the_seed(toy):
    one, same, other = toy(101, seed=3), toy(101, seed=3), toy(101, seed=4)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert sorted(np.bincount(one.y)) == [50, 51]
    with pytest.raises(DataError, match=f"{toy.__name__}: found count=1, classes=2"):
        toy(1)


def test_toys_without_noise_lie_on_their_curves():
    x, y = data.circles(50, factor=0.3, noise=0)
    np.testing.assert_allclose(np.hypot(*x.T), np.where(y == 0, 1, 0.3))
    x, y = data.moons(50, noise=0)
    np.testing.assert_allclose(np.hypot(x[:, 0] - y, x[:, 1] - 0.5 * y), 1)
    x, y = data.spirals(90, classes=3, turns=0.5, noise=0)
    angle = np.arctan2(x[:, 1], x[:, 0]) - 2 * np.pi * (0.5 * np.hypot(*x.T) + y / 3)
    np.testing.assert_allclose(np.cos(angle), 1)
