"""The text that help() and the site show of a box class: its docstring, with sections made from its declarations."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import numpy as np

from flowgraph.box.settings import annotation_of, default_of
from flowgraph.box.vocabulary import Example, Interval, Value
from flowgraph.shapes.spec import Signature

WORDS = {
    "axis": "The axis of the operation; a negative one counts from the last.",
    "axis or axes": "The axis or axes of the operation; a negative one counts from the last, None means all.",
    "keepdims": "Whether the reduced axes stay, with size 1.",
    "ddof": "Delta degrees of freedom: N - ddof elements divide the sum.",
    "ignore_nan": "Whether elements that are NaN are left out.",
    "stride": "Steps between windows, in elements: an int for every spatial axis, or one per axis.",
    "stride or size": "Steps between windows, in elements: an int or one per axis; None for the size of the window.",
    "size": "Size of the window in elements: an int for the last two axes, or one per axis.",
    "padding": (
        "Zeros before and after each spatial axis, in elements: an int for all, one int or pair per axis, or 'same'."
    ),
    "dilation": "Distance between the elements of a window, in elements: an int for all axes, or one per axis.",
    "groups": "Number of groups of channels that are convolved separately.",
    "s": "Lengths of the transformed axes, in elements; None keeps those of the child.",
    "norm": "How the transform is scaled, as in `numpy.fft`; None stands for 'backward'.",
    "axes": "The axes of the operation; None means all.",
}
"""What settings mean that have one meaning in every box; a class describes its own in its docstring."""

_WITH_NONE = {"axis": "axis or axes", "stride": "stride or size"}
"""Where a setting may be None: its key in `WORDS`, whose text says what None means."""


def setting_lines(cls: type[Any], name: str) -> str:
    """The entry of a setting in the section Parameters."""
    annotation = annotation_of(cls, name)
    is_open = type(None) in get_args(annotation)
    key = _WITH_NONE.get(name, name) if is_open else name
    words = WORDS.get(key, "") if cls.built_in else ""
    default = default_of(cls.settings[name])
    shown = "" if default is inspect.Parameter.empty else f", default {default!r}"
    return f"{name} : {type_text(annotation)}{shown}" + (f"\n    {words}" if words else "")


def type_text(annotation: Any) -> str:
    """An annotation as numpydoc writes types.

    >>> type_text(tuple[int, ...] | None), type_text(Annotated[int, Interval(1)]), type_text(Literal["L", "U"])
    ('tuple of int or None', 'int, at least 1', "{'L', 'U'}")
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(arguments[0]) + "".join(
            _bounds(bound) for bound in arguments[1:] if isinstance(bound, Interval)
        )
    if origin is Literal:
        return f"{{{', '.join(map(repr, arguments))}}}"
    if origin in (Union, types.UnionType):
        return " or ".join(type_text(part) for part in arguments)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return "tuple" if arguments[0] is Any else f"tuple of {type_text(arguments[0])}"
    if origin is tuple and arguments:
        return f"({', '.join(type_text(part) for part in arguments)})"
    return _type_name(annotation if origin is None else origin)


def _type_name(annotation: Any) -> str:
    named = {Any: "object", types.NoneType: "None", np.ndarray: "ndarray"}
    return named[annotation] if annotation in named else str(getattr(annotation, "__name__", annotation))


def _bounds(interval: Interval) -> str:
    low, high = ("above", "below") if interval.open else ("at least", "at most")
    lower = f"{low} {interval.low:g}" if interval.low != -inf else ""
    upper = f"{high} {interval.high:g}" if interval.high != inf else ""
    return "".join(f", {limit}" for limit in (lower, upper) if limit)


_MOST = 24
"""Elements of an array that is printed; a larger one would not be read."""

_LONGEST = 300
"""Characters of a child, which take four lines."""

_DIGITS = 8
"""Characters of a number that is written as it is."""

_WIDTH = 88
"""Characters of a line, as of a terminal."""


class _Child(NamedTuple):
    """A child as it is written, and its value."""

    text: str
    value: Value


def example_text(cls: type[Any]) -> str:
    """Lines of doctest for a box of flowgraph's own; nothing for one whose examples are too large to print.

    A box of somebody else is not run when its text is read.

    >>> from flowgraph.boxes import Tanh
    >>> example_text(Tanh).splitlines()[2]
    '>>> box = fg.Tanh([-1.0, 0.25, 1.5])'
    """
    if not cls.built_in or cls.examples is None:
        return ""
    for example in (*_three_numbers(cls), *cls.examples):
        children = [_example_child(cls, position, child) for position, child in enumerate(example.children)]
        if all(len(child.text) <= _LONGEST for child in children):
            value = _value(cls, [child.value for child in children], example)
            if value is not None:
                return "\n".join(_lines(cls, [child.text for child in children], example, value))
    return ""


def _three_numbers(cls: type[Any]) -> list[Example]:
    """Three numbers for each child, where a box works element by element and needs nothing else."""
    fits = cls.by_element and not cls.variadic
    required = any(default_of(field) is inspect.Parameter.empty for field in cls.settings.values())
    given = [child for example in cls.examples for child in example.children]
    if required or not fits or any(not isinstance(child, tuple) for child in given):
        return []
    return [Example(((3,),) * len(cls.child_names))]


def _example_child(cls: type[Any], position: int, given: Any) -> _Child:
    """An array as it is; for a shape, numbers of the domain, other ones for each child."""
    if not isinstance(given, tuple):
        array = _short(np.asarray(given))
        return _Child(_text_of_child(array), array)
    count = int(np.prod(given))
    low, high = _range(cls, position, count)
    numbers = np.linspace(low, high, count)
    if count > _MOST:
        return _Child(f"np.linspace({low}, {high}, {count}).reshape{given}", numbers.reshape(given))
    rounded = np.round(numbers, 2).reshape(given)
    return _Child(_text_of_child(rounded), rounded)


def _short(array: Value) -> Value:
    """The array, with two decimals where it has numbers of many, such as 1/3."""
    is_long = array.dtype == np.float64 and any(len(repr(number)) > _DIGITS for number in array.ravel().tolist())
    return np.round(array, 2) if is_long else array


def _range(cls: type[Any], position: int, count: int) -> tuple[float, float]:
    """The first and the last number of a child: inside its domain, and not the same for every child."""
    name = cls.child_names[min(position, len(cls.child_names) - 1)]
    interval = cls.domain.get(name)
    if interval is None:
        return -1.0 + 0.5 * position, 1.5 + 0.5 * position
    low, high = interval.low, interval.high
    low, high = (high - 2 if low == -inf else low), (low + 2 if high == inf else high)
    margin = (high - low) * (0.15 + 0.1 * (position % 2))
    return round(low + margin, 2), round(high - margin, 2)


def _value(cls: type[Any], children: Sequence[Value], example: Example) -> Any:
    """The value, where there is one that can be printed."""
    try:
        with np.errstate(all="ignore"):
            value = cls.apply(*children, **example.settings)
    except (ValueError, ArithmeticError, ImportError, np.linalg.LinAlgError):
        return None
    parts = value if isinstance(value, tuple) else (value,)
    return value if all(np.all(np.isfinite(part)) for part in parts) else None


def _lines(cls: type[Any], given: Sequence[str], example: Example, value: Any) -> list[str]:
    settings = [f"{name}={_setting(setting)}" for name, setting in example.settings.items()]
    box = f"{'fg' if cls.public else 'fg.boxes'}.{cls.__name__}"
    lines = [f">>> box = {box}({', '.join([*given, *settings])})"]
    if len(lines[0]) > _WIDTH:
        names = _names(cls, len(given))
        lines = [f">>> {name} = {_wrap_rows(text, name)}" for name, text in zip(names, given, strict=True)]
        lines.append(f">>> box = {box}({', '.join([*names, *settings])})")
    call, result = _print_value(value)
    if "np." in "".join([*lines, call]):
        lines.insert(0, ">>> import numpy as np")
    return [">>> import flowgraph as fg", *lines, f">>> {call}", result]


def _names(cls: type[Any], count: int) -> list[str]:
    """A variable for each child."""
    fixed = len(cls.child_names) - cls.variadic
    return [*cls.child_names[:fixed], *(f"{cls.child_names[-1]}_{i}" for i in range(count - fixed))]


def _wrap_rows(text: str, name: str) -> str:
    """A nested list with one row to a line."""
    margin = f"\n...{' ' * (len(name) + 4)}"
    return text.replace("], [", f"],{margin}[") if len(text) + len(name) > _WIDTH - 8 else text


def _print_value(value: Any) -> tuple[str, str]:
    """A call and its printed value; shapes only for several outputs, as the sign of an eigenvector is arbitrary."""
    call = "fg.Graph(box).fprop()[box]"
    if isinstance(value, tuple):
        return f"[part.shape for part in {call}]", repr([np.shape(part) for part in value])
    array = np.asarray(value)
    if array.size > _MOST:
        return f"{call}.shape", repr(array.shape)
    if array.dtype.kind in "fc":
        call, array = f"np.round({call}, 4)", np.round(array, 4)
    if not array.ndim:
        return f"print({call})", str(array)
    return call, repr(array).replace("\n\n", "\n<BLANKLINE>\n")


def _setting(value: object) -> str:
    return repr(np.dtype(value).name) if isinstance(value, type) else repr(value)


def _text_of_child(child: Value) -> str:
    """Floats as a list, or the number; another dtype would not survive in a list of no elements."""
    if child.size and child.dtype in (np.float64, np.int_, np.bool_):
        return repr(child.tolist())
    return f"np.array({child.tolist()!r}, dtype={child.dtype.name!r})"


_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_ORDER = ("Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples")
"""The sections in numpydoc's order."""


class HelpText:
    """`__doc__` of a box class: its docstring, then numpydoc sections generated from its declarations.

    The sections are made when they are read, not when the class is defined, so an import takes no longer for them. What
    a docstring says of a parameter, in a section of its own, stands in place of what would be made.
    """

    def __init__(self, written: str | None) -> None:
        self.written = written or ""

    def __get__(self, box: object, cls: type[Any]) -> str:
        try:
            return help_text(cls, inspect.cleandoc(self.written))
        except AttributeError:  # the class is being made, and has not read its declarations yet
            return self.written


def help_text(cls: type[Any], written: str) -> str:
    """The docstring of a box class with the sections Parameters, Raises, Notes and Examples.

    >>> from flowgraph.boxes import LeakyReLU
    >>> LeakyReLU.__doc__.partition("slope : ")[2].splitlines()[:2]
    ['float, default 0.01', '    Slope for a < 0, dimensionless.']
    """
    prose, sections = _parse_sections(written)
    sections["Parameters"] = _parameters(cls, prose, sections.get("Parameters", ""))
    sections.setdefault("Raises", _raises(cls))
    sections["Notes"] = "\n".join(filter(None, [sections.get("Notes", ""), *_notes(cls)]))
    if ">>>" not in written:
        sections["Examples"] = example_text(cls)
    parts = [prose]
    parts += [f"{name}\n{'-' * len(name)}\n{sections[name]}" for name in _ORDER if sections.get(name)]
    return "\n\n".join(part for part in parts if part)


def _parse_sections(written: str) -> tuple[str, dict[str, str]]:
    """The text before the first section, and the sections by name."""
    prose, *rest = _HEADING.split(written)
    return prose.strip(), dict(zip(rest[::2], (text.strip("\n") for text in rest[1::2]), strict=True))


def _parameters(cls: type[Any], prose: str, written: str) -> str:
    """One entry per child and setting; an entry written by hand is kept."""
    own = dict(re.findall(r"^(\w+)( :.*(?:\n[ ]+.*)*)", written, re.MULTILINE))
    last = len(cls.child_names) - 1
    lines = []
    for position, name in enumerate(cls.child_names):
        star = "*" * (cls.variadic and position == last)
        lines.append(f"{star}{name}{own[name]}" if name in own else _child(cls, position, star, prose))
    lines += [f"{name}{own[name]}" if name in own else setting_lines(cls, name) for name in cls.settings]
    lines.append("name : str, optional\n    Name of the node, in tables, pictures and errors.")
    return "\n".join(lines)


def _child(cls: type[Any], position: int, star: str, prose: str) -> str:
    name = cls.child_names[position]
    said = ["Children" if star else "Child"]
    said[0] += f", {_shape(cls, position, prose)}."
    if name in cls.domain:
        said.append(f"Values in {interval_text(cls.domain[name])}.")
    if name in cls.not_implemented_children:
        said.append("The derivative with respect to it is not implemented.")
    elif name in cls.constant_children:
        said.append("Constant: no gradient is sent to it.")
    return f"{star}{name} : box or array_like\n    {' '.join(said)}"


def _shape(cls: type[Any], position: int, prose: str) -> str:
    """The shape of a child: from the signature, from the line "Shapes:" of the docstring, else "broadcasts"."""
    told = re.search(rf"Shapes:[^.]*?\b{cls.child_names[position]} (\([^()]*(?:\([^()]*\)[^()]*)*\))", prose)
    if told:
        return f"shape {' '.join(told[1].split())}"
    if isinstance(cls.signature, Signature) and not cls.variadic:
        return f"shape ({', '.join(['...', *cls.signature.children[position]])})"
    if len(cls.child_names) == 1 or "like" in cls.child_names[position]:
        return "any shape"
    if _is_elementwise(cls):
        return "any shape that broadcasts with the other children"
    return "of the shape that is given above" if "Shapes:" in prose else "an array"


def _is_elementwise(cls: type[Any]) -> bool:
    """Whether the children broadcast; a loss, which works element by element too, has a rule of its own."""
    owner = next(base for base in cls.__mro__ if "infer" in vars(base))
    return bool(vars(owner).get("by_element", False))


def interval_text(interval: Any) -> str:
    """An interval as mathematics writes it.

    >>> from flowgraph import Interval
    >>> interval_text(Interval(0, 1)), interval_text(Interval(0, open=True))
    ('[0, 1]', '(0, ∞)')
    """
    low = "(-∞" if interval.low == -inf else f"{'(' if interval.open else '['}{interval.low:.4g}"
    high = "∞)" if interval.high == inf else f"{interval.high:.4g}{')' if interval.open else ']'}"
    return f"{low}, {high}"


def _raises(cls: type[Any]) -> str:
    lines = ["UsageError", f"    If the number of children is not {_count(cls)}"]
    lines[-1] += ", or a setting is unknown or not of its type." if cls.settings else "."
    if len(cls.child_names) > 1 or not _is_elementwise(cls):
        lines += ["ShapeError", "    If the shapes of the children do not fit; raised on the line that builds the box."]
    return "\n".join(lines)


def _count(cls: type[Any]) -> str:
    count = len(cls.child_names) - cls.variadic
    return f"{count} or more" if cls.variadic else str(count)


def _notes(cls: type[Any]) -> list[str]:
    """One line for each further declaration."""
    lines = []
    if isinstance(cls.signature, Signature):
        lines.append(f"- Shapes: `{cls.signature.text}`, and axes in front of these broadcast.")
    elif _is_elementwise(cls):
        lines.append("- Shapes: the value has the shape to which the children broadcast.")
    if cls.domain:
        domains = (f"`{name}` in {interval_text(interval)}" for name, interval in cls.domain.items())
        lines.append(f"- Domain: {', '.join(domains)}; NaN or infinite outside, as NumPy gives it.")
    if cls.kinks:
        places = ", ".join(f"{kink:.4g}" for kink in cls.kinks)
        lines.append(f"- Kinks: at {places} the value is not differentiable, and `bprop` gives one subgradient.")
    if not cls.has_bprop:
        lines.append("- No `bprop`: no gradient is defined, or it is derived from `fprop`.")
    return lines


def way_to(name: str, exported: Mapping[str, Any], functions: Iterable[str]) -> str:
    """How what `fg.<name>` asks for is called: a function of NumPy or SciPy that takes boxes, or names that are alike.

    `exported` are the names of the package, `functions` those of what boxes implement. First names that are equal but
    for case, underscores and the number of axes, then names of which one has all words of the other, then similar ones.
    """
    import difflib  # not when the package is imported

    taken = sorted(function for function in functions if function.rpartition(".")[2] == name)
    if taken:
        return f"; {' or '.join(taken)} takes boxes"
    known: dict[str, str] = {}
    for export, value in exported.items():
        known |= dict.fromkeys((export, *(vars(value).get("aliases", ()) if isinstance(value, type) else ())), export)
    plain = {word: word.lower().replace("_", "") for word in known}
    key, words = name.lower().replace("_", ""), _words(name)
    alike = (
        [word for word in known if plain[word] == key]
        or [word for word in known if plain[word] == re.sub(r"[123]d$", "", key)]
        or [word for word in known if len(word) > 3 and (_words(word) in words or words in _words(word))]
        or difflib.get_close_matches(name, known, n=2, cutoff=0.7)
    )
    shown = dict.fromkeys(f"fg.{known[word]}" for word in alike[:3])
    return f"; see {', '.join(shown)}" if shown else ""


def _words(name: str) -> str:
    """The words of a name, each between underscores."""
    return f"_{re.sub(r'(?<=[a-z])(?=[A-Z][a-z])|(?=[123]d$)', '_', name).lower()}_"
