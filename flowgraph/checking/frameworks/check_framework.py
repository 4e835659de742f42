"""fg.check of a function that a framework differentiates: its target, its words, and every subset of its inputs."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.check_target import check_target, shield_state
from flowgraph.checking.frameworks.adapter import Adapter, Arguments, AutogradCode, MygradCode, arrays_in
from flowgraph.checking.frameworks.jax_code import JaxCode
from flowgraph.checking.frameworks.pytensor_code import PytensorCode
from flowgraph.checking.frameworks.torch_code import TorchCode
from flowgraph.checking.point import flatten, generator, unflatten
from flowgraph.checking.report import Failure, Report, nothing, with_failures
from flowgraph.checking.reproduce import definition_of, literal
from flowgraph.checking.scope import Asked
from flowgraph.checking.surrogates import with_surrogate
from flowgraph.checking.target import Shown, Target, annotations_of, attribute, name_of
from flowgraph.errors import UsageError

PUBLIC = (
    "torch", "torch.nn.functional", "torch.special", "torch.linalg", "torch.fft",
    "jax.numpy", "jax.nn", "jax.numpy.linalg", "jax.numpy.fft", "jax.scipy.special", "jax.scipy.linalg", "jax.lax",
    "autograd.numpy", "autograd.numpy.linalg", "autograd.numpy.fft", "autograd.scipy.special",
    "autograd.scipy.linalg", "autograd.scipy.signal", "mygrad", "mygrad.nnet.activations",
    "pytensor.tensor",
)  # fmt: skip


class Language(NamedTuple):
    """How a user of a framework writes arrays, the sum of products with them, a gradient, and a moved input."""

    start: tuple[str, ...]
    array: str
    differentiated: str
    several: str
    product: str
    complex_product: str
    gradient: str
    moved: str
    number: str = "float({})"


LANGUAGES: dict[str, Language] = {
    "torch": Language(
        ("import torch",),
        "torch.tensor({numbers}, dtype=torch.{dtype})",
        "torch.tensor({numbers}, dtype=torch.{dtype}, requires_grad=True)",
        "[y for y in {call} if y.is_floating_point() or y.is_complex()]",
        "(g * y).sum()",
        "(g.conj() * y).real.sum()",
        "torch.autograd.grad(f(*x), x[{k}], materialize_grads=True)[0]",
        "x[{k}] + s * torch.eye({size}, dtype=torch.float64)[{place}].reshape({shape})",
        "{}.item()",
    ),
    "jax": Language(
        ("import jax", "jax.config.update('jax_enable_x64', True)"),
        "jax.numpy.array({numbers}, dtype='{dtype}')",
        "jax.numpy.array({numbers}, dtype='{dtype}')",
        "[y for y in jax.tree_util.tree_leaves({call}) if jax.numpy.issubdtype(y.dtype, jax.numpy.inexact)]",
        "(g * y).sum()",
        "(g.conj() * y).real.sum()",
        "jax.grad(f, {k})(*x)",
        "x[{k}] + s * jax.numpy.eye({size})[{place}].reshape({shape})",
    ),
    "autograd": Language(
        ("import autograd, autograd.numpy as np",),
        "np.array({numbers}, dtype='{dtype}')",
        "np.array({numbers}, dtype='{dtype}')",
        "{call}",
        "np.sum(g * y)",
        "np.sum(np.real(np.conj(g) * y))",
        "autograd.grad(f, {k})(*x)",
        "x[{k}] + s * np.eye({size})[{place}].reshape({shape})",
    ),
    "mygrad": Language(
        ("import mygrad, numpy as np",),
        "np.array({numbers}, dtype='{dtype}')",
        "mygrad.tensor({numbers}, dtype='{dtype}')",
        "{call}",
        "mygrad.sum(g * y)",
        "mygrad.sum(g * y)",
        "(f(*x).backward(), x[{k}].grad)[1]",
        "x[{k}] + s * np.eye({size})[{place}].reshape({shape})",
    ),
    "pytensor": Language(
        ("import numpy as np, pytensor",),
        "pytensor.shared(np.array({numbers}, dtype='{dtype}'))",
        "pytensor.shared(np.array({numbers}, dtype='{dtype}'))",
        "{call}",
        "(g * y).sum()",
        "(g * y).sum()",
        "pytensor.grad(f(*x), x[{k}])",
        "x[{k}] + s * np.eye({size})[{place}].reshape({shape})",
        "float({}.eval())",
    ),
}


@dataclass(frozen=True)
class Snippet:
    """At most eight lines of a framework, and the source of a function that cannot be imported, which show a mistake.

    The gradient of one element by the framework stands beside a central difference.
    """

    function: Callable[..., Any]
    adapter: Adapter

    def text(self, shown: Shown) -> str:
        """The lines for one mistake."""
        adapter, language = self.adapter, LANGUAGES[self.adapter.framework]
        lines, call = self._definition()
        arrays = [self._write_value(x, i in shown.needing) for i, x in enumerate(shown.inputs)]
        grads = list(shown.grad) if isinstance(shown.grad, tuple | list) else [shown.grad]
        values = f"[{call}]" if adapter.gives_one else language.several.replace("{call}", call)
        product = language.complex_product if any(map(np.iscomplexobj, grads)) else language.product
        lines = [
            *language.start,
            *(line for line in lines if line not in language.start),
            f"x = [{', '.join(arrays)}]",
            f"grads = [{', '.join(self._write_value(np.asarray(g), False) for g in grads)}]",
            f"f = lambda *x: sum({product} for g, y in zip(grads, {values}))",
        ]
        word = adapter.words[1]
        if shown.child is None:
            every = (language.gradient.format(k=k) for k in shown.needing)
            return "\n".join([*lines, f'print("{word}", [{", ".join(every)}])'])
        gradient = language.gradient.format(k=shown.child)
        at = f"[{', '.join(map(str, shown.index))}]" if shown.index else ""
        element = f"{gradient}{at}" if shown.step is None else language.number.format(f"{gradient}{at}")
        lines.append(f'print("{word:<8}", {element})')
        if shown.step is not None:
            lines.append(f'print("numeric ", {self._numeric(language, shown)})')
        return "\n".join(lines)

    @staticmethod
    def _numeric(language: Language, shown: Shown) -> str:
        k, x, step = shown.child or 0, np.asarray(shown.inputs[shown.child or 0]), shown.step or 0.0
        place = int(np.ravel_multi_index(shown.index or (), x.shape)) if x.ndim else 0
        moved = language.moved.format(k=k, size=x.size, place=place, shape=x.shape)
        before, after = [f"*x[:{k}]"] if k else [], [f"*x[{k + 1}:]"] if k + 1 < len(shown.inputs) else []
        both = f"sum(s * f({', '.join([*before, moved, *after])}) for s in ({step!r}, -{step!r}))"
        return f"{language.number.format(both)} / {2 * step**2!r}"

    def _write_value(self, value: Value, differentiated: bool) -> str:
        if not isinstance(value, np.ndarray):
            return literal(value)
        language = LANGUAGES[self.adapter.framework]
        numbers = re.sub(r"\b(nan|inf)\b", r"float('\1')", repr(value.tolist()))
        form = language.differentiated if differentiated else language.array
        return form.format(numbers=numbers, dtype=value.dtype.name)

    def _definition(self) -> tuple[list[str], str]:
        """What gives the function its name, with what cannot be written out left to be filled in; and its call."""
        function, adapter = self.function, self.adapter
        public, module = public_name(function), getattr(adapter, "module", None)
        if public is not None:
            lines = [f"from {public[0]} import {public[1]} as function"]
        else:
            lines = function_lines(function) if module is None else module_lines(function)
        call = call_text(adapter, applied=adapter.framework == "torch" and isinstance(function, type))
        if call is None:
            names = ", ".join(adapter.arguments.names)
            lines.append(
                f"# fill in: function, which makes the arguments of a list of {names}, and calls yours with them"
            )
        return lines, call or "function(x)"


def public_name(function: Callable[..., Any]) -> tuple[str, str] | None:
    """The module and name under which a framework's user finds the function."""
    name = attribute(function, "__name__")
    for module in PUBLIC:
        if isinstance(name, str) and getattr(sys.modules.get(module), name, None) is function:
            return module, name
    return None


def title(function: Callable[..., Any]) -> str:
    """torch.hypot rather than the name of whatever implements it."""
    public = public_name(function)
    if attribute(function, "make_node") is not None:  # an Op of PyTensor: its class, and what it was made with
        return str(function)
    return ".".join(public) if public is not None else name_of(attribute(function, "fun") or function)


def call_text(adapter: Adapter, applied: bool) -> str | None:
    """`function(x[0], dim=x[1])`; None where an argument cannot be built from its parts in a line."""
    arguments, module = adapter.arguments, getattr(adapter, "module", None)
    positional, keywords, own = arguments.put_together((f"x[{k}]" for k in range(len(arguments.inputs))), written=True)
    if None in (*positional, *keywords.values()) or (own and module is None):
        return None
    if module is None:
        named = (f"{name}={text}" for name, text in keywords.items())
        return f"function{'.apply' * applied}({', '.join([*positional, *named])})"
    given, by_name = "".join(f"{text}, " for text in positional), [f"'{k}': {text}" for k, text in keywords.items()]
    parameters = f"dict(zip({literal(list(module.parameters))}, x[{arguments.first_own}:]))"
    return f"torch.func.functional_call(function, {parameters}, ({given}), {{{', '.join(by_name)}}})"


def module_lines(module: Any) -> list[str]:
    """A module of torch.nn as the constructor's call that its repr is; what to fill in for any other."""
    torch_nn = f"torch.nn.{module!r}"
    if re.fullmatch(r"torch\.nn\.\w+\([^()]*(\([^()]*\)[^()]*)*\)", torch_nn.replace("\n", "")):
        made = _evaluate_text(torch_nn)
        if type(made) is type(module):
            training = "" if module.training else ".eval()"
            return ["import torch", f"function = {torch_nn}.double(){training}"]
    return [f"# fill in: function = your {type(module).__name__}, as it was given to the check, and .double()"]


def _evaluate_text(text: str) -> Any:
    try:
        return eval(text, {"torch": sys.modules["torch"]})
    except Exception:
        return None


def function_lines(function: Callable[..., Any]) -> list[str]:
    """Where the function is found, or its source; what to fill in for any other."""
    lines = definition_of("function", function)
    if len(lines) == 1 and lines[0].startswith("#"):
        return [f"# fill in: function = your {lines[0].rpartition(' ')[2]}; it cannot be written out"]
    return lines


FrameworkName: TypeAlias = Literal["torch", "jax", "mygrad", "autograd", "pytensor"]
ADAPTERS: dict[FrameworkName, type[Adapter]] = {
    "torch": TorchCode, "mygrad": MygradCode, "jax": JaxCode, "autograd": AutogradCode,
    "pytensor": PytensorCode,
}  # fmt: skip


def framework_of(function: Callable[..., Any], given: Sequence[Any]) -> str | None:
    """By the arguments, by the function itself, or by what its code names."""
    leaves = list(arrays_in(list(given)))
    ours = (name for name, code in ADAPTERS.items() if name in sys.modules and code.recognises(function, leaves))
    return next(ours, None)


def framework_target(function: Callable[..., Any], given: Sequence[Any], **options: Any) -> Target | None:
    """The target of `framework_code` alone."""
    made = framework_code(function, given, **options)
    return None if made is None else made[0]


def framework_code(
    function: Any,
    given: Sequence[Any],
    keywords: Mapping[str, Any] | None = None,
    framework: str | None = None,
    names: Sequence[str] | None = None,
    valid: Callable[..., Any] | None = None,
) -> tuple[Target, Adapter] | None:
    """The target and what runs it, or None where `function` and its arguments belong to no imported framework.

    Arrays of floats are differentiated, in torch those that require a gradient if any that is given does; everything
    else is a setting, Python floats too. `names` are of the flat inputs: nested containers are taken apart, complex
    arrays are two inputs, the parameters of a module come last.
    """
    if framework is not None and (not isinstance(framework, str) or framework not in ADAPTERS):
        raise ValueError(f"check: found framework={framework!r}, needs one of {', '.join(get_args(FrameworkName))}")
    keywords = keywords or {}
    framework = framework or framework_of(function, [*given, *keywords.values()])
    if framework is None:
        return None
    if framework not in sys.modules:
        raise ImportError(
            f"check: found framework={framework!r}, but {framework} has not been imported; import it first"
        )
    name, function = title(function), _of_apply(function)
    try:
        adapter = ADAPTERS[framework](function, given, keywords)  # type: ignore[index]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if adapter.differentiated:
                adapter.fprop(*adapter.arguments.inputs)  # so that the errors of the example are raised here
    except Exception as error:
        raise _with_way_out(error, name) from error
    arguments = adapter.arguments
    if not adapter.differentiated:
        kinds = ", ".join(type(value).__name__ for value in given) or "nothing"
        raise TypeError(
            f"check: {name} was given {kinds}; at least one {framework} array of floats is needed to differentiate"
        )
    chosen = tuple(names) if names is not None else arguments.names
    if len(chosen) != len(arguments.inputs):
        count = len(arguments.inputs)
        raise ValueError(f"check: {len(chosen)} names were given for {count} inputs; give one name each")
    target = Target(
        adapter.fprop,
        adapter.bprop,
        arguments.inputs,
        chosen,
        name,
        adapter.differentiated,
        valid=valid,
        code=_code(function),
        snippet=Snippet(function, adapter).text,
        fixed_shapes=arguments.fixed,
        annotations=annotations_of(attribute(function, "forward") or attribute(function, "fun") or function),
        role=_role(arguments, adapter.differentiated),
        beside=adapter.beside,
    )
    return (target if framework == "mygrad" else replace(target, second=adapter.second)), adapter


def _of_apply(function: Callable[..., Any]) -> Any:
    """The class where its `apply` is given: the class tells the names of its inputs, and its backward."""
    owner = attribute(function, "__self__")
    if attribute(function, "__name__") == "apply" and isinstance(owner, type) and hasattr(owner, "backward"):
        return owner
    return function


def _role(arguments: Arguments, differentiated: Sequence[int]) -> str:
    """The name of the differentiated inputs together, if the function has parameters of its own."""
    own = [i >= arguments.first_own for i in differentiated]
    return "parameters" if all(own) else "inputs and parameters" if any(own) else ""


def _with_way_out(error: Exception, name: str) -> Exception:
    """A hint if a float32 array from outside of the arguments is combined with float64; else the error itself."""
    text = str(error).lower()
    if isinstance(error, RuntimeError) and "double" in text and "float" in text:
        return UsageError(
            f"check: {name} mixes float32 with the float64 of the check ({error}): a tensor or a module that it finds "
            "outside of its arguments is float32; .double() your module, or give the tensor as an argument"
        )
    return error


HOLD_CODE = ("forward", "backward", "fun", "fwd", "bwd", "__wrapped__", "perform", "L_op")


def _code(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The functions in which numbers and branches are looked for."""
    parts = [attribute(function, name) for name in HOLD_CODE]
    routines = tuple(part for part in parts if inspect.isroutine(part))
    return routines or (function,)


def check_framework(
    function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any], asked: Asked, framework: str | None
) -> Report | None:
    """The report, or None where function and arguments belong to no framework that has been imported.

    A function without a reverse mode, as the framework itself says, is undecided: there is no gradient to be wrong.
    """
    try:
        made = framework_code(function, given, keywords, framework, asked.names, asked.valid)
    except NotImplementedError as error:
        return nothing(title(function), f"there is no backward pass to check: {error}", asked.seed)
    if made is None:
        return None
    target, adapter = made
    declared = asked.surrogate or (attribute(function, "surrogate") if isinstance(function, type) else None)
    if declared is not None:
        smooth = type(adapter)(declared, given, keywords)
        if len(smooth.arguments.inputs) != len(target.inputs):
            raise UsageError(f"check: the surrogate of {target.name} needs its inputs: {', '.join(target.names)}")
        target = with_surrogate(target, smooth.fprop, definition_of("fprop", declared))
    scope = asked.scope(strict=False)
    with adapter.one_thread():
        report = check_target(target, asked.order, asked.seed, asked.calls, asked.effort.function, scope=scope)
        with shield_state():
            report = with_failures(report, failures_of_needs(target, adapter, report))
    return in_words_of(adapter, report)


SCALED = re.compile(r"×(-?[\d.e+-]+)")


def in_words_of(adapter: Adapter, report: Report) -> Report:
    """The same report, which speaks of the framework's forward and backward pass instead of fprop and bprop."""
    forward, backward = adapter.words

    def say_text(text: str) -> str:
        text = re.sub(r"\bfprop\b", forward, re.sub(r"\bbprop\b", backward, text))
        return SCALED.sub(r"inputs scaled by \1", text)

    return replace(
        report,
        failures=[_say_failure(failure, say_text, backward) for failure in report.failures],
        warnings=[say_text(text) for text in report.warnings],
        notes=[say_text(text) for text in report.notes],
        remark=say_text(report.remark),
        skipped={say_text(reason): count for reason, count in report.skipped.items()},
        words=(forward, backward),
    )


def _say_failure(failure: Failure, said: Callable[[str], str], backward: str) -> Failure:
    return replace(
        failure,
        test_case=said(failure.test_case),
        diagnosis=said(failure.diagnosis),
        message=said(failure.message),
        backward=backward,
    )


ALL_SUBSETS = 3  # inputs, of which there are six subsets; of four there would be fourteen
MOST = 16  # subsets of more inputs
CLOSE = 1e-7  # the same code on the same numbers, added in another order


def failures_of_needs(target: Target, adapter: Adapter, report: Report) -> list[Failure]:
    """At the example, for subsets of the inputs: the gradients of each against those when all inputs need one."""
    failures: dict[str | None, Failure] = {failure.child: failure for failure in report.failures}
    known = failures.copy()
    if len(target.differentiated) < 2 or None in known:
        return []
    try:
        whole = _gradients(adapter, target)
    except Exception:  # said by the report
        return []
    for subset in _subsets(target.differentiated):
        for failure in _of_subset(target, adapter.of_subset(subset), subset, whole):
            failures.setdefault(failure.child, failure)
    return [failure for child, failure in failures.items() if child not in known]


def _subsets(differentiated: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every one of up to three inputs; of more each input alone, and all others without it."""
    count = len(differentiated)
    if count <= ALL_SUBSETS:
        for size in range(1, count):
            yield from combinations(differentiated, size)
        return
    for alone in differentiated[: MOST // 2]:
        yield (alone,)
        yield tuple(i for i in differentiated if i != alone)


def _of_subset(target: Target, adapter: Adapter, subset: tuple[int, ...], whole: Sequence[Any]) -> Iterator[Failure]:
    needed = " and ".join(target.names[i] for i in subset) if len(subset) < ALL_SUBSETS else "some inputs"
    test_case = f"the example, where only {needed} need{'s' if len(subset) == 1 else ''} a gradient"

    def wrong(
        i: int, message: str, index: tuple[int, ...] | None = None, of_subset: Any = np.nan, of_all: Any = np.nan
    ) -> Failure:
        numbers = float(of_subset), float(of_all), 0.0
        looks_like = "what backward skips where an input needs no gradient is needed for another one"
        grad = _example_grad(adapter.fprop(*target.inputs))
        code = "" if target.snippet is None else target.snippet(Shown(target.inputs, grad, i, index, None, subset))
        return Failure(target.name, target.names[i], index, "needs", *numbers, test_case, looks_like, message, code)

    try:
        alone = _gradients(adapter, target)
    except NotImplementedError:
        return  # no output depends on these inputs, as the framework sees it
    except Exception as error:
        yield wrong(subset[0], f"bprop raised {type(error).__name__}: {error}")
        return
    for i in subset:
        of_subset, of_all = (
            np.zeros(np.shape(target.inputs[i])) if g[i] is None else np.asarray(g[i]) for g in (alone, whole)
        )
        if of_subset.shape != of_all.shape:
            yield wrong(i, f"the gradient has shape {of_subset.shape}, {target.names[i]} has shape {of_all.shape}")
            continue
        gap = np.abs(of_subset - of_all)
        if gap.size and not gap.max() <= CLOSE * (np.abs(of_all).max() + np.finfo(float).tiny):
            at = tuple(int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape))
            yield wrong(i, "the gradient is another one where other inputs need none", at, of_subset[at], of_all[at])


def _gradients(adapter: Adapter, target: Target) -> tuple[Any, ...]:
    output = adapter.fprop(*target.inputs)
    return adapter.bprop(_example_grad(output), output, *target.inputs)


def _example_grad(output: Value) -> Value:
    """One incoming gradient for all subsets."""
    return unflatten(generator(1).normal(size=flatten(output).shape), output)
