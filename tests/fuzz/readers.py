"""Files that are changed at any byte or in any field, for every reader: read or refused in one line, at a bounded cost.

What is read is run once too. The cost is the time of the processor and the memory beyond what the process had before.
"""

from __future__ import annotations

import contextlib
import copy
import csv
import decimal
import io
import itertools
import json
import math
import random
import sqlite3
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import flowgraph as fg
from flowgraph.data import load_csv, load_npz
from flowgraph.data.preparation import read_table
from flowgraph.errors import FlowgraphError
from flowgraph.experiment import RunFolder, TrainSettings
from flowgraph.saving import graph_file
from flowgraph.saving.archive import archive_bytes
from flowgraph.saving.graph_file import graph_document, read_graph
from flowgraph.search import Uniform, search
from flowgraph.training import Checkpoint, load_checkpoint
from tests.hostile import TEXTS, unprintable
from tests.saving.documents import NUMBERS, at, changed_file, documents, mutated, places

SECONDS, MEGABYTES = 2.0, 200.0
"""That a file may cost for each MB that it has, and one of less than a MB at all."""

SLACK = 30.0
"""MB by which the memory of a process moves by itself: what was freed before and is used again, what is imported."""

LONGEST = 1000
"""Characters of a refusal."""

MOST_FED = 1 << 20
"""Elements of an input that are fed; it is the user who gives more."""

MOST_MADE = 1 << 20
"""Elements of all values of a graph that is run: their shapes are told before it is."""


class Reader(NamedTuple):
    """What reads files of one kind: whole files of it, a change of a field, and how what was read is run once."""

    files: Callable[[], Sequence[bytes]]
    change: Callable[[random.Random, bytes], bytes]
    read: Callable[[Path], Any]
    run: Callable[[Any], Any]
    suffix: str
    bytes_each: int = 2
    """In one of so many files bytes are changed, in the others fields; what has a checksum is refused in the first."""


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """One to four places of the bytes changed, cut out or put in, or the end cut off."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, how = rng.randrange(len(changed) + 1), rng.random()
        if how < 0.5 and place < len(changed):
            changed[place] = rng.choice((0, 255, rng.randrange(256), changed[place] ^ 1 << rng.randrange(8)))
        elif how < 0.7:
            del changed[place : place + rng.choice((1, 1, 4, 8))]
        elif how < 0.95:
            changed[place:place] = rng.randbytes(rng.choice((1, 1, 4)))
        else:
            del changed[place:]
    return bytes(changed)


# Graphs: flowgraph's own files, and ONNX.


def run_graph(graph: fg.Graph) -> None:
    """One forward pass, backward pass and call of a plan, each to its end or to a refusal; on ones, and on -9."""
    shapes = {box: tuple(size if isinstance(size, int) else 2 for size in box.shape) for box in graph.inputs}
    made = sum(np.prod([size if isinstance(size, int) else 2 for size in spec.shape], dtype=float)
               for box in graph.boxes for spec in box.outputs)  # fmt: skip
    if made > MOST_MADE or any(np.prod(shape, dtype=float) > MOST_FED for shape in shapes.values()):
        return
    for number in (1, -9):
        feeds = {box: np.full(shape, number).astype(box.dtype) for box, shape in shapes.items()}
        for one in (_backward, _planned):
            with contextlib.suppress(FlowgraphError):
                one(graph, feeds)


def _backward(graph: fg.Graph, feeds: Any) -> None:
    run = graph.fprop(feeds)
    seeds = {box: np.ones_like(run[box]) for box in graph.outputs if isinstance(run[box], np.ndarray | np.generic)}
    if len(graph.outputs) == 1 and graph.parameters:
        run.bprop(grad=seeds[graph.outputs[0]])


def _planned(graph: fg.Graph, feeds: Any) -> None:
    fg.compile(list(graph.outputs), inputs=list(graph.inputs))(*feeds.values())


@cache
def graph_files() -> Sequence[bytes]:
    """Graphs of every box, of a network, of gradients."""
    return [archive_bytes("graph", document, arrays) for document, arrays in known_documents()]


@cache
def known_documents() -> Sequence[tuple[Any, dict[str, Any]]]:
    """The same as documents and arrays; complex arrays are stored in another way."""
    plain = [(d, {k: np.ascontiguousarray(v) for k, v in a.items() if v.dtype.kind != "c"}) for d, a in documents()]
    return [pair for pair in plain if len(json.dumps(pair[0])) < 100_000]


def changed_graph(rng: random.Random, content: bytes) -> bytes:
    """Another document, with a checksum that is right; half of them with outputs that fit, as a forger writes them."""
    document, arrays = rng.choice(known_documents())
    if rng.random() < 0.5:
        return changed_file(rng, "graph", mutated(rng, document), arrays)
    for _ in range(10):
        found = _with_settings(rng, document, arrays)
        if found is not None:
            return found
    return content


def _with_settings(rng: random.Random, document: Any, arrays: dict[str, Any]) -> bytes | None:
    """The file with another setting, child, size or array; None where nothing can be built of it."""
    document, arrays = copy.deepcopy(document), {name: array.copy() for name, array in arrays.items()}
    row = rng.choice(document["boxes"])
    held = [row[name] for name in ("settings", "children", "outputs") if row.get(name)]
    if arrays and rng.random() < 0.3:
        array = arrays[rng.choice(sorted(arrays))]
        if array.size and array.dtype.kind != "b":
            array.flat[rng.randrange(array.size)] = rng.choice((-1, 0, 7, 100))
    elif held:
        *path, last = rng.choice(list(places(rng.choice(held))))
        inner = at(rng.choice([one for one in held if _has(one, (*path, last))]), tuple(path))
        inner[last] = rng.choice((*NUMBERS[:18], True, None, -inner[last] if type(inner[last]) is int else 2))
    try:
        with patch.object(graph_file, "_compare", lambda *arguments: None):
            made = archive_bytes("graph", *graph_document(read_graph(document, arrays)))
    except Exception:
        return None
    return made


def _has(inside: Any, path: tuple[Any, ...]) -> bool:
    try:
        at(inside, path)
    except (LookupError, TypeError):
        return False
    return True


def _as_model(graph: fg.Graph) -> bytes:
    from flowgraph.interop.onnx import model_of

    content: bytes = model_of(graph).SerializeToString()
    return content


@cache
def models() -> Sequence[bytes]:
    """Those of ONNX's own suite, of one operation each, and a network of flowgraph's."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [case.model for case in load_model_tests(kind="node") if case.model is not None]
    x, w = fg.Input("x", shape=("N", 2)), fg.Parameter([[1.0], [2.0]], name="w")
    return [*(case.SerializeToString() for case in cases), _as_model(fg.Graph(np.tanh(x @ w)))]


def changed_model(rng: random.Random, content: bytes) -> bytes:
    """One attribute, size, tensor or node of a model changed."""
    import onnx

    model = onnx.ModelProto.FromString(content)
    graph = model.graph
    attributes = [one for node in graph.node for one in node.attribute]
    sizes = [dim for entry in (*graph.input, *graph.output) for dim in entry.type.tensor_type.shape.dim]
    tensors = [*graph.initializer, *(one.t for one in attributes if one.type == one.TENSOR)]
    chosen = rng.choice([*attributes, *sizes, *tensors, *graph.node])
    whole = rng.choice([number for number in NUMBERS if type(number) is int and abs(number) < 1 << 63])
    if isinstance(chosen, onnx.AttributeProto):
        _change_attribute(rng, chosen, whole)
    elif isinstance(chosen, onnx.TensorProto):
        _change_tensor(rng, chosen, whole)
    elif isinstance(chosen, onnx.NodeProto):
        others = [name for node in graph.node for name in (*node.input, *node.output)]
        if chosen.input and rng.random() < 0.8:
            chosen.input[rng.randrange(len(chosen.input))] = rng.choice([*others, "", "\x1b"])
        else:
            chosen.op_type = rng.choice(["Tile", "Split", "ScatterND", "Gather", "Loop", chosen.op_type.lower()])
    elif rng.random() < 0.2:
        chosen.dim_param = rng.choice(("N", "M", "\n"))
    else:
        chosen.dim_value = whole
    return model.SerializeToString()


def _change_attribute(rng: random.Random, chosen: Any, whole: int) -> None:
    if chosen.ints:
        chosen.ints[rng.randrange(len(chosen.ints))] = whole
    elif chosen.type == chosen.INT:
        chosen.i = whole
    elif chosen.type == chosen.FLOAT:
        chosen.f = rng.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    else:
        chosen.type = rng.randrange(15)


def _change_tensor(rng: random.Random, chosen: Any, whole: int) -> None:
    if chosen.raw_data and rng.random() < 0.7:
        values = bytearray(chosen.raw_data)
        place = rng.randrange(len(values))
        values[place : place + 8] = (whole % (1 << 64)).to_bytes(8, "little")[: len(values) - place]
        chosen.raw_data = bytes(values)
    elif chosen.dims:
        chosen.dims[rng.randrange(len(chosen.dims))] = whole
    else:
        chosen.data_type = rng.randrange(30)


# Checkpoints.


def mlp() -> Any:
    """The network that the checkpoint is of."""
    return fg.MLP([3, 4, 3], rng=0)


def train(network: Any, **settings: Any) -> Any:
    """Two epochs."""
    X, y = np.eye(3), np.arange(3)
    return fg.fit(network, (X, y), (X, y), epochs=2, checks=False, progress=False, seed=1, **settings)


@cache
def checkpoints() -> Sequence[bytes]:
    """One of a whole training."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        train(mlp(), callbacks=[Checkpoint(Path(folder) / "one", seconds=0)])
        return [(Path(folder) / "one").read_bytes()]


def changed_checkpoint(rng: random.Random, content: bytes) -> bytes:
    """Another record, with a checksum that is right."""
    from safetensors.numpy import load

    length = int.from_bytes(content[:8], "little")
    head = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["flowgraph"])
    return changed_file(rng, "checkpoint", mutated(rng, head["document"]), dict(load(content)), head["dtypes"])


# Tables and arrays.

CELLS = (*TEXTS, "", "nan", "1e400", "-1", "0,5", "1.234,5", "9" * 5000, "2024-12-31", "true", "x" * 3000, "\n", '"')


def changed_cells(rng: random.Random, content: bytes) -> bytes:
    """Some cells are other texts, with a row that is longer now and then."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(rng.choice((1, 1, 3))):
        row = rng.choice(rows)
        row[rng.randrange(len(row))] = rng.choice(CELLS)
    if rng.random() < 0.1:
        rng.choice(rows).append("1")
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(errors="surrogatepass")


def packed(**arrays: Any) -> bytes:
    """An .npz file."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def changed_arrays(rng: random.Random, content: bytes) -> bytes:
    """An array of another dtype or shape, or a header that says so."""
    shapes = ((), (0,), (3,), (3, 1), (3, 2), (3, 2, 2), (1,) * 20)
    dtypes = ("?", "i1", "u8", "f2", "f4", "f8", "c16", "S3", "U3", "M8[D]", "m8[s]", "i4,f8", "V3", ">f8", ">i4", "V0")
    arrays: dict[str, Any] = {"X": np.eye(3), "y": np.array([0, 1, 1])}
    arrays[rng.choice(("X", "y", "z"))] = np.zeros(rng.choice(shapes), rng.choice(dtypes))
    made = packed(**arrays)
    said = rng.choice((b"(3, 3)", b"(3,)", b"'<f8'", b"'<i8'"))
    odd = rng.choice((b"(-1,)", b"(9,9)", b"(9**9,", b"'O'", b"'<U9'", b"{", b"(3,3,", b"'V0'"))
    return made.replace(said, odd[: len(said)].ljust(len(said))) if rng.random() < 0.5 else made


@cache
def parquets() -> Sequence[bytes]:
    """A table with columns of several kinds."""
    import polars

    file = io.BytesIO()
    polars.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"], "c": [1, None]}).write_parquet(file)
    return [file.getvalue()]


def changed_columns(rng: random.Random, content: bytes) -> bytes:
    """Columns of other types and values, written by another package."""
    import pyarrow
    from pyarrow import parquet

    whole = rng.choice([number for number in NUMBERS if type(number) is int and abs(number) < 1 << 62])
    zone = rng.choice((None, "UTC", "Foo/Bar", "+99:99"))
    unit = rng.choice(("s", "ms", "us", "ns"))
    kind = rng.choice((
        pyarrow.timestamp(unit, tz=zone), pyarrow.int64(), pyarrow.duration(unit), pyarrow.float64(),
        pyarrow.date64(), pyarrow.list_(pyarrow.int64()), pyarrow.decimal128(38, 5), pyarrow.bool_(), pyarrow.null(),
    ))  # fmt: skip
    values: dict[str, Any] = {
        "list<item: int64>": [[whole], None], "null": [None, None], "bool": [True, None], "date64[ms]": [0, 86_400_000],
        "decimal128(38, 5)": [decimal.Decimal("1.5"), None],
    }  # fmt: skip
    column = pyarrow.array(values.get(str(kind), [whole, 0]), kind)
    file = io.BytesIO()
    names = [rng.choice((*TEXTS[:3], "a")).encode(errors="replace").decode(), "b"]
    parquet.write_table(pyarrow.table([column, pyarrow.array(["x", "y"])], names=names), file)
    return file.getvalue()


# Records of runs, and databases of searches.


def records() -> Sequence[bytes]:
    """A configuration and a result, in one."""
    settings = TrainSettings("moons", hidden=(2,), epochs=1).as_dict()
    return [json.dumps({"format": 1, "settings": settings, "data": "0" * 64, "columns": ["a"], "classes": ["b", "c"]})
            .encode()]  # fmt: skip


def read_records(path: Path) -> Any:
    """Both, from one file."""
    folder = RunFolder(path.parent)
    for place in ("config", "result"):
        object.__setattr__(folder, place, path)
    return folder.read_config(), folder.read_result()


def minimise(path: Path) -> Any:
    """A search of two points."""
    return search(lambda s, _: s["a"], {"a": Uniform(0.0, 1.0, points=2)}, sampler="grid", storage=path)


@cache
def databases() -> Sequence[bytes]:
    """One of a whole search."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        minimise(Path(folder) / "one.db")
        return [(Path(folder) / "one.db").read_bytes()]


def changed_rows(rng: random.Random, content: bytes) -> bytes:
    """A value of a row of any table changed."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.db"
        path.write_bytes(content)
        with contextlib.closing(sqlite3.connect(path)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            filled = [name for name in tables if database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]]
            table = rng.choice(filled)
            column = rng.choice([row[1] for row in database.execute(f"PRAGMA table_info({table})")])
            odd = rng.choice((None, -1, 10**12, 0.5, "", "x", "{", "[1]", "COMPLETE", "null", "9" * 400, b"\xff"))
            with contextlib.suppress(sqlite3.IntegrityError):
                database.execute(f"UPDATE {table} SET {column} = ?", (odd,))
                database.commit()
        return path.read_bytes()


def nothing(found: Any) -> None:
    """What was read says itself."""
    str(found), repr(found)


READERS = {
    "graph": Reader(graph_files, changed_graph, fg.load, run_graph, ".safetensors", 8),
    "onnx": Reader(models, changed_model, lambda path: fg.load(path, max_bytes=1 << 28), run_graph, ".onnx"),
    "checkpoint": Reader(
        checkpoints, changed_checkpoint, load_checkpoint, lambda state: train(mlp(), resume=state), ".safetensors", 8
    ),
    "csv": Reader(lambda: [b"a,b,y\n1,2,0\n3,4,1\n"], changed_cells, lambda path: load_csv(path, "y"), nothing, ".csv"),
    "npz": Reader(
        lambda: [packed(X=np.eye(3), y=np.array([0, 1, 1]))], changed_arrays, lambda path: load_npz(path, "y"), nothing,
        ".npz",
    ),
    "parquet": Reader(parquets, changed_columns, read_table, nothing, ".parquet"),
    "records": Reader(records, lambda rng, content: json.dumps(mutated(rng, json.loads(content))).encode(),
                      read_records, nothing, ".json"),
    "search": Reader(databases, changed_rows, minimise, nothing, ".db"),
}  # fmt: skip


def _many_boxes() -> fg.Graph:
    """As many small operations as make a MB."""
    h: Any = fg.Input("x", shape=("N",))
    for _ in range(12_000):
        h = np.tanh(h)
    return fg.Graph(h)


def _wide_csv() -> bytes:
    names = ",".join(f"c{i}" for i in range(100_000))
    return "\n".join([f"{names},y", *("1," * 100_000 + str(row % 2) for row in range(10))]).encode()


def _large_weights() -> fg.Graph:
    return fg.Graph(fg.Parameter(np.ones(500_000), name="w") * 2.0)


def _as_file(graph: fg.Graph) -> bytes:
    return archive_bytes("graph", *graph_document(graph))


LARGE: dict[str, Sequence[Callable[[], bytes]]] = {
    "graph": [lambda: _as_file(_many_boxes()), lambda: _as_file(_large_weights())],
    "onnx": [lambda: _as_model(_many_boxes()), lambda: _as_model(_large_weights())],
    "csv": [lambda: b"a,b,y\n" + b"1,2,0\n1,1,1\n" * 200_000, _wide_csv],
    "npz": [lambda: packed(X=np.ones((400_000, 4), np.int8), y=np.arange(400_000, dtype=np.int32) % 3),
            lambda: packed(X=np.ones((400_000, 1), np.int8), y=np.array(["a", "b"] * 200_000))],
    "parquet": [lambda: _large_parquet()],
}  # fmt: skip
"""Whole files of about a MB and more that hold as much as their format allows, by the names of their readers."""


def _large_parquet() -> bytes:
    import polars

    file = io.BytesIO()
    rng = np.random.default_rng(0)
    polars.DataFrame({name: rng.integers(0, 99, 500_000) for name in "abc"}).write_parquet(file)
    return file.getvalue()


NEEDED = {"onnx": ("onnx",), "parquet": ("polars", "pyarrow"), "search": ("optuna",), "graph": ("safetensors",),
          "checkpoint": ("safetensors",)}  # fmt: skip
"""Packages that a reader, or what writes its files here, needs."""


@dataclass
class Account:
    """What came of the files of one reader."""

    files: int = 0
    read: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, what: str, seconds: float, megabytes: float, size: int) -> None:
        """Note the cost of one file; more than the bound is wrong."""
        each = max(size / 1e6, 1.0)
        self.seconds, self.megabytes = max(self.seconds, seconds / each), max(self.megabytes, megabytes / each)
        if seconds > SECONDS * each or megabytes > MEGABYTES * each + SLACK:
            self.wrong.append(f"{what}: {seconds:.2f} s and {megabytes:.0f} MB for {size:,} bytes")


def _peak() -> float:
    """MB that the process has held at most since the last call; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text()
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


def one_file(reader: Reader, path: Path, account: Account, what: str) -> None:
    """Read one file, and run what is read; whatever is raised but a refusal of one line is wrong.

    A cost beyond the bound counts where a second reading has it too: threads of BLAS that wait for a busy machine are
    counted as time of the processor.
    """
    size = path.stat().st_size
    each = max(size / 1e6, 1.0)
    seconds, megabytes, read, wrong = _cost_of(reader, path)
    if seconds > SECONDS * each or megabytes > MEGABYTES * each + SLACK:
        again = _cost_of(reader, path)
        seconds, megabytes = min(seconds, again[0]), min(megabytes, again[1])
    account.files += 1
    account.read += read
    if wrong is not None:
        account.wrong.append(f"{what}: {wrong}")
    account.add(what, seconds, megabytes, size)


def _cost_of(reader: Reader, path: Path) -> tuple[float, float, bool, str | None]:
    """Seconds and MB that one file costs, whether it is read, and what is wrong with what was raised."""
    _peak()
    before, start = _peak(), time.process_time()
    read, wrong = False, None
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = reader.read(path)
            read = True
            reader.run(found)
    except FlowgraphError as error:
        text = str(error)
        if len(text) > LONGEST or unprintable(text) or "Unable to allocate" in text:
            wrong = f"refused in the words {text[:2000]!r}"
    except Exception:
        wrong = traceback.format_exc()[-3000:]
    return time.process_time() - start, _peak() - before, read, wrong


def draw_file(name: str, seed: int, number: int, known: Sequence[bytes]) -> bytes:
    """A file of one kind, one of `known` that is changed in its bytes or in a field."""
    reader, rng = READERS[name], random.Random(f"{name} {seed} {number}")
    content = rng.choice(known)
    return (changed_bytes if number % reader.bytes_each == 0 else reader.change)(rng, content)


def read_changed(name: str, seed: int, folder: Path, most: int = 10**9, seconds: float = math.inf) -> Account:
    """So many changed files of one kind, or as many as these seconds of the processor allow."""
    reader, account = READERS[name], Account()
    known, path = reader.files(), folder / f"changed{reader.suffix}"
    for content in known[:1]:  # what is imported, and made once
        path.write_bytes(content)
        one_file(reader, path, Account(), "a whole file")
    end = time.process_time() + seconds
    for number in itertools.takewhile(lambda _: time.process_time() < end, range(most)):
        path.write_bytes(draw_file(name, seed, number, known))
        one_file(reader, path, account, f"{name}, seed {seed}, file {number}")
    return account
