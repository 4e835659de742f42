"""What the modules of a network are called in a picture: their names and kinds, "0 · Linear 16→32"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flowgraph.errors import UsageError


def titles_of(network: Any) -> dict[str, str]:
    """A title for the path of each module of a network, or those of a mapping; none for None.

    A network is an object that lists its modules as those of PyTorch do, by `named_modules`.
    """
    if network is None:
        return {}
    if isinstance(network, Mapping):
        return {str(path): str(title) for path, title in network.items()}
    if not callable(getattr(network, "named_modules", None)):
        raise UsageError(
            f"render: found a {type(network).__name__} as titles=, needs a network that has named_modules(), as "
            f"those of PyTorch have, or a dict of titles by the paths of scopes"
        )
    return {path.replace(".", "/"): _title(path, module) for path, module in network.named_modules() if path}


def _title(path: str, module: Any) -> str:
    return f"{path.rpartition('.')[2]} · {' '.join([type(module).__name__, *_sizes(module)])}"


def _sizes(module: Any) -> Iterable[str]:
    """The sizes that a module of PyTorch was made with."""
    kernel = getattr(module, "kernel_size", None)
    if isinstance(kernel, tuple):
        yield "×".join(map(str, kernel))
    elif isinstance(kernel, int):
        yield f"{kernel}×{kernel}"
    for ends in (("in_features", "out_features"), ("in_channels", "out_channels"), ("input_size", "hidden_size")):
        one, other = (getattr(module, end, None) for end in ends)
        if isinstance(one, int) and isinstance(other, int):
            yield f"{one}→{other}"
    for name in ("num_features", "normalized_shape"):
        size = getattr(module, name, None)
        if isinstance(size, int | tuple):
            yield "×".join(map(str, size)) if isinstance(size, tuple) else str(size)
