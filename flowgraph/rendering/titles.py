"""What scopes are called: by their names, or by the modules of a network with their kinds, sizes and calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowgraph.errors import UsageError
from flowgraph.rendering.subject import Subject


@dataclass(frozen=True)
class Titles:
    """What the scopes of a subject are called.

    `modules` has a title for the path of each module of a network, `unread` the sizes of its parameters that the graph
    does not hold, by their paths.
    """

    subject: Subject
    modules: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)

    def of_module(self, path: str) -> str:
        """The title of the module whose call a scope is; "" for a scope that is none."""
        return self.modules.get(path) or self.modules.get(of_first_call(path), "")

    def of(self, path: str) -> str:
        """The title of a scope; a further call of a module, and a further part of a scope, has its number."""
        part = self.subject.part.get(path)
        own = path if part is None else path.rpartition("~")[0]
        name = own.rpartition("/")[2]
        title = self.of_module(path)
        words = [title or name]
        if title and (call := name.partition("@")[2]):
            words.append(f"{_ordinal(int(call) + 1)} call")
        return ", ".join([*words, *([] if part is None else [f"part {part}"])])

    def of_run(self, paths: Sequence[str]) -> str:
        """The title of scopes that are one tile: of one, or of the first and the last of several."""
        first, last = paths[0], paths[-1]
        module = self.of_module(first)
        if first == last or first == of_first_call(last):
            return self.of(first) if module else f"{first.rpartition('/')[0]}/{self.of(first)}".lstrip("/")
        if module and of_first_call(first) == of_first_call(last):
            return f"{self.of(first).removesuffix(' call')} to {self.of(last).rpartition(', ')[2]}"
        if not self.modules:
            return run_path(paths)
        kinds = {kind_of(self.of_module(path)) for path in paths}
        kind = kinds.pop() if len(kinds) == 1 else ""
        return f"{run_path([of_first_call(path) for path in paths])} · {kind}" if kind else run_path(paths)

    def modules_in(self, path: str) -> list[str]:
        """The titles of the modules inside of one that hold no others."""
        around = of_first_call(path)
        inner = {name for name in self.modules if f"{name}/".startswith(f"{around}/".lstrip("/")) and name != around}
        holding = {name.rpartition("/")[0] for name in inner}
        return [self.modules[name] for name in self.modules if name in inner - holding]

    def unread_in(self, paths: Iterable[str]) -> int:
        """How many numbers of parameters of the modules of these scopes are not read; "" is the whole network."""
        modules = {of_first_call(path) for path in paths}
        return sum(
            size
            for name, size in self.unread.items()
            if any(f"{name}/".startswith(f"{path}/".lstrip("/")) for path in modules)
        )


def kind_of(title: str) -> str:
    """The kind and the sizes in the title of a module: "Linear 3→4" of "0 · Linear 3→4"."""
    return title.partition(" · ")[2]


def run_path(paths: Sequence[str]) -> str:
    """The path of scopes that are one tile: "layer1–60" or "block4b–e" for the first and the last of several."""
    first, last = paths[0], paths[-1]
    if first == last or first == of_first_call(last):
        return first
    stem = len(first.rstrip("0123456789"))
    if first[:stem] == last[:stem] and last[stem:].isdigit():
        return f"{first}–{last[stem:]}"
    lettered = first[:-1] == last[:-1] and first[-2:-1].isalnum() and first[-1].isalpha() and last[-1].isalpha()
    return f"{first}–{last[-1]}" if lettered else f"{first} … {last}"


def parameters_text(count: int, unread: int) -> str:
    """How many parameters there are, and of them those that nothing reads."""
    return f"{count + unread:,} parameters" + (f", {unread:,} of them not read" if unread else "")


def of_first_call(path: str) -> str:
    """The path of a module without the numbers of its calls and parts: "net/cell" of "net/cell@2" and "net/cell~2"."""
    return "/".join(re.split("[@~]", name)[0] for name in path.split("/"))


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def titles_of(subject: Subject, network: Any) -> Titles:
    """The titles of scopes by the modules of a network, or by a mapping of titles by paths.

    A network is an object that lists its modules as those of PyTorch do, by `named_modules`.
    """
    if network is None or isinstance(network, Titles):
        return network or Titles(subject)
    if isinstance(network, Mapping):
        return Titles(subject, {str(path): str(title) for path, title in network.items()})
    if not callable(getattr(network, "named_modules", None)):
        raise UsageError(
            f"render: found a {type(network).__name__} as titles=, needs a network that has named_modules(), as "
            f"those of PyTorch have, or a dict of titles by the paths of scopes"
        )
    modules = {path.replace(".", "/"): _title(path, module) for path, module in network.named_modules()}
    return Titles(subject, modules, _unread(subject, network))


def _unread(subject: Subject, network: Any) -> dict[str, int]:
    """The trained parameters of a network that its graph does not hold; one of several names counts once."""
    held = {box.name for box in subject.graph.parameters}
    names: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for path, parameter in network.named_parameters(remove_duplicate=False):
        if parameter.requires_grad:
            names.setdefault(id(parameter), []).append(path.replace(".", "/"))
            sizes[id(parameter)] = parameter.numel()
    return {known[0]: sizes[key] for key, known in names.items() if held.isdisjoint(known)}


def _title(path: str, module: Any) -> str:
    kind = " ".join([type(module).__name__, *_sizes(module)])
    return f"{path.rpartition('.')[2]} · {kind}" if path else kind


def _sizes(module: Any) -> Iterable[str]:
    """The sizes that a module of PyTorch was made with."""
    kernel = getattr(module, "kernel_size", None)
    if isinstance(kernel, tuple):
        yield "×".join(map(str, kernel))
    elif isinstance(kernel, int):
        yield f"{kernel}×{kernel}"
    for ends in (("in_features", "out_features"), ("in_channels", "out_channels"), ("input_size", "hidden_size")):
        incoming, other = (getattr(module, end, None) for end in ends)
        if isinstance(incoming, int) and isinstance(other, int):
            yield f"{incoming}→{other}"
    for name in ("num_features", "normalized_shape"):
        size = getattr(module, name, None)
        if isinstance(size, int | tuple):
            yield "×".join(map(str, size)) if isinstance(size, tuple) else str(size)
