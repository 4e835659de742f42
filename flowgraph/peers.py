"""What differs between the releases of other libraries that are promised: the one place to mend for a new release.

Code names a function that some releases lack, or that one of them deprecates, by `existing`, and reads what a release
has named anew by a function of this file. A new release that moves something is a row or a branch here.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from flowgraph.starting import refuse

DISTRIBUTION = "flowgraph-autodiff"
"""The name under which the package is installed; the bare name belongs to another one."""

PUBLISHED = False
"""Whether a package index has the distribution; until then it is installed from a clone, by the name of its folder.

Every line that installs it is written from here: those of errors and of the playground when they are shown, those of
pages by `python -m tools.install_lines`.
"""


def requirement(extras: str = "", clone: str = ".") -> str:
    """What pip is given to install the package with extras, "cli,data", as a shell takes it.

    Until the package is published that is the folder of a clone.

    >>> from flowgraph.peers import requirement
    >>> requirement("cli,data")
    '".[cli,data]"'
    >>> requirement()
    '.'
    """
    name = DISTRIBUTION if PUBLISHED else clone
    return f'"{name}[{extras}]"' if extras else name


def install_command(extras: str = "", *, upgrade: bool = False) -> str:
    """The command that installs the package with extras, and where to run it.

    >>> from flowgraph.peers import install_command
    >>> install_command("cli")
    'pip install ".[cli]" in a clone of flowgraph'
    """
    place = "" if PUBLISHED else " in a clone of flowgraph"
    return f"pip install {'--upgrade ' * upgrade}{requirement(extras)}{place}"


NAMES: dict[str, str] = {
    "jax.extend.core.ClosedJaxpr": "from JAX 0.12 on another name of Jaxpr",
    "numpy.fix": "deprecated in NumPy 2.5",
    "torch.ops.aten.cholesky": "gone in PyTorch 2.15",
}
"""Names that not every promised release has, or that one of them deprecates, each with the release."""


LOG_LOSSES = ("log_loss", "d2_log_loss_score")
"""Metrics of scikit-learn that take probabilities, which its older releases call `y_pred`, as others call classes."""

LOWEST_NUMPY = "2.3"
"""As in pyproject.toml; what imports the package is told before anything of it fails."""

PACKAGES = {"sklearn": "scikit-learn"}
"""Modules that are not called as the package that installs them."""


class Outdated(NamedTuple):
    """A package that is older than this package promises to run with."""

    package: str
    version: str
    lowest: str


def find_outdated(module: str) -> Outdated | None:
    """What is too old of the package that a module belongs to, None where nothing is or no version is known.

    >>> from flowgraph.peers import find_outdated
    >>> find_outdated("numpy")
    """
    return _look_up_outdated(module.partition(".")[0])


@functools.cache
def _look_up_outdated(root: str) -> Outdated | None:
    metadata = importlib.import_module("importlib.metadata")
    package = PACKAGES.get(root, root)
    lowest = _lowest_versions().get(package)
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    is_old = lowest is not None and _numbers(version) < _numbers(lowest)
    return Outdated(package, version, lowest) if is_old and lowest is not None else None


@functools.cache
def _lowest_versions() -> dict[str, str]:
    """The lowest version of each package that pyproject.toml allows, as the installed package says."""
    metadata = importlib.import_module("importlib.metadata")
    try:
        requirements = metadata.requires(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:  # it runs from a folder
        return {}
    found = (re.match(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)", one.replace(" ", "")) for one in requirements)
    return {one[1]: one[2] for one in found if one is not None}


def _numbers(version: str) -> list[int]:
    """The numbers of a release, which say its order."""
    return [int(number) for number in re.findall(r"\d+", re.split(r"[a-zA-Z+]", version)[0])]


if _numbers(np.__version__) < _numbers(LOWEST_NUMPY):
    refuse(f"flowgraph: found NumPy {np.__version__}, needs {LOWEST_NUMPY} or newer")


def existing(*names: str) -> tuple[Any, ...]:
    """Those of these functions that the installed releases have; their names are rows of `NAMES`.

    >>> from flowgraph.peers import existing
    >>> [function.__name__ for function in existing("numpy.fix")]
    ['fix']
    """
    found: list[Any] = []
    for name in names:
        if name not in NAMES:
            raise KeyError(f"existing: found {name}, which every release has; write it, or add its row to NAMES")
        package, *path = name.split(".")
        one: Any = importlib.import_module(package)
        for part in path:
            one = getattr(one, part, None)
        if one is not None:
            found.append(one)
    return tuple(found)


def scan_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a `scan` of JAX as JAX 0.11 names them: `num_consts` and `num_carry` say what its arrays are.

    JAX 0.12 has trees in their place, `ft_in` of the constants, the carry and the sequences, and `ft_out`.
    """
    named = dict(parameters)
    if "ft_in" in named:
        constants, carry, _ = named.pop("ft_in").unpack()
        named |= {"num_consts": len(list(constants)), "num_carry": len(list(carry))}
        named.pop("ft_out", None)
    return named


def function_of_jaxpr(jaxpr: Any) -> Any:
    """A jaxpr without constants as a function of arrays; JAX before 0.12 runs only one that is closed over them."""
    core = importlib.import_module("jax.extend.core")
    closed = existing("jax.extend.core.ClosedJaxpr")
    return core.jaxpr_as_fun(closed[0](jaxpr, ()) if closed else jaxpr)


def bind_arguments(primitive: Any, parameters: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The functions and parameters with which a primitive of JAX is bound again; some releases give both, as a pair."""
    bound = primitive.get_bind_params(parameters)
    return ((), bound) if isinstance(bound, dict) else bound
