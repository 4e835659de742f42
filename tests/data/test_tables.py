"""Tables of words, dates, nullable numbers and gaps: what becomes of them, and where what cannot be read stands."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

from flowgraph.data.preparation import Column, Preparation, days, read_table, table_of, without_missing
from flowgraph.errors import DataError

CSV = """size,color,born,kind
1.5,red,2020-01-01,a
,blue,2020-01-03,b
2.5,NA,2020-01-02T12:00,a
4,red,,b
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(CSV)
    return path


def frames():
    """The table of the file as frames: of pandas with nullable columns and categories, of polars and pyarrow if any."""
    born = [datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 3), datetime.datetime(2020, 1, 2, 12), None]
    cells = {"size": [1.5, None, 2.5, 4.0], "color": ["red", "blue", None, "red"], "born": born, "kind": list("abab")}
    yield "pandas", lambda: pd.DataFrame({
        "size": pd.array(cells["size"], dtype="Float64"), "color": pd.Categorical(cells["color"]),
        "born": pd.Series(pd.DatetimeIndex(born)), "kind": pd.array(cells["kind"], dtype="string"),
    })  # fmt: skip
    yield "pandas of NumPy", lambda: pd.DataFrame(cells)
    yield "polars", lambda: pytest.importorskip("polars").DataFrame(cells)
    yield "pyarrow", lambda: pytest.importorskip("pyarrow").table(cells)


FRAMES = dict(frames())
NAMES = ["size", "color", "born"]


@pytest.mark.parametrize("source", ["csv", *FRAMES])
def test_one_table_in_every_form(source, path):
    """By hand: words to columns, dates to days, gaps to the statistics of the rows that are given for it."""
    table = read_table(path) if source == "csv" else table_of(FRAMES[source]())
    preparation = Preparation.fit(table, NAMES, rows=[0, 2, 3], one_hot=True, impute="mean")
    assert preparation.names == ("size", "color=blue", "color=red", "born")
    first = (datetime.date(2020, 1, 1) - datetime.date(1970, 1, 1)).days
    np.testing.assert_allclose(preparation.numbers_of(table), [
        [1.5, 0, 1, first], [8 / 3, 1, 0, first + 2], [2.5, 0, 1, first + 1.5], [4, 0, 1, first + 0.75],
    ])  # fmt: skip
    again = Preparation.from_dict(json.loads(json.dumps(preparation.as_dict())))
    assert again == preparation
    median = Preparation.fit(table, NAMES, rows=[0, 2, 3], one_hot=True, impute="median")
    assert median.numbers_of(table)[1, 0] == 2.5
    assert len(without_missing(table, NAMES)) == 1


def test_a_parquet_file_is_the_frame_in_it(tmp_path):
    polars = pytest.importorskip("polars")
    FRAMES["polars"]().write_parquet(tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet")
    assert list(table.cells) == ["size", "color", "born", "kind"]
    assert polars.DataFrame(dict(table.cells)).equals(FRAMES["polars"]())
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"bad.parquet: no Parquet file"):
        read_table(tmp_path / "bad.parquet")


def test_a_column_is_read_as_it_was_in_training(tmp_path):
    """Words that look like numbers stay words; the fitted values fill in new rows."""
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("code,size\n1,1\nx,3\n")
    new.write_text("size,other,code\n,7,1\n5,7,1\n")
    table = read_table(old)
    preparation = Preparation.fit(table, ["code", "size"], rows=[0, 1], one_hot=True, impute="mean")
    np.testing.assert_array_equal(preparation.numbers_of(read_table(new)), [[1, 0, 2], [1, 0, 5]])


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "a,b\n1,2\nred,3\n",
            {},
            r"line 3, column 'a': found 'red', needs a number or a date .*one_hot=True",
        ),
        (
            "a,b\n1,2\n,3\n",
            {},
            r"line 3, column 'a': found no value, needs a finite number; drop_missing=True .*impute=\.\.\.",
        ),
        ("a,b\n1,2\ninf,3\n", {}, r"line 3, column 'a': found 'inf', needs a number"),
        ("a,b\n,2\n,3\n", {"impute": "mean"}, r"found no value in the column 'a'; drop=\('a',\) leaves it out"),
        ("a,c\n1,2\n1,3\n", {}, r"found no column 'b'; its columns are a, c"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(text, settings, message, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    table = read_table(tmp_path / "t.csv")
    with pytest.raises(DataError, match=message):
        Preparation.fit(table, ["a", "b"], rows=[0, 1], **settings).numbers_of(table)


def test_new_words_and_gaps_are_refused_with_their_place():
    table = table_of(pd.DataFrame({"w": ["a", "b"], "n": [1.0, 2.0]}))
    preparation = Preparation.fit(table, ["w", "n"], rows=[0, 1], one_hot=True)
    with pytest.raises(DataError, match=r"row 1, column 'w': found 'c', needs one of the words of the training table"):
        preparation.numbers_of(table_of(pd.DataFrame({"w": ["a", "c"], "n": [1.0, 2.0]})))
    with pytest.raises(DataError, match=r"row 0, column 'n': found no value"):
        preparation.numbers_of(table_of(pd.DataFrame({"w": ["a", "b"], "n": [None, 2.0]})))
    with pytest.raises(DataError, match="found a missing value in every one of 2 rows"):
        without_missing(table_of(pd.DataFrame({"w": ["a", None], "n": [None, 2.0]})), ["w", "n"])


def test_times_count_from_1970_in_their_zone():
    assert days("1970-01-02") == 1
    assert days(datetime.date(1970, 1, 2)) == 1
    zone = datetime.timezone(datetime.timedelta(hours=6))
    assert days(datetime.datetime(1970, 1, 2, tzinfo=zone)) == 0.75
    assert days("yesterday") is days(3.0) is None


@pytest.mark.parametrize(
    "record",
    [
        None, [], {"columns": []}, {"columns": [3]}, {"columns": [{"name": "a"}]},
        {"columns": [{"name": "a", "kind": "code", "words": [], "fill": None}]},
        {"columns": [{"name": "a", "kind": "number", "words": [], "fill": "x"}]},
        {"columns": [{"name": "a", "kind": "text", "words": [1], "fill": None}]},
    ],
)  # fmt: skip
def test_a_record_that_is_none_is_refused(record):
    with pytest.raises(ValueError, match="preparation"):
        Preparation.from_dict(record)


def test_columns_of_numbers_need_no_fitting():
    table = table_of(pd.DataFrame({"b": [True, False], "a": [1, 2]}))
    np.testing.assert_array_equal(Preparation.of_numbers(["a", "b"]).numbers_of(table), [[1, 1], [2, 0]])
    assert Column("a", "number").names == ["a"]
