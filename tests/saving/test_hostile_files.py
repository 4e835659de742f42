"""Crafted files and documents of graphs: whatever stands in them, they are loaded or refused, in bounded memory."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box.inference import _cache, bounded_trials
from flowgraph.errors import SavedFileError
from flowgraph.saving.archive import archive_bytes, read_archive
from flowgraph.saving.graph_file import graph_document, read_graph
from flowgraph.shapes.size import Size
from flowgraph.training import Checkpoint, load_checkpoint
from tests.fuzz.readers import READERS, Account, one_file
from tests.saving.attacks import attacks


@pytest.mark.parametrize("attack", list(attacks()), ids=lambda attack: attack[0])
def test_what_asks_for_much_time_or_memory_is_refused_at_once(attack, path):
    path.write_bytes(archive_bytes("graph", *attack[1:]))
    account = Account()
    one_file(READERS["graph"], path, account, attack[0])
    assert (account.wrong, account.read) == ([], 0)


def with_header(content, change):
    """The bytes of a file whose header of safetensors was changed."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


@pytest.mark.parametrize(("field", "value"), [
    ("data_offsets", ["0", "8"]), ("data_offsets", [0, True]), ("data_offsets", [-8, 8]), ("data_offsets", [0.0, 8.0]),
    ("data_offsets", [8, 0]), ("data_offsets", [0]), ("data_offsets", [0, 8, 8]), ("data_offsets", None),
    ("data_offsets", [0, 10**30]), ("shape", ["1"]), ("shape", [1.0]), ("shape", [True]), ("shape", [-1]),
    ("shape", [1] * 65), ("shape", 1), ("shape", [10**18]), ("dtype", 3), ("dtype", "O"), ("dtype", "F8_E4M3"),
])  # fmt: skip
def test_a_header_with_odd_entries_is_refused(tmp_path, field, value):
    content = archive_bytes("graph", *graph_document(fg.Graph(fg.Parameter([1.0], name="w") * 2.0)))
    (tmp_path / "file").write_bytes(with_header(content, lambda header: header["w"].update({field: value})))
    with pytest.raises(SavedFileError, match=r"file: "):
        fg.load(tmp_path / "file")


def test_a_document_that_is_nested_too_deep_for_its_checksum(tmp_path):
    deep = 0
    for _ in range(900):
        deep = [deep]
    for extra in range(0, 120, 10):
        text = json.dumps({"format": 1, "kind": "graph", "dtypes": {}, "document": {"boxes": deep}, "sha256": ""})
        text = text.replace('"boxes": ', '"boxes": ' + "[" * extra).replace("}, ", "]" * extra + "}, ", 1)
        header = json.dumps({"__metadata__": {"flowgraph": text}}).encode()
        (tmp_path / "file").write_bytes(len(header).to_bytes(8, "little") + header)
        with pytest.raises(SavedFileError):
            read_archive(tmp_path / "file", "graph")


@pytest.mark.parametrize(
    "dtype", ["O", "U99999999", "(9999999,)f8", "<f4", "<c8", "M8[s]", "", "nonsense", 3, None, []]
)
def test_another_dtype_than_that_of_the_array_is_refused(tmp_path, dtype, monkeypatch):
    """NumPy would make an array of texts, hundreds of times as large."""
    content = archive_bytes("graph", *graph_document(fg.Graph(fg.Parameter([1.0], name="w") * 2.0)))
    document, arrays = graph_document(fg.Graph(fg.Parameter([1.0], name="w") * 2.0))
    from flowgraph.saving import archive

    head = {"format": 1, "kind": "graph", "dtypes": {"w": dtype}, "document": document}
    head["sha256"] = archive._checksum(head, arrays)
    changed = with_header(content, lambda header: header["__metadata__"].update(flowgraph=json.dumps(head)))
    (tmp_path / "file").write_bytes(changed)
    if dtype is None:
        assert fg.load(tmp_path / "file")["w"].value == 1.0
        return
    with pytest.raises(SavedFileError, match="damaged, found the dtype"):
        fg.load(tmp_path / "file")


def test_values_that_take_more_than_is_allowed_are_refused_before_anything_is_run():
    x = fg.Input("x", shape=(10**6, 10**6))
    graph = fg.Graph(
        fg.sum(np.tanh(x) @ np.ones((10**6, 2))[:, :1].T.T, axis=0), np.broadcast_to(x[0, 0], (10**9, 10**9))
    )
    written = graph_document(graph)
    with pytest.raises(SavedFileError, match=r"box 1: the memory of its values: found more than .*max_bytes= takes"):
        read_graph(*written)
    again = read_graph(*written, max_bytes=10**30)
    assert [box.shape for box in again.outputs] == [box.shape for box in graph.outputs]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 4))
def test_the_memory_of_a_run_is_that_of_all_values_an_axis_with_a_name_as_one(shape, count):
    h = fg.Input("x", shape=("N", *shape))
    for _ in range(count):
        h = h + 1.0
    needed = 8 * (np.prod(shape) * (count + 1) + count)
    written = graph_document(fg.Graph(h))
    assert read_graph(*written, max_bytes=needed).outputs[0].shape == h.shape
    with pytest.raises(SavedFileError, match="the memory of its values"):
        read_graph(*written, max_bytes=needed - 1)


def test_transforms_of_large_sizes_are_built_and_loaded():
    x = fg.Input("x", shape=(4, 4))
    for function in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn):
        box = function(x, s=(10**5, 10**5), axes=(0, 1))
        assert read_graph(*graph_document(fg.Graph(box)), max_bytes=10**12).outputs[0].shape == box.shape


def test_a_box_without_a_rule_is_tried_on_what_is_given_in_code_and_on_less_from_a_file(monkeypatch):
    monkeypatch.setattr("flowgraph.box.inference.LARGEST_TRIAL", 25_000)

    class Doubled(fg.Box):
        def fprop(self, a):
            return a * 2.0

    small = fg.Graph(Doubled(fg.Input("x", shape=(30, "N"))))
    assert read_graph(*graph_document(small)).outputs[0].shape == (30, Size("N"))
    large = graph_document(fg.Graph(Doubled(fg.Input("x", shape=(300, 400)))))
    _cache.clear()  # what was tried once is known in this process
    with pytest.raises(SavedFileError, match=r"box 1: .*Doubled.* would be tried on 120,000 elements.*declare one"):
        read_graph(*large)
    with bounded_trials(10), pytest.raises(fg.FlowgraphError, match="would be tried on 11 elements"):
        Doubled(fg.Input("x", shape=(11,)))


def checkpoint_record(path):
    X, y = np.eye(3), np.arange(3)
    fg.fit(fg.MLP([3, 3], rng=0), (X, y), (X, y), epochs=3, checks=False, progress=False, callbacks=[Checkpoint(path)])
    return load_checkpoint(path)


@pytest.mark.parametrize(("name", "value"), [
    ("position", 10**15), ("position", -1), ("epoch", 10**15), ("epoch", "3"), ("history", []), ("history", [{}] * 3),
    ("lookout", None), ("norms", {"other": 1.0}), ("norms", [1.0]), ("updates", True), ("sums", {}),
    ("sums", {"loss": "0"}), ("sums", {"loss": 10**400}),
    ("seconds", None),
])  # fmt: skip
def test_a_record_that_no_training_writes_is_refused(tmp_path, name, value):
    """A position beyond the examples made the training go on for ever without a step."""
    state = checkpoint_record(tmp_path / "checkpoint")
    path = tmp_path / "changed"
    from flowgraph.saving.archive import write_archive
    from flowgraph.saving.graph_file import Writer

    document, arrays = read_archive(tmp_path / "checkpoint", "checkpoint")
    write_archive(path, "checkpoint", document | {"record": Writer({}).value(state.record | {name: value}, "")}, arrays)
    with pytest.raises(fg.FlowgraphError, match=r"no checkpoint that this flowgraph reads|restore: found"):
        fg.fit(fg.MLP([3, 3], rng=0), (np.eye(3), np.arange(3)), (np.eye(3), np.arange(3)), epochs=5, checks=False,
               progress=False, resume=load_checkpoint(path))  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "graph.safetensors"


MALFORMED = {
    "a child after its parent": lambda row: row.update(children=[1]),
    "a child that is text": lambda row: row.update(children=["0"]),
    "no children": lambda row: row.pop("children"),
    "too many children": lambda row: row.update(children=[0, 0]),
    "a setting that is not declared": lambda row: row.update(settings={"slope": 1}),
    "a word that is not known": lambda row: row.update(settings={"slope": {"code": "print()"}}),
    "a name that is no text": lambda row: row.update(name=3),
    "a dtype of objects": lambda row: row.update(outputs=[[{"tuple": [1]}, "O"]]),
    "the class as a list": lambda row: row.update(box=["Tanh"]),
    "an abstract class": lambda row: row.update(box="Leaf"),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_table_of_boxes_that_is_wrong(how):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    MALFORMED[how](document["boxes"][1])
    with pytest.raises(SavedFileError, match=r"box 1"):
        read_graph(document, arrays)


def test_a_deep_setting_is_refused_not_a_crash():
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Parameter([1.0], name="w"))))
    deep = 0
    for _ in range(100_000):
        deep = {"tuple": [deep]}
    document["boxes"][1]["settings"] = {"slope": deep}
    with pytest.raises(SavedFileError, match=r"box 1: the table of boxes is wrong .maximum recursion depth"):
        read_graph(document, arrays)
    del document, arrays
    while isinstance(deep, dict):
        deep = deep.pop("tuple").pop()
