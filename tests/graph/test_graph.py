"""Graph and Run: order, fprop, bprop, update, names, what is kept, several outputs."""

import gc
import threading
from contextlib import nullcontext

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import elementwise
from flowgraph.errors import BoxContractError, ReadOnlyError, UnknownBoxError
from flowgraph.graph.topology import Boxes, assert_topological

X = np.array([[1.0, -2.0, 0.5], [0.3, 0.2, -0.7]])


def numeric(graph, name, feeds, step=1e-6):
    """Central differences of a scalar graph with respect to a parameter, element by element."""
    value = graph[name].value
    slopes = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        moved = [value.copy(), value.copy()]
        moved[0][index] += step
        moved[1][index] -= step
        up, down = (float(graph.fprop({**feeds, name: m})) for m in moved)
        slopes[index] = (up - down) / (2 * step)
    return slopes


def test_the_postcondition_of_the_order_refuses_every_broken_order(net):
    boxes = list(net.boxes)
    with pytest.raises(AssertionError, match="stands twice"):
        assert_topological([*boxes, boxes[-1]])
    for place, box in enumerate(boxes):
        without = boxes[:place] + boxes[place + 1 :]
        read = any(box in Boxes(parent.children) for parent in boxes)
        for other in range(len(boxes)):
            order = [*without[:other], box, *without[other:]]
            children, parents = box.children, [one for one in order if box in Boxes(one.children)]
            late = [child for child in children if Boxes(order).index(child) > other]
            early = [one for one in parents if Boxes(order).index(one) < other]
            if late or early:
                with pytest.raises(AssertionError, match="stands before its child"):
                    assert_topological(order)
            else:
                assert_topological(order)
        if read:
            with pytest.raises(AssertionError, match="stands before its child"):
                assert_topological(without)


def test_bprop_twice_and_fprop_twice_give_the_same_bits(net):
    run, again = net.fprop(x=X), net.fprop(x=X)
    for name in ("W", "b"):
        assert np.array_equal(run.bprop()[name], run.bprop()[name])
        assert np.array_equal(run.bprop()[name], again.bprop()[name])
    assert float(run) == float(again)


def test_only_what_leads_to_wrt_is_visited():
    visited = []

    class Watched(fg.Elementwise):
        tag: str

        def fprop(self, a):
            return a * 1.0

        def bprop(self, grad, h, a):
            visited.append(self.tag)
            return (grad,)

    x, w = fg.Input("x", shape=(2,)), fg.Parameter(np.ones(2), name="w")
    graph = fg.Graph(fg.sum(Watched(x, tag="input") * Watched(w, tag="parameter")))
    run = graph.fprop(x=[1.0, 2.0])
    run.bprop()
    assert visited == ["parameter"]
    run.bprop(wrt=[x])
    assert visited == ["parameter", "input"]


def test_the_gradient_with_respect_to_any_box(net):
    run = net.fprop(x=X)
    h = net["tanh"]
    grads = run.bprop(wrt=[h, "x"])
    assert list(grads) == [h, net["x"]]
    assert grads[h].shape == (2, 3)
    assert len(grads) == 2
    assert h in grads
    assert "x" in grads
    assert net["W"] not in grads
    assert 3 not in grads


def test_keep_all_gives_the_gradient_of_every_box_on_the_way(net):
    run = net.fprop(x=X)
    grads = run.bprop(keep="all")
    assert set(grads) >= {net["tanh"], net["W"], net["b"], *net.outputs}
    assert grads[net.outputs[0]] == 1.0
    assert net["x"] not in grads


def test_wrt_the_output_itself_is_the_seed(net):
    assert net.fprop(x=X).bprop(wrt=net.outputs[0])[net.outputs[0]] == 1.0


def test_names_are_unique_and_scopes_nest():
    x = fg.Input("x", shape=(2,))
    with fg.scope("net"):
        with fg.scope("layer1"):
            a = np.tanh(x)
            b = np.tanh(a).named("h")
        c = np.tanh(fg.registry["Tanh"](b, name="h"))
    graph = fg.Graph(np.tanh(c) + np.tanh(np.tanh(c)).named("out") + fg.Tanh(x, name="out"))
    assert len(set(graph.names.values())) == len(graph)
    assert {"net/layer1/tanh", "net/layer1/h", "net/h", "net/tanh", "tanh", "tanh_2", "out", "out_2"} <= set(
        graph.names.values()
    )
    assert graph["net/layer1/h"] is b
    assert "net/h" in graph
    assert "nothing" not in graph
    assert b in graph


def test_the_table_counts_parameters_and_operations(net):
    text = str(net)
    assert "W" in text
    assert text.splitlines()[0].split() == ["name", "box", "shape", "dtype", "parameters", "flops"]
    assert text.splitlines()[-1].split()[:2] == [str(len(net)), "boxes"]
    assert " 12 " in text.splitlines()[-1]
    assert repr(net) == "<Graph of 10 boxes: mean>"
    assert repr(net.fprop(x=X)) == "<Run of <Graph of 10 boxes: mean>, N = 2>"
    assert repr(net.fprop(x=X).bprop()) == "<Grads of W, b>"


def test_boxes_are_told_apart_by_identity(net):
    assert net["x"] in net.inputs
    assert fg.Input("x", shape=("N", 3)) not in net.inputs
    assert net.boxes.index(net["W"]) == list(map(id, net.boxes)).index(id(net["W"]))
    with pytest.raises(ValueError, match="not among these boxes"):
        Boxes().index(net["W"])


def test_two_threads_run_one_graph(net):
    needed = net.fprop(x=X).bprop()["W"]
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(net.fprop(x=X).bprop()["W"], needed):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("debug", [False, True])
def test_a_bprop_that_writes_to_what_it_is_given_is_refused(place, debug):
    class Writes(fg.Elementwise):
        def fprop(self, a):
            return a * 1.0

        def bprop(self, *given):
            given[place][...] = 0.0
            return (given[0] * 1.0,)

    run = fg.Graph(fg.sum(Writes(np.exp(fg.Parameter(np.ones(3), name="w"))))).fprop()
    with fg.debug() if debug else nullcontext(), pytest.raises(ReadOnlyError, match=r"Writes.*: its bprop wrote to an"):
        run.bprop()
    np.testing.assert_allclose(run.outputs[0], 3 * np.e)


def test_a_fprop_that_writes_to_what_it_is_given_is_refused_by_graphs_and_plans():
    class Writes(fg.Elementwise):
        def fprop(self, a):
            if np.any(a > 1e3):  # not where the shape is inferred
                a[...] = 0.0
            return a * 1.0

    h = np.exp(fg.Input("x", shape=(3,))) * 2.0
    graph = fg.Graph(Writes(h) + h)
    for run in (graph.fprop, fg.compile(graph)):
        with pytest.raises(ReadOnlyError, match=r"Writes.*: its fprop wrote to an array"):
            run(x=np.full(3, 8.0))

    class Always(fg.Elementwise):
        def fprop(self, a):
            a += 1.0
            return a

    with pytest.raises(ReadOnlyError, match="Always: its fprop wrote to an array"):
        Always(h)


def test_a_run_holds_no_reference_that_keeps_a_graph_alive():
    x = fg.Input("x", shape=(2,))
    h = np.tanh(x)
    fg.Graph(h).fprop(x=[1.0, 2.0])
    gc.collect()
    assert not any(type(o) is fg.Run and o.graph.outputs[0] is h for o in gc.get_objects())


@pytest.mark.parametrize("start", range(-5, 6))
@pytest.mark.parametrize("stop", [None, *range(-5, 6)])
def test_the_place_of_a_box_is_that_of_tuple_index(start, stop):
    boxes = fg.Graph(np.sin(fg.Input("x")) * 2.0).boxes
    numbers = tuple(range(len(boxes)))
    for number, box in enumerate(boxes):
        arguments = (start,) if stop is None else (start, stop)
        try:
            needed = numbers.index(number, *arguments)
        except ValueError:
            with pytest.raises(ValueError, match="is not among these boxes"):
                boxes.index(box, *arguments)
        else:
            assert boxes.index(box, *arguments) == needed
    assert boxes.index(boxes[2]) == 2


def test_a_number_beyond_its_integers_asks_the_ufunc_that_takes_so_many_arrays():
    several = type("Several", (), {"numpy": (np.negative, np.true_divide)})
    assert elementwise._computed_in(several, np.dtype(np.uint8), int) == (np.float64,) * 3


def _contradictory():
    """Boxes whose inference and fprop contradict each other: in shape, dtype, number of outputs; and no value."""

    class OtherShape(fg.Box):
        def infer(self, a):
            return fg.Spec((3,), a.dtype)

        def fprop(self, a):
            return a

    class OtherDtype(fg.Box):
        def infer(self, a):
            return fg.Spec(a.shape, np.float32)  # a type, as NumPy's functions take it

        def fprop(self, a):
            return a

    class OneOutput(fg.Box):
        def infer(self, a):
            return a, a

        def fprop(self, a):
            return np.stack([a, a])

    class NoValue(fg.Box):
        def infer(self, a):
            return a

        def fprop(self, a):
            pass

    return OtherShape, OtherDtype, OneOutput, NoValue


@pytest.mark.parametrize("cls", _contradictory(), ids=lambda cls: cls.__name__)
def test_debug_mode_names_the_box_whose_inference_contradicts_its_fprop(cls):
    """By an error that `python -O` raises too, also where another box fails first because of it."""
    whole = cls(fg.Parameter([1.0, 2.0], name="a"))
    h = fg.sum(whole if len(whole.outputs) == 1 else whole[0])
    with fg.debug():
        for run in (fg.Graph(h).fprop, fg.compile(h)):
            with pytest.raises(BoxContractError) as caught:
                run()
            assert cls.__name__ in "".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def test_debug_mode_names_the_box_at_fault_and_not_the_one_that_fails_because_of_it():
    other_shape, *_ = _contradictory()
    h = other_shape(fg.Parameter([1.0, 2.0], name="a")) @ fg.Constant(np.ones(3))
    with pytest.raises(ValueError, match="mismatch") as caught:
        fg.Graph(h).fprop()
    assert not isinstance(caught.value, BoxContractError)
    with fg.debug(), pytest.raises(BoxContractError, match="OtherShape: fprop gave shape"):
        fg.Graph(h).fprop()


def test_a_part_of_one_array_and_no_value_are_refused_outside_of_debug_mode():
    *_, one_output, no_value = _contradictory()
    a = fg.Parameter([1.0, 2.0], name="a")
    for box, words in ((one_output(a)[0], "needs a tuple of 2"), (no_value(a), "returned None")):
        with pytest.raises(BoxContractError, match=words):
            fg.Graph(box).fprop()


def test_what_no_spec_can_be_made_of_is_refused_where_the_box_is_built():
    class Shaped(fg.Box):
        def infer(self, a):
            return fg.Spec(a.shape, "nothing")

        def fprop(self, a):
            return a

    with pytest.raises(fg.FlowgraphError, match=r"infer returned .* needs fg\.Spec"):
        Shaped(fg.Input("x"))


@pytest.mark.parametrize("key", [None, 3, [1], {}, np.ones(2), {1}, fg.Box, slice(2)], ids=repr)
def test_whatever_is_no_box_of_a_graph_and_no_name_is_refused_as_one(key):
    graph = fg.Graph(np.sin(fg.Input("x")))
    with pytest.raises(UnknownBoxError, match="needs a box of the graph or its name"):
        graph.box(key)
