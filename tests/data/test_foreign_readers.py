"""Files of data that are damaged at any byte, or hold what no table holds: read, or refused in one line."""

import csv
import io
import itertools
import time
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from flowgraph.data import load_csv, load_inputs, load_npz
from flowgraph.data.preparation import read_table
from flowgraph.errors import DataError, FlowgraphError
from flowgraph.saving.limits import reading_foreign


@contextmanager
def in_one_line():
    """Nothing is raised but a refusal of one line."""
    try:
        yield
    except FlowgraphError as error:
        text = str(error)
        assert "\n" not in text, text
        assert len(text) <= 1000, text


def packed(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def parquet():
    polars = pytest.importorskip("polars")
    file = io.BytesIO()
    polars.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}).write_parquet(file)
    return file.getvalue()


READERS = {
    "npz": (lambda path: load_npz(path, "y"), lambda: packed(X=np.eye(3), y=np.array([0, 1, 1]))),
    "csv": (lambda path: load_csv(path, "y"), lambda: b"a,b,y\n1,2,0\n3,4,1\n"),
    "parquet": (read_table, parquet),
}
HEADERS = ("{", "", "[]", "{'descr': '<f8'}", "{'descr': 'O', 'fortran_order': False, 'shape': (3,)}",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", "(" * 300,
           "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}")  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_of_an_array_that_says_nonsense_is_refused_in_one_line(header, tmp_path):
    text = f"{header}\n".encode()
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("X.npy", "y.npy"):
            archive.writestr(name, array)
    with in_one_line(), pytest.raises(DataError, match=r"no \.npz file"):
        load_npz(tmp_path / "a.npz", "y")
    with in_one_line():
        load_npz(tmp_path / "a.npz", "y")


DTYPES = ("?", "i1", "u8", "f2", "f4", "f8", "c16", "S3", "U3", "M8[D]", "m8[s]", "i4,f8", "V3", ">f8", ">i4")
SHAPES = ((), (0,), (3,), (3, 1), (3, 2), (3, 2, 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_dtype_and_shape_are_examples_or_refused_in_one_line(dtype, tmp_path):
    for shape, wrong, kind in itertools.product(SHAPES, ("X", "y"), ("auto", "classes", "numbers")):
        arrays = {"X": np.eye(3), "y": np.array([0, 1, 1])} | {wrong: np.zeros(shape, dtype)}
        np.savez(tmp_path / "a.npz", **arrays)
        with in_one_line():
            load_npz(tmp_path / "a.npz", "y", kind=kind)


class Strange(BaseException):
    """What no list of exceptions has."""


@pytest.mark.parametrize("raised", [Strange("a\nb"), SystemExit(0), MemoryError(), OSError(22, "Invalid"), KeyError()])
def test_whatever_a_reader_raises_is_one_line(raised):
    with pytest.raises(DataError) as caught, reading_foreign("file.x: damaged", DataError):
        raise raised
    assert str(caught.value).startswith("file.x: damaged (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), FileNotFoundError(), PermissionError(), DataError("said")])
def test_an_interrupt_a_missing_file_and_a_refusal_pass(raised):
    with pytest.raises(type(raised)) as caught, reading_foreign("file.x: damaged", DataError):
        raise raised
    assert caught.value is raised


LONG = ("9" * 100_000, "z" * 100_000, "\n" * 2000, "\x1b[31m" * 2000)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("place", list(itertools.product(range(3), range(3))), ids=str)
def test_a_long_cell_or_name_makes_no_long_error(text, kind, place, tmp_path):
    cells = [["a", "b", "y"], ["1", "2", "0"], ["3", "4", "1"]]
    cells[place[0]][place[1]] = text
    with open(tmp_path / "long.csv", "w", newline="") as file:
        csv.writer(file).writerows(cells)
    for target in ("y", "no such column"):
        with in_one_line():
            load_csv(tmp_path / "long.csv", target, kind=kind)


def test_the_time_for_a_table_grows_with_its_columns_and_not_with_their_square(tmp_path):
    """The square of so many is 400 million: a minute, where the columns themselves take hundredths of a second."""
    count = 20_000
    names = [f"column {number}" for number in range(count)]
    (tmp_path / "wide.csv").write_text(
        ",".join(names) + "\n" + ",".join(["1"] * count) + "\n" + ",".join(["2"] * count)
    )
    start = time.process_time()
    load_csv(tmp_path / "wide.csv", "column 7", kind="numbers")
    load_inputs(tmp_path / "wide.csv", names[::-1])
    assert time.process_time() - start < 10


def bomb(path, elements):
    """An .npz of zeros, which are packed a thousand to one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, shape in (("X.npy", (elements, 1)), ("y.npy", (elements,))):
            header = io.BytesIO()
            fields = {"descr": "<f8", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(header, fields)
            archive.writestr(name, header.getvalue() + bytes(8 * elements))


def test_an_npz_that_unpacks_out_of_proportion_is_refused_and_max_bytes_takes_it(tmp_path):
    bomb(tmp_path / "a.npz", 1_500_000)
    bomb(tmp_path / "b.npz", 20_000_000)
    with in_one_line(), pytest.raises(DataError, match=r"MB of memory with [\d,]+ bytes.* max_bytes= allows more"):
        load_npz(tmp_path / "b.npz", "y", kind="numbers")
    with pytest.raises(DataError, match=r"max_bytes= takes more"):
        load_npz(tmp_path / "a.npz", "y", kind="numbers", max_bytes=1000)
    assert len(load_npz(tmp_path / "a.npz", "y", kind="numbers", max_bytes=1 << 30).y) == 1_500_000


def test_elements_of_no_bytes_are_no_examples(tmp_path):
    """As many of them as a header says take no room in the file."""
    np.savez(tmp_path / "a.npz", X=np.eye(3), y=np.empty(3, "V0"))
    with in_one_line(), pytest.raises(DataError, match=r"no \.npz file"):
        load_npz(tmp_path / "a.npz", "y")


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("cells", [{"rows": 10_000_000, "cell": 0.0}, {"rows": 1000, "cell": "x" * 1_000_000}])
def test_a_parquet_file_of_many_equal_cells_is_refused_before_they_are_made(cells, tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [cells["cell"]]}).select(polars.col("a").repeat_by(cells["rows"]).explode())
    frame.write_parquet(tmp_path / "a.parquet", statistics=False)  # some polars write whole cells there
    with in_one_line(), pytest.raises(DataError, match="MB of memory"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
def test_a_file_with_a_hole_as_large_as_a_disk_is_not_read(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    with in_one_line(), pytest.raises(DataError):
        READERS[suffix][0](path)
