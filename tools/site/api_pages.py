"""The reference of the Python names: what `flowgraph` exports by topic, its modules, and its boxes by family."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flowgraph as fg
from flowgraph.box import Box, Leaf
from flowgraph.rendering.gallery import curves_of, derivative_of

MODULES = (
    "flowgraph.functional", "flowgraph.data", "flowgraph.training", "flowgraph.experiment", "flowgraph.search",
    "flowgraph.checking", "flowgraph.mutation", "flowgraph.testing", "flowgraph.teaching", "flowgraph.figures",
    "flowgraph.stats", "flowgraph.interop.autograd", "flowgraph.interop.jax", "flowgraph.interop.loggers",
    "flowgraph.interop.onnx", "flowgraph.interop.sklearn", "flowgraph.interop.torch", "flowgraph.interop.widget",
)  # fmt: skip
"""The modules that are imported by their own names, whose public names are those of `__all__`."""

NAMES = "names"
"""The folder of the pages that autosummary writes, one per name."""

TOPICS = {
    "box": "Boxes and leaves", "shapes": "Shapes", "graph": "Graphs and runs", "derivatives": "Derivatives",
    "plan": "Plans", "functional": "Functions", "checking": "Checking", "saving": "Saving", "training": "Training",
    "boxes": "Functions of boxes", "rendering": "Pictures", "interop": "Other packages", "errors": "Errors",
}  # fmt: skip
"""What is said of the folder in which a public name stands, in the order of the page."""


def api_pages() -> dict[str, str]:
    """The pages by the name of their file."""
    families = _families()
    made = {
        "api.rst": _names_page(),
        "modules.rst": _index("Modules", "What is imported by the name of its module.", map(_page_name, MODULES)),
        "boxes.rst": _index(
            "Boxes by family",
            "Every public box, with its formula, its settings and its picture; "
            ":doc:`/coverage` says which function of NumPy builds which box.",
            [f"boxes-{family}" for family in families],
        ),
    }
    made |= {f"boxes-{family}.rst": _family_page(family, boxes) for family, boxes in families.items()}
    return made | {f"{_page_name(module)}.rst": _module_page(module) for module in MODULES}


def public_names() -> dict[str, Any]:
    """The names of `flowgraph.__all__` that are no operations of the DAG; those are on the pages of the families."""
    return {name: one for name in sorted(fg.__all__) if not _is_operation(one := getattr(fg, name))}


def public_boxes() -> list[type[Box]]:
    """The operations of the DAG among the public names."""
    return [one for name in sorted(fg.__all__) if _is_operation(one := getattr(fg, name))]


def _is_operation(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, Box) and not issubclass(one, Leaf) and _family(one) is not None


def _family(cls: type) -> str | None:
    """The folder of a box under flowgraph/boxes/."""
    parts = cls.__module__.split(".")
    return parts[2] if parts[:2] == ["flowgraph", "boxes"] else None


def _families() -> dict[str, list[type[Box]]]:
    found: dict[str, list[type[Box]]] = {}
    for cls in public_boxes():
        found.setdefault(str(_family(cls)), []).append(cls)
    return dict(sorted(found.items()))


def _names_page() -> str:
    by_topic: dict[str, list[str]] = {topic: [] for topic in TOPICS}
    for name, one in public_names().items():
        by_topic.setdefault(_topic(one), []).append(name)
    lines = [*_title("Public names"), "``import flowgraph as fg``, and each of these is ``fg.<name>``.", ""]
    for topic, names in by_topic.items():
        lines += [*_title(TOPICS.get(topic, topic.capitalize()), "-"), *_summary("flowgraph", names)] if names else []
    return "\n".join(lines) + "\n"


def _topic(one: Any) -> str:
    """The folder of the package in which it stands; the one table among the names is that of the boxes."""
    where: str = one.__name__ if inspect.ismodule(one) else getattr(one, "__module__", "flowgraph.box")
    return where.split(".")[1]


def _module_page(module: str) -> str:
    found = importlib.import_module(module)
    lines = [*_title(f"``{module}``"), _first_words(found), ""]
    others = [name for name in sorted(found.__all__) if getattr(fg, name, None) is not getattr(found, name)]
    if len(others) < len(found.__all__):
        exported = sorted(set(found.__all__) - set(others))
        lines += [f"Also in :doc:`api`: {', '.join(f'``{name}``' for name in exported)}.", ""]
    return "\n".join([*lines, *_summary(module, others)]) + "\n"


def _first_words(module: Any) -> str:
    """The first paragraph of what a module says of itself."""
    return inspect.cleandoc(module.__doc__ or "").partition("\n\n")[0].replace("`", "``")


def _summary(module: str, names: Iterable[str]) -> list[str]:
    """A table of functions, classes and modules, each with a page of its own; then what is data, such as a dict."""
    found = {name: getattr(importlib.import_module(module), name) for name in names}
    data = [name for name, one in found.items() if not callable(one) and not inspect.ismodule(one)]
    lines = [f".. currentmodule:: {module}", "", ".. autosummary::", f"   :toctree: {NAMES}", "   :nosignatures:", ""]
    lines += [f"   {name}" for name in found if name not in data]
    for name in data:
        lines += ["", f".. autodata:: {_home(module, name)}.{name}", "   :no-value:"]
    return [*lines, ""]


def _home(module: str, name: str) -> str:
    """The module that assigns a name, below which its text stands."""
    for path in sorted(Path(fg.__file__).parent.rglob("*.py")):
        where = ".".join(path.relative_to(Path(fg.__file__).parent.parent).with_suffix("").parts)
        if where.startswith(f"{module}.") and re.search(rf"^{name}\b.* = ", path.read_text(encoding="utf-8"), re.M):
            return where
    return module


def _family_page(family: str, boxes: Iterable[type[Box]]) -> str:
    about = _first_words(importlib.import_module(f"flowgraph.boxes.{family}"))
    lines = [*_title(family.replace("_", " ").capitalize()), about, "", ".. currentmodule:: flowgraph", ""]
    for cls in boxes:
        lines += [f".. autoclass:: {cls.__name__}", ""]
        lines += _declared(cls)
    return "\n".join(lines) + "\n"


def _declared(cls: type[Box]) -> list[str]:
    """The formulas and the picture of a box; its docstring says what else the class declares."""
    formulas = {"value": cls.formula, "derivative": derivative_of(cls)}
    lines = [f":{word}: :math:`{formula}`" for word, formula in formulas.items() if formula]
    if cls.examples is not None:
        lines += ["", f".. image:: /gallery/{cls.__name__}.svg", f"   :alt: {_drawn_as(cls)}"]
    return [*lines, ""]


def _drawn_as(cls: type[Box]) -> str:
    return f"{cls.__name__}{': value and derivative' if curves_of(cls)[1] else ' as a graph'}"


def _index(title: str, text: str, names: Iterable[str]) -> str:
    lines = [*_title(title), text, "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in names)]
    return "\n".join(lines) + "\n"


def _page_name(module: str) -> str:
    return f"module-{module.removeprefix('flowgraph.').replace('.', '-')}"


def _title(text: str, mark: str = "=") -> list[str]:
    return [text, mark * len(text), ""]
