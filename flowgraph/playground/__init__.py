"""The playground: a page in which a network of two inputs trains, computed by plans in JavaScript."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowgraph.playground.page import playground as playground


def __getattr__(name: str) -> Any:
    if name != "playground":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowgraph.playground.page import playground

    return playground
