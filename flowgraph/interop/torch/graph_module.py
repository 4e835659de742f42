"""A graph as a module of PyTorch: forward and backward run the plans of flowgraph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from flowgraph.box import Box, Built, Constant, Leaf
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes.engine.passing_on import InTraining, StopGradient
from flowgraph.boxes.engine.shape_like import broadcast_like
from flowgraph.errors import FeedError, UsageError
from flowgraph.graph import Graph, feeding
from flowgraph.graph.steps import replay
from flowgraph.graph.topology import topological_order
from flowgraph.interop.rules import cast
from flowgraph.interop.torch.program import Program, apply
from flowgraph.interop.torch.symbolic_sizes import (
    array_of,
    check_device,
    check_input,
    numpy_dtype,
    tensor_of,
    torch_dtype,
)
from flowgraph.plan.rebuild import on_children, rebuild
from flowgraph.shapes.size import Shape, Size

MOST_PROGRAMS = 32
"""How many programs are kept where each batch size needs one of its own."""


def module(graph: Graph | Built | Sequence[Built], *, updates: Mapping[Any, Built] | None = None) -> GraphModule:
    """A graph, or the graph of boxes, as an `nn.Module` that PyTorch calls, trains and differentiates.

    Parameters
    ----------
    graph
        A `Graph`, a box or several boxes: what the module returns, a tensor for one output, else a tuple of tensors.
    updates
        Parameters that are not trained but carried along, such as running statistics, and the new value of each:
        `norm.updates(x)` of a batch normalisation. They become buffers, which each call of the module sets while it
        trains. `{}` leaves running statistics as they are.

    Returns
    -------
    GraphModule
        Its parameters are copies of those of the graph, under their names: 'layer1/W' is `module.layer1.W`. It is
        called with tensors by position, in the order of `graph.inputs`, or by name.

    Notes
    -----
    Tensors and arrays share their memory, nothing is copied on the way in or out. What random leaves draw follows
    `torch.manual_seed`. Derivatives of every order are graphs of flowgraph, run as plans (`create_graph=True`), and
    `torch.func` transforms the module as one of PyTorch's own: `vmap` runs one plan for all rows.

    After `.eval()` masks of dropout are ones and batch normalisation uses its running statistics, as in PyTorch; a
    random leaf that declares no value for it is refused. `.train()` brings them back.

    >>> import numpy as np, torch, flowgraph as fg
    >>> from flowgraph.interop.torch import module
    >>> x = fg.Input("x", shape=("N", 2))
    >>> with fg.scope("layer"):
    ...     h = np.tanh(x @ fg.Parameter([[1.0], [2.0]], name="W"))
    >>> net = module(h)
    >>> list(net.state_dict())
    ['layer.W']
    >>> net(torch.zeros(3, 2, dtype=torch.float64)).sum().backward()
    >>> net.layer.W.grad
    tensor([[0.],
            [0.]], dtype=torch.float64)
    """
    if not isinstance(graph, Graph):
        graph = Graph(graph) if isinstance(graph, Box) else Graph(*graph)
    return GraphModule(graph, updates=updates)


class GraphModule(nn.Module):
    """The module that `flowgraph.interop.torch.module` makes.

    `graph` is the graph as it was given; `copy_to_graph()` assigns the values of the module to its parameters.
    `module.to(dtype)` lets the whole graph compute in floats of that dtype, inputs and constants included. Copies,
    pickles and `state_dict` hold the parameters; plans are compiled again when they are needed.

    Parameters
    ----------
    graph : Graph
        The graph whose parameters and inputs the module takes.
    updates : mapping of Parameter to Box, optional
        What is carried along while the module trains.

    Raises
    ------
    UsageError
        If there is nothing to compute, or names of parameters clash.

    Examples
    --------
    >>> import numpy as np, torch, flowgraph as fg
    >>> from flowgraph.interop.torch import GraphModule
    >>> x, w = fg.Input("x", shape=("N", 2)), fg.Parameter([1.0, -1.0], name="w")
    >>> GraphModule(fg.Graph(x @ w))(x=torch.ones((3, 2), dtype=torch.float64)).tolist()
    [0.0, 0.0, 0.0]
    """

    def __init__(self, graph: Graph, *, updates: Mapping[Any, Built] | None = None) -> None:
        super().__init__()
        for box in graph.outputs:
            if len(box.outputs) != 1:
                raise UsageError(f"module: the output {graph.names[box]!r} has several parts; make each one an output")
        self.graph = graph
        self._floats: np.dtype[Any] | None = None
        self._programs: dict[Any, Program] = {}
        self._in_use = in_evaluation(graph)
        new = dict(updates or {})
        self._trained = Graph(*graph.outputs, *map(StopGradient, new.values()), along=graph.inputs) if new else graph
        if set(self._trained.inputs) != set(graph.inputs):
            raise UsageError(
                "module: found updates that read other inputs than the graph; give those of the same inputs"
            )
        self._concrete = any(isinstance(size, Size) and size.unknown for box in graph.outputs for size in box.shape)
        whole = Graph(*self._trained.outputs, *self._in_use.outputs, *new)
        trained = set(graph.parameters) - set(new)
        self._paths = {box: _register(self, whole.names[box], box, box in trained) for box in whole.parameters}
        self._carried = [self._paths[box] for box in new]
        carried = [whole.names[box] for box in whole.parameters if box not in trained]
        self._left = carried[0] if carried and updates is None else None

    def forward(self, *tensors: Foreign, **named: Foreign) -> Any:
        """Run the graph on tensors, with gradients for PyTorch.

        Parameters
        ----------
        *tensors : torch.Tensor
            Inputs in the order of `graph.inputs`.
        **named : torch.Tensor
            Inputs by name.

        Returns
        -------
        torch.Tensor or tuple of torch.Tensor
            The output; a tuple for several outputs.

        Raises
        ------
        UsageError
            In training if nothing carries a running statistic along, in evaluation if a random leaf declares no value.
        """
        if self.training and self._left is not None:
            raise UsageError(
                f"module: found {self._left!r}, a running statistic that nothing carries along in training, "
                f"needs module(graph, updates=norm.updates(x)), updates={{}} to leave it as it is, or call .eval()"
            )
        inputs = self._tensors_of_inputs(tensors, named)
        parameters = []
        for box, path in self._paths.items():
            parameters.append(self._parameter(path))
            self._check_parameter(path, box, parameters[-1])
            if path in self._carried:  # what backward reads must not change before it
                parameters[-1] = parameters[-1].clone()
        shapes = {box: tuple(tensor.shape) for box, tensor in zip(self.graph.inputs, inputs, strict=True)}
        sizes = feeding.bind_sizes(self.graph, shapes)
        leaves = (*inputs, *parameters, *self._draw_leaves(sizes))
        outputs = apply(self._program(leaves), leaves)
        count = len(self.graph.outputs)
        self._carry(outputs[count:])
        return outputs[0] if count == 1 else outputs[:count]

    def copy_to_graph(self) -> Graph:
        """Assign the current parameters of the module to those of the graph.

        Returns
        -------
        Graph
            The graph.
        """
        for box, path in self._paths.items():
            assert isinstance(box, Parameter)
            box.value = np.asarray(array_of(self._parameter(path))).astype(box.dtype)
        return self.graph

    def extra_repr(self) -> str:
        """The inputs and outputs, for the repr of the module.

        Returns
        -------
        str
            Names, shapes and dtypes.
        """
        names = self.graph.names
        inputs = ", ".join(f"{names[box]} {box.spec}" for box in self.graph.inputs)
        return f"{inputs} -> {', '.join(f'{names[box]} {box.spec}' for box in self.graph.outputs)}"

    def _tensors_of_inputs(self, tensors: Sequence[Any], named: dict[str, Any]) -> list[torch.Tensor]:
        """The tensor for each input of the graph."""
        names = [self.graph.names[box] for box in self.graph.inputs]
        if len(tensors) > len(names):
            raise FeedError(f"module: found {len(tensors)} tensors, needs {len(names)}: {', '.join(names)}")
        given = dict(zip(names, tensors, strict=False))
        for name in named:
            if name not in names or name in given:
                problem = "by position and by name" if name in given else "which is none of its inputs"
                raise FeedError(f"module: found {name!r} {problem}; it is called with {', '.join(names)}")
        given |= named
        for name, box in zip(names, self.graph.inputs, strict=True):
            if name not in given:
                raise FeedError(f"module: needs the input {name!r} {box.spec}; it is called with {', '.join(names)}")
            check_input(self._cast(box), name, given[name])
        return [given[name] for name in names]

    def _parameter(self, path: str) -> torch.Tensor:
        """The parameter at a path; a plain tensor where `torch.func.functional_call` puts one in its place."""
        *scopes, last = path.split(".")
        return getattr(self.get_submodule(".".join(scopes)), last)  # type: ignore[no-any-return]

    def _check_parameter(self, path: str, box: Box, parameter: torch.Tensor) -> None:
        """Refuse what was put in the place of a parameter and does not fit."""
        check_device(f"module: the parameter {path!r}", parameter.device)
        dtype = torch_dtype(self._floats if self._floats is not None and box.dtype.kind == "f" else box.dtype)
        if parameter.dtype != dtype or tuple(parameter.shape) != box.shape:
            raise FeedError(
                f"module: found the parameter {path!r} of {parameter.dtype} and shape {tuple(parameter.shape)}, needs "
                f"{dtype} and {box.shape}; change dtypes of all parameters together, with module.to(dtype)"
            )

    def _carry(self, values: Sequence[torch.Tensor]) -> None:
        """Set what is carried along; there are values of it while the module trains."""
        try:
            for path, value in zip(self._carried, values, strict=False):
                self._parameter(path).copy_(value.detach())
        except RuntimeError as error:
            raise UsageError(
                f"module: found a running statistic, {self._carried[0]!r}, under vmap, where each row has another one "
                f"({str(error).splitlines()[0]}); call .eval() first, give module(graph, updates={{}}), or call the "
                f"module once for all rows"
            ) from error

    def _draw_leaves(self, sizes: dict[str, int]) -> list[torch.Tensor]:
        """The draws of the random leaves in this call, from PyTorch's seed; in evaluation what stands for them."""
        leaves = self._now.randoms
        if not leaves:
            return []
        if not self.training:
            drawn = [leaf.value_in_evaluation(sizes) for leaf in leaves]
        else:
            seed = _seed()
            drawn = [leaf.value_for(seed, number, sizes) for number, leaf in enumerate(leaves)]
        return [tensor_of(self._cast_array(value)) for value in drawn]

    def _program(self, leaves: Sequence[torch.Tensor]) -> Program:
        """The program for leaves of these shapes: one for all, unless outputs have sizes that nobody can name."""
        shapes: Any = tuple(tuple(leaf.shape) for leaf in leaves) if self._concrete else None
        graph = self._now
        key = graph is self._trained, shapes
        if key not in self._programs:
            if len(self._programs) >= MOST_PROGRAMS:
                del self._programs[next(iter(self._programs))]
            boxes = (*self.graph.inputs, *self._paths, *graph.randoms)
            as_inputs = leaves_as_inputs(graph, boxes, shapes or [box.shape for box in boxes], self._floats)
            self._programs[key] = Program(*as_inputs)
        return self._programs[key]

    @property
    def _now(self) -> Graph:
        """The graph of the mode in which the module is."""
        return self._trained if self.training else self._in_use

    def _cast(self, box: Box) -> Any:
        """An input as it is in the floats of the module."""
        if self._floats is None or box.dtype.kind != "f":
            return box
        return type(box)(box.name, shape=box.shape, dtype=self._floats)

    def _cast_array(self, array: Foreign) -> Any:
        return array.astype(self._floats) if self._floats is not None and array.dtype.kind == "f" else array

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        """What `.to` calls: before anything moves, devices and dtypes that NumPy does not have are refused."""
        dtypes = {self._parameter(path).dtype for path in self._paths.values()}
        dtypes |= {torch_dtype(self._cast(box).dtype) for box in self.graph.inputs if box.dtype.kind == "f"}
        for probe in [torch.empty(0, dtype=dtype) for dtype in dtypes]:
            moved = fn(probe)
            check_device("module", moved.device)
            floats = numpy_dtype(moved.dtype, "module")
            if moved.dtype != probe.dtype:
                if floats.kind != "f":
                    raise UsageError(f"module: found {moved.dtype}, needs real floats; build the graph in {floats}")
                self._floats = floats
                self._programs = {}
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles are made of."""
        return {**self.__dict__, "_programs": {}}


def _seed() -> int:
    """A seed from PyTorch's generator."""
    drawn = torch.randint(2**62, ())
    try:
        return int(drawn)
    except RuntimeError as error:
        raise UsageError(
            "module: found vmap(randomness='different'), but a graph draws its random leaves once in a call; "
            "use randomness='same', or one call for all rows, whose axis the graph names"
        ) from error


def _register(root: nn.Module, name: str, box: Box, is_trained: bool) -> str:
    """Make a parameter or a buffer of the name of a box, in modules for its scopes; returns its path, with dots."""
    *scopes, last = name.split("/")
    owner = root
    for part in scopes:
        if part not in owner._modules:
            _check_free(owner, part, name)
            owner.add_module(part, nn.Module())
        owner = owner._modules[part]  # type: ignore[assignment]
    _check_free(owner, last, name)
    assert isinstance(box, Parameter)
    value = tensor_of(np.array(box.array))
    if is_trained:
        owner.register_parameter(last, nn.Parameter(value))
    else:
        owner.register_buffer(last, value)
    return ".".join((*scopes, last))


def _check_free(owner: nn.Module, part: str, name: str) -> None:
    if "." in part or not part or hasattr(owner, part):
        why = "holds a dot" if "." in part else "is that of an attribute of the module"
        raise UsageError(
            f"module: found a parameter called {name!r}, but {part!r} {why}, which PyTorch refuses; "
            f"give it another name, fg.Parameter(..., name=...)"
        )


def in_evaluation(graph: Graph) -> Graph:
    """The graph in which running statistics stand for those of the batch; the graph itself, if it has none of these."""

    def rule(box: Box, children: tuple[Box, ...]) -> Any:
        if isinstance(box, InTraining):
            leaf: Any = box.in_evaluation
            return broadcast_like(cast(leaf, box.dtype), children[0])
        _refuse_inside(box)
        return on_children(box, children)

    return rebuild(graph, rule)


def _refuse_inside(box: Box) -> None:
    """Refuse a loop or a checkpoint in which there are statistics of a batch."""
    if isinstance(box, Leaf):
        return
    for body in [value for value in box.setting_values().values() if isinstance(value, Box)]:
        inside = next((node for node in topological_order([body]) if isinstance(node, InTraining)), None)
        if inside is not None:
            raise UsageError(
                f"module: found {inside.title} in the body of {box.title}, which stays what it is in evaluation; "
                f"build the graph of predictions, with training=False, and make a module of that\n"
                f"  built at {box.built_at}"
            )


def leaves_as_inputs(
    graph: Graph, leaves: Sequence[Box], shapes: Sequence[Shape], floats: np.dtype[Any] | None
) -> tuple[list[Input], list[Box]]:
    """The graph on inputs of these shapes in the place of leaves; real leaves and constants of the dtype `floats`."""
    inputs = [
        Input(f"leaf {place}", shape=shape, dtype=_dtype(leaf, floats))
        for place, (leaf, shape) in enumerate(zip(leaves, shapes, strict=True))
    ]
    known: dict[Any, Any] = dict(zip(leaves, inputs, strict=True))
    for box in graph.boxes:
        if isinstance(box, Constant) and _dtype(box, floats) != box.dtype:
            known[box] = Constant(box.value, dtype=floats)
    values = replay(graph.boxes, graph.slots, known) if known else list(graph.boxes)
    return inputs, [values[graph.slots[box]] for box in graph.outputs]


def _dtype(leaf: Box, floats: np.dtype[Any] | None) -> np.dtype[Any]:
    return floats if floats is not None and leaf.dtype.kind == "f" else leaf.dtype
