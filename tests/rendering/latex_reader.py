"""Reads the LaTeX that derivations print, and computes it: what a line says, in numbers.

It reads expressions as NumPy would: a product by element or of matrices, sums over axes, conditions, cases. A letter
is a character of a private plane, so that none is confused with another. What is printed in words is an operation,
which is computed by the fprop of its box. Anything else is unread, and said to be.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.special as special

import flowgraph as fg

_TOKEN = re.compile(
    r"\\text\s*\{(?:\\[a-z]+\{\}|\\.|[^{}\\])*\}|\\(?:operatorname|mathrm)\s*\{[^{}]*\}|\\[A-Za-z]+|\\.|\d+\.?\d*|\S",
    re.S,
)
_WORD = re.compile(r"\\(?:operatorname|mathrm|text)\s*\{(.*)\}", re.S)
_AXES = re.compile(r"\\text\{(?:no axis|ax[ei]s ([\d, ]+))\}")
_NOTE = re.compile(r"\\text\{\(along ax[ei]s ([\d, ]+)\)\}")
_REPEATED = re.compile(r"\\nabla_\{(.)\} \\, \\text\{\(along ax[ei]s ([\d, ]+)\)\}")
_SPACES = {
    r"\left", r"\right", r"\,", r"\;", r"\:", r"\ ", r"\!", r"\quad", r"\textstyle", r"\displaystyle", r"\mathrel",
}  # fmt: skip
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", r"\langle": r"\rangle"}
_ENDS = {
    "+", "-", ")", "}", "]", ",", "&", r"\\", r"\end", r"\text", r"\rfloor", r"\rceil", r"\rangle", r"\wedge", r"\vee",
    r"\oplus",
}  # fmt: skip
_RELATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": np.equal, "<": np.less, ">": np.greater, r"\leq": np.less_equal, r"\geq": np.greater_equal,
    r"\le": np.less_equal, r"\ge": np.greater_equal, r"\ne": np.not_equal, r"\neq": np.not_equal,
}  # fmt: skip
_LOGIC: Mapping[str, Callable[[Any, Any], Any]] = {
    r"\wedge": np.logical_and, r"\vee": np.logical_or, r"\oplus": np.logical_xor,
}  # fmt: skip


def _softmax(a: Any) -> Any:
    raised = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _adjugate(a: Any) -> Any:
    """By cofactors, so that a singular matrix has one."""
    n = a.shape[-1]
    minors = [[_minor(a, i, j) * (-1) ** (i + j) for i in range(n)] for j in range(n)]
    return np.stack([np.stack(row, axis=-1) for row in minors], axis=-2)


def _minor(a: Any, row: int, column: int) -> Any:
    return np.linalg.det(np.delete(np.delete(a, row, axis=-2), column, axis=-1))


_OF_NUMPY = """
    exp log sin cos tan sinh cosh tanh sign trunc arcsin arccos arctan arcsinh arccosh arctanh clip arctan2 sinc expm1
    copysign log1p floor ceil rint round angle
"""
_OF_SCIPY = "erf erfc erfcx logit exprel"
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in _OF_NUMPY.split()},
    **{name: getattr(special, name) for name in _OF_SCIPY.split()},
    "diag": lambda a: np.diag(a) if np.ndim(a) < 2 else np.diagonal(a),
    "ln": np.log, "Re": np.real, "Im": np.imag, "arg": np.angle,
    "softmax": _softmax, "adj": _adjugate, "det": np.linalg.det, "sigma": lambda a: 1 / (1 + np.exp(-a)),
    "Phi": special.ndtr, "varphi": lambda a: np.exp(-a * a / 2) / math.sqrt(2 * math.pi), "Gamma": special.gamma,
    "Ei": special.expi,
}  # fmt: skip
_INVERSES: Mapping[str, Callable[..., Any]] = {"erf": special.erfinv, "erfc": special.erfcinv, "Phi": special.ndtri}
_REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "median": np.median, "mean": np.mean,
    "exists": np.any, "forall": np.all,
}  # fmt: skip
_OF_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "J": special.jv,
    "Y": special.yv,
    "I": special.iv,
    "W": lambda order, a: special.lambertw(a, int(order)),
}
"""Functions that are written as a letter with their order below."""


_OF_LETTER: Mapping[str, Callable[..., Any]] = {"B": special.beta, "P": special.gammainc, "Q": special.gammaincc}


class UnreadError(Exception):
    """The text is no expression that is read here."""


class Operation(NamedTuple):
    """What computes an operation that is printed in words, and arrays like those that it takes."""

    fprop: Callable[..., Any]
    children: Sequence[Any]


@dataclass(frozen=True)
class Meaning:
    """The arrays of the letters and of their gradients, and the operations by what is printed of them in words."""

    values: Mapping[str, Any]
    gradients: Mapping[str, Any] = field(default_factory=dict)
    operations: Mapping[tuple[str, ...], Sequence[Operation]] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    exact: Mapping[str, Any] = field(default_factory=dict)
    """Values, and gradients under ∇ and their letter, in their own shapes."""
    classes: int = 0
    """How many there are, as a row of e(y) has elements."""


class _Reader:
    """Reads one text from left to right; a product of arrays is one of matrices, or by element."""

    def __init__(self, latex: str, meaning: Meaning, matrices: bool) -> None:
        self.tokens = [token for token in _TOKEN.findall(latex) if token not in _SPACES]
        self.place = 0
        self.meaning = meaning
        self.matrices = matrices
        self.axes: tuple[int, ...] | None = None
        self.bars = False
        self.largest_term = 0.0

    def read(self) -> Any:
        if self.peek() == r"\text{such that }":
            self.place += 1
            return self._equation()
        value = self._condition()
        if self.peek() is not None:
            raise UnreadError(f"found {self.peek()} after the expression")
        return value

    def peek(self, ahead: int = 0) -> str | None:
        at = self.place + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def _next(self) -> str:
        token = self.peek()
        if token is None:
            raise UnreadError("found the end")
        self.place += 1
        return token

    def _take(self, *needed: str) -> None:
        for token in needed:
            found = self._next()
            if found != token:
                raise UnreadError(f"found {found}, needs {token}")

    def _has(self, *tokens: str) -> bool:
        """Whether these tokens come next; then they are taken."""
        here = all(self.peek(ahead) == token for ahead, token in enumerate(tokens))
        self.place += len(tokens) if here else 0
        return here

    def _equation(self) -> Any:
        """How far both sides of an equation are apart at most."""
        left = self._sum()
        self._take("=")
        return np.max(np.abs(left - self._sum()), initial=0)

    def _condition(self) -> Any:
        value = self._comparison()
        while (token := self.peek()) in _LOGIC:
            self.place += 1
            value = _LOGIC[str(token)](value, self._comparison())
        return value

    def _comparison(self) -> Any:
        if self._has(r"\neg"):
            return np.logical_not(self._comparison())
        left, found = self._sum(), None
        while (token := self.peek()) in _RELATIONS:
            self.place += 1
            right = self._sum()
            here = _RELATIONS[str(token)](left, right)
            left, found = right, here if found is None else found & here
        if self._has(r"\text{ is NaN}"):
            return np.isnan(left)
        return left if found is None else found

    def _sum(self) -> Any:
        negative = self._has("-")
        self._has("+")
        value = -self._product() if negative else self._product()
        while self.peek() in ("+", "-"):
            sign, other = self._next(), self._product()
            value, other = _of_one_size(value, other), _of_one_size(other, value)
            self.largest_term = max(self.largest_term, *map(_largest_of, (value, other)))
            value = value - other if sign == "-" else value + other
        return value

    def _product(self) -> Any:
        value = self._factor()
        while not self._is_over(token := self.peek()):
            if token == "/":
                self.place += 1
                value = value / self._factor()
            elif token in (r"\odot", r"\cdot", r"\times"):
                self.place += 1
                factor = self._factor()
                value = value * _of_one_size(factor, value)
            else:
                value = self._times(value, self._factor())
        return value

    def _is_over(self, token: str | None) -> bool:
        """Whether a product ends before a token."""
        if token is None or token.startswith(r"\text{ "):
            return True
        return token in _ENDS or token in _RELATIONS or (token == "|" and self.bars)

    def _times(self, left: Any, right: Any) -> Any:
        if not (self.matrices and np.ndim(left) and np.ndim(right)):
            return left * right
        if np.ndim(left) == 1 and np.ndim(right) == 2 and right.shape[0] == 1 != len(left):
            return left[:, None] @ right
        return left @ right

    def _factor(self) -> Any:
        if self._has("-"):
            return -self._factor()
        start = self.peek()
        value = self._atom()
        while (token := self.peek()) in ("^", "_"):
            self.place += 1
            value = self._below(value) if token == "_" else self._raised(value, start)
        return value

    def _below(self, value: Any) -> Any:
        """One element of each row, as f_y; or a part of an array, as between brackets in Python."""
        start, depth = self.place, 0
        while self._has("{"):
            depth += 1
        if not self._has("["):
            self.place = start
            return _selected(value, self._argument())
        parts: list[Any] = []
        while not self._has("]"):
            word = _WORD.fullmatch(self.peek() or "")
            self.place += word is not None
            parts += _index_of(word[1]) if word is not None else [_places(self._argument())]
            self._has(",")
        self._take(*"}" * depth)
        return value[tuple(parts)]

    def _raised(self, value: Any, start: str | None) -> Any:
        for marks, turn in _TURNS:
            if self._has(*marks):
                return turn(value)
        exponent = self._argument()
        if self.matrices and np.ndim(value) >= 2 and np.ndim(exponent) == 0 and exponent == -1:
            return np.linalg.inv(value)
        kind = np.asarray(value).dtype.kind
        return np.power(np.asarray(value, float) if kind in "iub" else value, exponent)

    def _argument(self) -> Any:
        if self._has("{"):
            value = self._condition()
            self._take("}")
            return value
        return self._atom()

    def _arguments(self) -> tuple[list[Any], list[str]]:
        """The values and the words between brackets."""
        self._take("(")
        values: list[Any] = []
        words: list[str] = []
        while not self._has(")"):
            token = self.peek() or ""
            if token.startswith(r"\text{") and token not in self.meaning.words and self.peek(1) in (",", ")"):
                words.append(self._next())
            else:
                values.append(self._condition())
            if self.peek() != ")":
                self._take(",")
        return values, words

    def _atom(self) -> Any:
        token = self._next()
        if token in self.meaning.values:
            return self._repeated(token, self.meaning.values[token])
        if token in self.meaning.words:
            return self.meaning.words[token]
        if re.fullmatch(r"\d+\.?\d*", token):
            return np.asarray(self._argument()).astype(float) if token == "1" and self._has("_") else np.float64(token)
        if token in _CLOSING:
            return self._between(token)
        if token in self._FORMS:
            return self._FORMS[token](self)
        return self._named(token)

    def _between(self, opening: str) -> Any:
        value = self._condition()
        if opening == "[" and self.peek() in (",", "]"):
            elements = [value]
            while self._has(","):
                elements.append(self._condition())
            self._take("]")
            return np.array(elements)
        if opening == r"\langle":
            self._take(",")
            value = np.sum(value * self._sum())
        self._take(_CLOSING[opening])
        return np.floor(value) if opening == r"\lfloor" else np.ceil(value) if opening == r"\lceil" else value

    def _gradient(self) -> Any:
        self._take("_")
        braced = self._has("{")
        letter = self._next()
        if braced:
            self._take("}")
        if letter not in self.meaning.gradients:
            raise UnreadError(f"no gradient of {letter}")
        return self._repeated(rf"\nabla_{letter}", self.meaning.gradients[letter])

    def _repeated(self, name: str, value: Any) -> Any:
        """What is noted to be repeated along axes, with length 1 along these."""
        note = _NOTE.fullmatch(self.peek() or "")
        if note is None:
            return value
        self.place += 1
        return np.expand_dims(self.meaning.exact.get(name, value), tuple(map(int, note[1].split(","))))

    def _named(self, token: str) -> Any:
        match = _WORD.fullmatch(token)
        name = match[1] if match else token.removeprefix("\\")
        if match and self.peek() == "(" and any(known[0] == token for known in self.meaning.operations):
            values, words = self._arguments()
            return self._operation((token, *words), values)
        if token in _CONSTANTS and (token, self.peek()) != ("e", "("):
            return _CONSTANTS[token]
        if name in _REDUCTIONS and (match or token.startswith("\\")):
            return self._reduction(name)
        if name in FUNCTIONS and (match or token.startswith("\\")):
            return self._function(name)
        return self._letter(token)

    def _letter(self, token: str) -> Any:
        """A function that is written as one letter."""
        if token == r"\psi":
            return self._polygamma()
        if token == "I" and self.peek() != "_":
            return _Identity()
        order = self._argument() if self._has("_") else None
        if token not in "eBEPQ" and (token not in _OF_ORDER or order is None):
            raise UnreadError(f"found {token}")
        values = self._arguments()[0]
        if token == "e":
            return np.eye(self.meaning.classes)[np.asarray(values[0])]
        if token in _OF_LETTER:
            return _OF_LETTER[token](*values)
        if token == "I" and len(values) == 2:
            return special.betainc(*values, order)
        return (
            special.expn(np.asarray(order).astype(int), *values) if token == "E" else _OF_ORDER[token](order, *values)
        )

    def _operation(self, key: tuple[str, ...], values: Sequence[Any]) -> Any:
        """The value by the fprop of the box that is printed so, and that reads arrays of these shapes."""
        for fprop, children in self.meaning.operations.get(key, ()):
            if len(values) == len(children):
                suited = [_like(child, value) for child, value in zip(children, values, strict=True)]
                if all(array is not None for array in suited):
                    with contextlib.suppress(fg.FlowgraphError, ValueError):  # of another box under the same words
                        return fprop(*suited)
        raise UnreadError(f"no operation {key}")

    def _reduction(self, name: str) -> Any:
        """Over all axes, or those that are written below; or the largest of several."""
        axes: tuple[int, ...] | None = None
        if self._has("_"):
            self._take("{")
            match = _AXES.fullmatch(self._next())
            if match is None:
                raise UnreadError(f"{name} over an index")
            axes = tuple(map(int, match[1].split(","))) if match[1] else ()
            self._take("}")
        elif name in ("max", "min") and self.peek() == "(":
            values = self._arguments()[0]
            if len(values) == 2:
                return (np.maximum if name == "max" else np.minimum)(*values)
            return _REDUCTIONS[name](values[0])
        outer, self.axes = self.axes, axes
        value = self._product() if name == "sum" else self._factor()
        self.axes = outer
        return _REDUCTIONS[name](value, axis=axes, keepdims=axes is not None)

    def _place_of_extreme(self) -> Any:
        """The place of the largest or smallest."""
        extreme = np.argmax if self._next() == r"\max" else np.argmin
        axis = None
        if self._has("_", "{"):
            match = _AXES.fullmatch(self._next())
            axis = int(match[1]) if match else None
            self._take("}")
        return extreme(self._factor(), axis=axis)

    def _function(self, name: str) -> Any:
        if name == "arg" and self.peek() in (r"\max", r"\min"):
            return self._place_of_extreme()
        function, power = FUNCTIONS[name], None
        if self._has("_"):
            base = self._argument()
            function = lambda a: np.log(a) / np.log(base)  # noqa: E731
        if name == "exprel" and self._has("'"):
            function = lambda t: special.hyp1f1(2, 3, t) / 2  # noqa: E731
        if self._has("^"):
            if name in _INVERSES and self._has("{", "-", "1", "}"):
                function = _INVERSES[name]
            else:
                power = self._argument()
        value = function(*self._arguments()[0]) if self.peek() == "(" else function(self._factor())
        return value if power is None else value**power

    def _polygamma(self) -> Any:
        order = np.asarray(0.0)
        if self._has("'"):
            order = np.asarray(1)
        elif self._has("^"):
            order = np.asarray(self._argument())
        (value,) = self._arguments()[0]
        return special.polygamma(order.astype(int), value) if order.any() else special.digamma(value)

    def _fraction(self) -> Any:
        """Above over below; 0 where a condition above makes it 0, also over 0."""
        start = self.place
        above = np.asarray(self._argument())
        on_condition = ("1", "_") in itertools.pairwise(self.tokens[start : self.place])
        below = self._argument()
        value = above / below
        return np.where((above == 0) & (below == 0), 0, value) if on_condition else value

    def _root(self) -> Any:
        if self._has("["):
            degree = self._sum()
            self._take("]")
            return np.cbrt(self._argument()) if degree == 3 else self._argument() ** (1 / degree)
        return np.sqrt(self._argument())

    def _overline(self) -> Any:
        return np.conjugate(self._argument())

    def _absolute(self) -> Any:
        outer, self.bars = self.bars, True
        value = self._sum()
        self._take("|")
        self.bars = outer
        return np.abs(value)

    def _cases(self) -> Any:
        self._take(*"{cases}")
        rows = []
        while True:
            value = self._sum()
            self._take("&")
            word = (self.peek() or "").startswith(r"\text{") and self.peek(1) != "("
            rows.append((value, np.asarray(True) if word and self._next() else self._condition()))
            if not self._has(r"\\"):
                break
        self._take(r"\end", *"{cases}")
        result = rows[-1][0]
        for value, condition in reversed(rows[:-1]):
            result = np.where(condition, value, result)
        return result

    _FORMS: Mapping[str, Callable[[_Reader], Any]] = {
        r"\frac": _fraction, r"\tfrac": _fraction, r"\dfrac": _fraction, r"\sqrt": _root, r"\bar": _overline,
        r"\overline": _overline, r"\begin": _cases, r"\nabla": _gradient, "|": _absolute,
    }  # fmt: skip


_CONSTANTS = {"e": math.e, r"\pi": math.pi, r"\infty": math.inf, r"\text{NaN}": math.nan, "i": 1j}


def _transposed(value: Any) -> Any:
    return np.swapaxes(value, -1, -2) if np.ndim(value) > 1 else value[None, :] if np.ndim(value) else value


_TURNS: Sequence[tuple[tuple[str, ...], Callable[[Any], Any]]] = (
    ((r"\top",), _transposed),
    (("{", r"\top", "}"), _transposed),
    (("H",), lambda value: np.conjugate(_transposed(value))),
    (("{", "-", r"\top", "}"), lambda value: _transposed(np.linalg.inv(value))),
    (("{", "-", "H", "}"), lambda value: np.conjugate(_transposed(np.linalg.inv(value)))),
    (("{", "+", "}"), np.linalg.pinv),
)


def _places(value: Any) -> Any:
    """Whole numbers that places are counted by; or a mask."""
    array = np.asarray(value)
    return array.astype(int) if array.dtype.kind == "f" else array


class _Identity:
    """The identity matrix, before its size is known."""


def _of_one_size(value: Any, other: Any) -> Any:
    """The identity of the size of another matrix; anything else as it is."""
    return np.eye(other.shape[-1]) if isinstance(value, _Identity) else value


def _index_of(text: str) -> list[Any]:
    """An index as it is printed."""
    parts: list[Any] = []
    for part in text.split(", "):
        ends = [int(end) if end else None for end in part.split(":")] if re.fullmatch(r"[-\d:]*", part) else None
        if ends is None and part not in ("None", "…"):
            raise UnreadError(f"found the index {part}")
        parts.append({"None": None, "…": Ellipsis}[part] if ends is None else slice(*ends) if ":" in part else ends[0])
    return parts


def _selected(value: Any, places: Any) -> Any:
    """One element of each row, as f_y."""
    places = np.asarray(places)
    if places.dtype.kind not in "iu" or np.ndim(value) != places.ndim + 1:
        raise UnreadError("a subscript")
    return np.take_along_axis(value, places[..., None], -1)


def _like(child: Any, value: Any) -> Any:
    """A value in the shape and dtype of an array; axes of length 1 may be there or not. None where it does not fit."""
    array = np.asarray(value)
    if child is None:
        return array
    if array.dtype.kind == "c" and child.dtype.kind != "c":
        return None
    try:
        return np.broadcast_to(array, child.shape).astype(child.dtype)
    except ValueError:
        return array.reshape(child.shape).astype(child.dtype) if array.size == child.size else None


def _largest_of(array: Any) -> float:
    """The largest size of a finite element."""
    sizes = np.abs(np.asarray(array, dtype=complex))
    return float(np.max(sizes, initial=0, where=np.isfinite(sizes)))


def compute(latex: str, meaning: Meaning, matrices: bool = False) -> Any:
    """The value of an expression; UnreadError where it is none."""
    return _compute_with_largest_term(latex, meaning, matrices)[0]


def _compute_with_largest_term(latex: str, meaning: Meaning, matrices: bool) -> tuple[Any, float]:
    """The value of an expression, and how large the terms of its sums are, whose rounding is no mistake.

    What reduces has its value repeated along the same axes as its gradient.
    """
    for letter, axes in _REPEATED.findall(latex):
        if letter in meaning.values and letter in meaning.gradients:
            value = meaning.exact.get(letter, meaning.values[letter])
            repeated = np.expand_dims(value, tuple(map(int, axes.split(","))))
            meaning = replace(meaning, values={**meaning.values, letter: repeated})
    with np.errstate(all="ignore"):
        reader = _Reader(latex, meaning, matrices)
        return reader.read(), reader.largest_term


_TOLERANCES = {"float16": 3e-2, "float32": 1e-3, "complex64": 1e-3}
"""By the dtype of what is computed; otherwise numbers are held to the six digits with which they are printed."""


def judge(latex: str, meaning: Meaning, needed: Any) -> str:
    """What a line is: "right", "edge" where only infinities and NaN differ, "wrong: why", "unread: why".

    Letters beside one another may be a product by element or of matrices; a value for each row may have its axis of
    length 1 or not; the value may be broadcast to the shape of what it stands for. One reading has to fit.
    """
    if not np.size(needed):
        return "right"
    found: dict[str, str] = {}
    meaning = replace(meaning, classes=np.shape(needed)[-1] if np.ndim(needed) else 0)
    ndim = max(map(np.ndim, (needed, *(value for letter, value in meaning.values.items() if letter in latex))))
    readings = (meaning, _with_trailing_axes(meaning, ndim, False), _with_trailing_axes(meaning, ndim, True))
    for aligned in readings:
        for matrices in (False, True):
            try:
                text = _compared(*_compute_with_largest_term(latex, aligned, matrices), needed)
            except UnreadError as error:
                text = f"unread: {error}"
            except Exception as error:  # of shapes that do not fit in this reading
                text = f"wrong: {type(error).__name__} {error}"
            if text == "right":
                return text
            found.setdefault(text.partition(":")[0], text)
    return found.get("edge") or found.get("wrong") or found["unread"]


def _with_trailing_axes(meaning: Meaning, ndim: int, values_too: bool) -> Meaning:
    """With the gradients, or the values of fewer axes too, at the front axes of what they stand in."""

    def front(value: Any) -> Any:
        return value.reshape(value.shape + (1,) * (ndim - value.ndim)) if 0 < np.ndim(value) < ndim else value

    gradients = {letter: front(value) for letter, value in meaning.gradients.items()}
    values = {letter: front(value) if values_too else value for letter, value in meaning.values.items()}
    exact = {**meaning.values, **{rf"\nabla_{letter}": value for letter, value in meaning.gradients.items()}}
    return replace(meaning, values=values, gradients=gradients, exact=exact)


def _compared(value: Any, largest_term: float, needed: Any) -> str:
    value, needed = np.asarray(value), np.asarray(needed)
    tolerance = _TOLERANCES.get(str(needed.dtype), 1e-5)
    try:
        value = np.broadcast_to(value, needed.shape)
    except ValueError:
        if value.size != needed.size:
            return f"wrong: the shape {value.shape}, needs {needed.shape}"
        value = value.reshape(needed.shape)
    if needed.dtype.kind == "b":
        return "right" if np.array_equal(value.astype(bool), needed) else "wrong: other truth"
    rounding = 64 * largest_term * (np.finfo(needed.dtype).eps if needed.dtype.kind in "fc" else 0)
    room = 1e-2 * tolerance * (1 + _largest_of(needed)) + rounding
    with np.errstate(all="ignore"):
        near = np.isclose(value, needed, rtol=tolerance, atol=room, equal_nan=True)
    if near.all():
        return "right"
    found, correct = value[~near], needed[~near]
    outside = ~np.isfinite(found) | ~np.isfinite(correct)
    told = near.any() or needed.size == 1 or not np.isfinite(needed).any()
    return "edge" if outside.all() and told else f"wrong: {found[0]:.6g}, needs {correct[0]:.6g}"
