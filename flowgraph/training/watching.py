"""Training seen layer by layer: range and size of values, gradients and updates, as heat over layer and step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Parameter
from flowgraph.derivatives import gradient
from flowgraph.errors import UsageError
from flowgraph.markup import text
from flowgraph.plan import Plan, compile
from flowgraph.printable import printable
from flowgraph.training.callbacks import RENEWED, Callback
from flowgraph.training.history import UNEVEN
from flowgraph.training.settings import read_count, strict_keywords, strict_settings

if TYPE_CHECKING:
    from flowgraph.training.trainer import Trainer

SHARE = 0.05
"""Of the processor's time that a watch takes at most: half of the tenth that nobody minds; `every=` overrules it."""

MOST_EXAMPLES = 256
"""Examples on which a watch of `fg.fit` looks at the layers."""

MOST_COLUMNS = 120
"""Steps that the picture shows; of more, one of several that follow each other."""

WHAT = ("values", "gradients", "updates")


class Numbers(NamedTuple):
    """Of an array: its range, its root mean square, its units, and those that are the same for every example."""

    low: float
    high: float
    rms: float
    units: int = 0
    dead: int = 0


def numbers_of(array: Any, by_unit: bool = False) -> Numbers:
    """The numbers of an array; units are its columns, or channels of images: axis 1 of four and more."""
    values = np.asarray(array)
    if not values.size:
        return Numbers(0.0, 0.0, 0.0)
    flat = values.reshape(-1)
    rms = float(np.sqrt(np.einsum("i,i->", flat, flat) / flat.size))  # np.dot would wake the threads of BLAS
    units = dead = 0
    if by_unit and values.ndim >= 2 and len(values) > 1:
        columns = np.moveaxis(values, 1 if values.ndim > 3 else -1, -1).reshape(
            -1, values.shape[1 if values.ndim > 3 else -1]
        )
        units, dead = columns.shape[1], int(np.count_nonzero((columns == columns[:1]).all(axis=0)))
    return Numbers(float(flat.min()), float(flat.max()), rms, units, dead)


@strict_settings
class Watch(Callback):
    """What was seen of each layer at each step that was looked at; `fg.watch` makes it.

    It is a callback of `fg.fit`, and shows itself in a notebook, where it is renewed while training goes on; `print`
    shows a line for each layer.

    Parameters
    ----------
    every : int, optional
        Look at every `every`-th step; by default at so many that looking takes a twentieth of the time.

    Attributes
    ----------
    steps : list of int
        The steps, counted from 1, that were looked at.
    seen : dict of str to dict of str to list
        By layer, and by "values", "gradients" and "updates", the `Numbers` at these steps; None where there were none.
    seconds : float
        Of the processor, for all looks.

    Raises
    ------
    UsageError
        If `every` is no whole number from 1.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> seen = fg.watch(fg.MLP([2, 3], rng=0), every=2)
    >>> _ = fg.fit(fg.MLP([2, 3], rng=0), (np.eye(2), [0, 1]), epochs=3, callbacks=[seen], checks=False, progress=False)
    >>> seen
    <Watch of 1 layer: 2 looks until step 3>
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = None if every is None else read_count("watch", "every", every)
        self.steps: list[int] = []
        self.seen: dict[str, dict[str, list[Numbers | None]]] = {}
        self.seconds = 0.0
        self._since = time.process_time()
        self._told = 0
        self._shown: Any = None
        self._renewed = 0.0
        self._detach: list[Callable[[], None]] = []
        self._look: _Look | None = None

    def _due(self, step: int) -> bool:
        """Whether a step is looked at: the first one, and then as many as the time allows."""
        if self.every is not None:
            return (step - 1) % self.every == 0
        return not self.steps or self.seconds <= SHARE * (time.process_time() - self._since)

    def _note(self, step: int, layers: Mapping[str, Mapping[str, Numbers]]) -> None:
        """Keep what was seen at a step, by layer and by "values", "gradients" and "updates"."""
        self.steps.append(step)
        for layer in (*self.seen, *(name for name in layers if name not in self.seen)):
            kept = self.seen.setdefault(layer, {what: [None] * (len(self.steps) - 1) for what in WHAT})
            for what in WHAT:
                kept[what].append(layers.get(layer, {}).get(what))
        if self._shown is not None and time.perf_counter() - self._renewed > 10 * RENEWED:
            self._renewed = time.perf_counter()
            self._shown.update(self)

    def live(self) -> Self:
        """Show it in this cell of a notebook, where it is renewed once a second while training goes on.

        Returns
        -------
        Watch
            Itself.
        """
        from IPython.display import display

        self._shown = display(self, display_id=True)  # type: ignore[no-untyped-call]
        return self

    def close(self) -> None:
        """Look no more: a module of PyTorch has no hooks left of it."""
        while self._detach:
            self._detach.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Compile what gives values and gradients of the layers, and begin to count the time."""
        self._look = _Look(trainer)
        self._since = time.process_time() - self.seconds / SHARE

    def on_step(self, trainer: Trainer) -> None:
        """Look at the layers, if it is time."""
        if self._look is not None and self._due(trainer.updates):
            start = time.process_time()
            self._note(trainer.updates, self._look.numbers())
            self.seconds += time.process_time() - start

    def on_end(self, trainer: Trainer) -> None:
        """Let go of the examples."""
        self._look = None
        if self._shown is not None:
            self._shown.update(self)

    @property
    def findings(self) -> list[str]:
        """What is wrong with layers, each in a sentence: dead units, NaN, gradients that vanish."""
        return [sentence for layer in self.seen for sentence in self._of_layer(layer)]

    def _of_layer(self, layer: str) -> Iterator[str]:
        for what in WHAT:
            bad = [seen is not None and not np.isfinite(seen.rms) for seen in self.seen[layer][what]]
            if any(bad):
                yield f"{layer}: {what} are not finite since step {self.steps[bad.index(True)]}"
                return
        values = self.seen[layer]["values"]
        last = values[-1] if values else None
        if last is not None and last.dead:
            since = len(values)
            while since and (seen := values[since - 1]) is not None and seen.dead >= last.dead:
                since -= 1
            yield f"{layer}: {last.dead} of {last.units} units dead since step {self.steps[since]}"
        small = [ratio is not None and ratio < UNEVEN for ratio in self._ratios(layer)]
        if small and small[-1]:
            since = len(small) - small[::-1].index(False) if False in small else 0
            yield f"{layer}: gradients below a thousandth of the largest layer's since step {self.steps[since]}"

    def _ratios(self, layer: str) -> list[float | None]:
        """At each step the gradient of a layer as a share of the largest of all layers."""
        ratios: list[float | None] = []
        for place, own in enumerate(self.seen[layer]["gradients"]):
            sizes = [numbers.rms for kept in self.seen.values() if (numbers := kept["gradients"][place]) is not None]
            most = max((size for size in sizes if np.isfinite(size)), default=0.0)
            ratios.append(None if own is None or not most else own.rms / most)
        return ratios

    def scalars(self) -> Iterator[tuple[str, int, float]]:
        """What was seen since it was asked last, for a logger: tag, step and number.

        Yields
        ------
        tuple of str, int, float
            "layer1/gradients rms", the step, the number; for values the dead units too.
        """
        places, self._told = range(self._told, len(self.steps)), len(self.steps)
        for place in places:
            for layer, kept in self.seen.items():
                for what in WHAT:
                    numbers = kept[what][place]
                    if numbers is not None:
                        yield f"{layer}/{what} rms", self.steps[place], numbers.rms
                        yield f"{layer}/{what} low", self.steps[place], numbers.low
                        yield f"{layer}/{what} high", self.steps[place], numbers.high
                        if numbers.units:
                            yield f"{layer}/dead units", self.steps[place], float(numbers.dead)

    def write(self, writer: Any) -> None:
        """Give what was seen since the last time to a `SummaryWriter` of TensorBoard.

        Parameters
        ----------
        writer : SummaryWriter
            Anything that has `add_scalar(tag, value, step)`.
        """
        for tag, step, number in self.scalars():
            writer.add_scalar(tag, number, step)

    def __repr__(self) -> str:
        looked = f"{len(self.steps)} looks" + (f" until step {self.steps[-1]}" if self.steps else "")
        count = len(self.seen)
        return f"<Watch of {count} layer{'s' * (count != 1)}: {looked}>"

    def __str__(self) -> str:
        if not self.steps:
            return "nothing seen yet; give it to fg.fit(callbacks=[...]), or train the module"
        from flowgraph.rendering.wording import number_text  # not for every training

        wide = max(map(len, self.seen))
        lines = [f"{'':<{wide}}  gradients, step {self.steps[0]} to {self.steps[-1]}  now: values, gradients, updates"]
        for layer, kept in self.seen.items():
            shades = "".join(_shade(ratio) for ratio in _thin_out(self._ratios(layer), 30))
            now = ", ".join("–" if (numbers := kept[what][-1]) is None else number_text(numbers.rms) for what in WHAT)
            lines.append(f"{printable(layer):<{wide}}  {shades:<30}  {now}")
        return "\n".join([*lines, *map(printable, self.findings)])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{text(sentence)}</li>" for sentence in self.findings)
        return f"<div><b>{text(repr(self).strip('<>'))}</b>{self.svg()}<ul>{said}</ul></div>"

    def svg(self, theme: str = "light") -> str:
        """The heat over layer and step: gradients against the largest layer's, and the share of dead units below.

        Parameters
        ----------
        theme : {"light", "dark", "print"}, default "light"
            The colours.

        Returns
        -------
        str
            An SVG, which describes itself.
        """
        from flowgraph.rendering.measure import text_width  # not for every training
        from flowgraph.rendering.palette import THEMES, heat_role

        colours, layers = THEMES[theme], list(self.seen)
        places = _thin_out(range(len(self.steps)), MOST_COLUMNS)
        left = 16 + max([text_width(printable(layer), 10) for layer in layers], default=60.0)
        wide, high = 560.0 / max(len(places), 1), 18.0
        parts = []
        for number, layer in enumerate(layers):
            y = 22 + number * (high + 4)
            parts.append(_text(printable(layer), 8, y + 12, colours["ink"]))
            ratios, values = self._ratios(layer), self.seen[layer]["values"]
            for column, place in enumerate(places):
                ratio, value, x = ratios[place], values[place], left + column * wide
                role = "not computed" if ratio is None else heat_role(np.log10(ratio) if ratio > 0 else -np.inf)
                size = "not seen" if ratio is None else f"{ratio:.2g} of the largest"
                said = f"{layer}, step {self.steps[place]}: gradients {size}"
                dead = 0.0 if value is None or not value.units else value.dead / value.units
                said += f", {value.dead} of {value.units} units dead" if value is not None and value.dead else ""
                parts.append(
                    f"<g><title>{escape(said)}</title>{_cell(x, y, wide, high, colours[role])}"
                    f"{_cell(x, y + high * (1 - dead), wide, high * dead, colours['ink']) if dead else ''}</g>"
                )
            last = values[-1] if values else None
            if last is not None and last.dead:
                parts.append(_text(f"{last.dead} of {last.units} dead", left + 566, y + 12, colours["ink"]))
        bottom = 22 + len(layers) * (high + 4)
        legend = "blue: a thousandth of the largest layer's gradient or less; black from below: share of dead units"
        ends = (self.steps[0], self.steps[-1]) if self.steps else (0, 0)
        parts += [
            _text(f"step {ends[0]}", left, 14, colours["muted"]),
            _text(legend, left, bottom + 12, colours["muted"]),
        ]
        parts.append(_text(f"step {ends[1]}", left + 560 - text_width(f"step {ends[1]}", 10), 14, colours["muted"]))
        across, down = left + 680, bottom + 22
        said = "; ".join(self.findings) or f"{len(layers)} layers, nothing that is wrong"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{across:.0f}" height="{down:.0f}" '
            f'viewBox="0 0 {across:.0f} {down:.0f}" style="max-width:100%;height:auto" role="img" '
            f'font-family="Helvetica,Arial,sans-serif"><title>gradients of layers by step</title>'
            f'<desc>{escape(printable(said))}</desc><rect width="100%" height="100%" fill="{colours["paper"]}"/>'
            f"{''.join(parts)}</svg>"
        )


@strict_keywords
def watch(model: Any, every: int | None = None) -> Watch:
    """Record, layer by layer, range and size of values, gradients and updates while a model is trained.

    Of a model of flowgraph it is a callback: `fg.fit(model, data, callbacks=[watch])`. A module of PyTorch is trained
    as ever; hooks look at its layers, until `close` or the end of a `with`.

    Parameters
    ----------
    model : model or torch.nn.Module
        What is trained.
    every : int, optional
        Look at every `every`-th step; by default at so many that looking takes a twentieth of the time.

    Returns
    -------
    Watch
        What was seen; it shows itself.

    Raises
    ------
    UsageError
        If the model is nothing that is trained.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> mlp = fg.MLP([4, 8, 3], rng=0)
    >>> seen = fg.watch(mlp, every=1)
    >>> data = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 3
    >>> _ = fg.fit(mlp, data, epochs=2, callbacks=[seen], checks=False, progress=False)
    >>> seen.steps, list(seen.seen)
    ([1, 2], ['layer1', 'layer2'])
    """
    seen = Watch(every)
    if callable(getattr(model, "register_forward_hook", None)) and callable(getattr(model, "named_modules", None)):
        _Hooks(seen, model)
    elif not callable(model) or not hasattr(model, "parameters"):
        raise UsageError(
            f"watch: found a {type(model).__name__}, needs a model that fg.fit trains, or a module of PyTorch"
        )
    return seen


class _Look:
    """Values and gradients of the layers of a problem on some of its examples, by a plan of its own."""

    def __init__(self, trainer: Trainer) -> None:
        problem, examples = trainer.problem, trainer.examples()
        count = min(len(examples), MOST_EXAMPLES)
        chosen = examples.take(np.linspace(0, len(examples) - 1, count).astype(int))
        self.arrays = [chosen[box] for box in problem.inputs]
        self.owners: dict[str, list[Parameter]] = {}
        for parameter in problem.parameters:
            self.owners.setdefault(problem.layer_of(parameter), []).append(parameter)
        boxes = problem.graph.boxes
        last = {
            layer: [box for box in boxes if box.scope.rstrip("/") == layer and box.children] for layer in self.owners
        }
        self.outputs: dict[str, Box] = {layer: found[-1] for layer, found in last.items() if found}
        grads = gradient(problem.objective, problem.parameters)
        self.plan: Plan = compile([*self.outputs.values(), *grads], {}, problem.inputs)
        self.parameters = problem.parameters
        self.before: dict[Parameter, Array] = {}
        self.numbers()  # compiles the plan

    def numbers(self) -> dict[str, dict[str, Numbers]]:
        """What each layer has now; its update is what its parameters moved by since the last look."""
        results = self.plan(*self.arrays, seed=0)
        values = dict(zip(self.outputs, results, strict=False))
        grads = dict(zip(self.parameters, results[len(values) :], strict=True))
        seen = {}
        for layer, parameters in self.owners.items():
            moved = [parameter.value - self.before.get(parameter, parameter.value) for parameter in parameters]
            seen[layer] = {
                "gradients": _join_arrays([grads[one] for one in parameters]),
                "updates": _join_arrays(moved),
            }
            if layer in values:
                seen[layer]["values"] = numbers_of(values[layer], by_unit=True)
        self.before = {parameter: parameter.value.copy() for parameter in self.parameters}
        return seen


class _Hooks:
    """Hooks on the modules of a network of PyTorch that hold no others, in the steps that are looked at.

    A forward pass in training is a step. In the others there is one hook, before the network.
    """

    def __init__(self, seen: Watch, module: Any) -> None:
        self.seen, self.step = seen, 0
        self.found: dict[str, dict[str, Numbers]] = {}
        self.before: dict[str, Array] = {}
        self.layers = {name: part for name, part in module.named_modules() if name and not next(part.children(), None)}
        self.handles: list[Any] = []
        begin = module.register_forward_pre_hook(self._begin)
        seen._detach += [self._finish, begin.remove]

    def _begin(self, module: Any, inputs: Any) -> None:
        start = time.process_time()
        self._finish()
        if not module.training:
            return
        self.step += 1
        if self.seen._due(self.step):
            self.before = {name: _array(part).copy() for name, part in module.named_parameters()}
            self.handles = [part.register_forward_hook(self._forward(name)) for name, part in self.layers.items()]
        self.seen.seconds += time.process_time() - start

    def _finish(self) -> None:
        """Note what was seen of a step, once its update is done: at the next one, or at the end."""
        while self.handles:
            self.handles.pop().remove()
        if self.found:
            for name in self.layers:
                own = [parameter for parameter in self.before if parameter.rpartition(".")[0] == name]
                if own:
                    now = dict(self.layers[name].named_parameters())
                    moved = [_array(now[parameter.rpartition(".")[2]]) - self.before[parameter] for parameter in own]
                    self.found.setdefault(name, {})["updates"] = _join_arrays(moved)
            self.seen._note(self.step, self.found)
        self.found, self.before = {}, {}

    def _forward(self, name: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if not hasattr(output, "register_hook"):
                return
            start = time.process_time()
            self.found.setdefault(name, {})["values"] = numbers_of(_array(output), by_unit=True)
            if output.requires_grad:
                output.register_hook(self._backward(name))
            self.seen.seconds += time.process_time() - start

        return hook

    def _backward(self, name: str) -> Callable[[Any], None]:
        found = self.found

        def hook(grad: Any) -> None:
            start = time.process_time()
            found[name]["gradients"] = numbers_of(_array(grad))
            self.seen.seconds += time.process_time() - start

        return hook


def _array(tensor: Any) -> Array:
    """The numbers of a tensor of PyTorch, in the memory of the processor."""
    array: Array = np.asarray(tensor.detach().float().cpu().numpy())
    return array


def _join_arrays(arrays: Sequence[Array]) -> Numbers:
    return numbers_of(np.concatenate([np.reshape(array, -1) for array in arrays]))


def _thin_out(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, the last one among them."""
    every = -(-len(items) // most) if items else 1
    return list(items[::-1][::every])[::-1]


def _shade(ratio: float | None) -> str:
    """A sign for a gradient as a share of the largest: a higher bar for more, in steps of half a power of ten."""
    if ratio is None:
        return " "
    if not np.isfinite(ratio):
        return "!"
    return "▁▂▃▄▅▆▇█"[int(min(7, max(0, 7 + 2 * np.log10(ratio)))) if ratio > 0 else 0]


def _text(words: str, x: float, y: float, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="10" fill="{colour}">{escape(words)}</text>'


def _cell(x: float, y: float, wide: float, high: float, colour: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.1f}" width="{wide + 0.2:.2f}" height="{high:.1f}" fill="{colour}"/>'
