"""Kinds of callables that people hand to a checker: what makes one of a Python function, and those that are made in C.

`MADE` maps names to functions of a function; what they give computes the same. `OWN` maps names to what nobody wrote in
Python: the callable, its derivative, an example.
"""

from __future__ import annotations

import contextlib
import functools
import math
import pickle
import sys
import types
import zipfile
import zipimport
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from scipy import interpolate, special
from scipy.special import cython_special

from flowgraph.box.vocabulary import Value


def plain(x):
    """The function; `slope` is the derivative of it."""
    return np.tanh(x)


def bprop(g, y, x):
    return (g * (1 - y * y),)


def wrong(g, y, x):
    return (1.01 * g * (1 - y * y),)


class Method:
    """Methods of every kind."""

    def __init__(self, f):
        self.f = f

    def method(self, *arguments):
        return self.f(*arguments)

    def __call__(self, *arguments):
        return self.f(*arguments)


class Slots:
    __slots__ = ("f",)

    def __init__(self, f):
        self.f = f

    def __call__(self, *arguments):
        return self.f(*arguments)


class Raises(Method):
    """Whatever is asked of it that is not there raises another error than getattr knows."""

    def __getattr__(self, name):
        if name == "f":
            raise AttributeError(name)
        raise RuntimeError(f"no {name} here")


class Anything(Method):
    """Whatever is asked of it is there, and is itself."""

    def __getattr__(self, name):
        if name.startswith("__array") or name == "f":
            raise AttributeError(name)
        return self


class Opaque(Method):
    """Nothing can be asked of it but to be called."""

    def __getattribute__(self, name):
        if name in ("__call__", "f"):
            return object.__getattribute__(self, name)
        raise TypeError("opaque")


class Proxy:
    """As wrapt's: it says that it is what it wraps."""

    def __init__(self, f):
        object.__setattr__(self, "_wrapped", f)

    @property
    def __class__(self):
        return type(self._wrapped)

    @property
    def __dict__(self):
        return vars(self._wrapped)

    def __getattr__(self, name):
        return getattr(self._wrapped, name)

    def __call__(self, *arguments):
        return self._wrapped(*arguments)


class Dispatcher(Method):
    """As Numba's: it has a code, and nothing else of a function."""

    @property
    def __code__(self):
        return self.f.__code__


class Misnamed(Method):
    """Attributes of other types than those of a function."""

    __code__ = "code"
    __name__ = 7
    __module__ = ["no", "name"]
    __closure__ = 3
    __defaults__ = "abc"
    __globals__ = None
    __wrapped__ = 5
    __signature__ = "none"
    __annotations__ = 8
    __self__ = None
    func = fun = forward = "text"


class Hostile:
    """What a function may hold, and nobody can ask anything."""

    def _raise(self, *_: object) -> Any:
        raise ValueError("hostile")

    __eq__ = __bool__ = __len__ = __iter__ = __repr__ = __str__ = _raise
    __hash__ = _raise  # type: ignore[assignment]

    @property
    def __dict__(self):
        raise ValueError("hostile")

    def __getattr__(self, name):
        raise ValueError("hostile")


class Made:
    """A class that is called for what it computes."""

    f = None

    def __new__(cls, *arguments):
        return cls.f(*arguments)


class Meta(type):
    def __call__(cls, *arguments):
        return cls.f(*arguments)


def with_closure(f):
    def inner(*arguments):
        return f(*arguments)

    return inner


def with_empty_cell(f):
    def inner(*arguments):
        if len(arguments) > 9:
            return later(arguments)
        return f(*arguments)

    if f is None:
        later = None
    return inner


def with_hostile_default(f):
    def inner(*arguments, held=Hostile(), many=(Hostile(), Hostile())):  # noqa: B008
        return f(*arguments)

    return inner


def with_hostile_cell(f):
    held = [Hostile(), {"a": Hostile()}]

    def inner(*arguments):
        return f(*arguments) if held is not None else None

    return inner


def with_generator(f):
    def steps(arguments):
        yield f(*arguments)

    return lambda *arguments: next(steps(arguments))


def recursive(f):
    def inner(*arguments, depth=2):
        return inner(*arguments, depth=depth - 1) if depth else f(*arguments)

    return inner


def compiled_as(file):
    """As a prompt, a notebook or `exec` compiles it: the file is not there."""

    def make(f):
        names: dict[str, Any] = {"f": f}
        exec(compile("made = lambda *arguments: f(*arguments)", file, "exec"), names)
        return names["made"]

    return make


def without_module(f):
    made = types.FunctionType(with_closure(f).__code__, {}, "made", None, with_closure(f).__closure__)
    made.__module__ = None
    return made


def with_bad_hints(f):
    def inner(*arguments: NoSuchName) -> AnotherOne:  # type: ignore[name-defined]  # noqa: F821
        return f(*arguments)

    return inner


def with_bad_signature(f):
    made = with_closure(f)
    made.__signature__ = 5
    return made


def wrapped_in_a_circle(f):
    made = with_closure(f)
    made.__wrapped__ = made
    return made


def partial_method(f):
    class Holder:
        method = functools.partialmethod(lambda self, *arguments: f(*arguments))

    return Holder().method


def static_method(f):
    return staticmethod(f)


def class_method(f):
    class Holder:
        @classmethod
        def method(cls, *arguments):
            return f(*arguments)

    return Holder.method


def single_dispatch(f):
    @functools.singledispatch
    def made(*arguments):
        return f(*arguments)

    return made


def single_dispatch_method(f):
    class Holder:
        @functools.singledispatchmethod
        def method(self, *arguments):
            return f(*arguments)

    return Holder().method


def context_decorator(f):
    class Entered(contextlib.ContextDecorator):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return False

    return Entered()(f)


def as_class(f):
    return type("MadeOf", (Made,), {"f": staticmethod(f)})


def as_metaclass(f):
    return Meta("CalledByItsMeta", (), {"f": staticmethod(f)})


def named_tuple(f):
    class Held(NamedTuple):
        f: Any

        def __call__(self, *arguments):
            return self.f(*arguments)

    return Held(f)


def data_class(f):
    @dataclass(frozen=True)
    class Held:
        f: Any

        def __call__(self, *arguments):
            return self.f(*arguments)

    return Held(f)


def cyclic(f):
    made = Method(f)
    made.itself = made
    made.held = [made, {"a": made}]
    return made


def lazy_module(f):
    class Lazy(types.ModuleType):
        def __getattr__(self, name):
            raise ImportError(name)

        @property
        def __dict__(self):
            raise ImportError("lazy")

    held = Lazy("lazy")

    def inner(*arguments):
        return f(*arguments) if held is not None else None

    return inner


def cloudpickled(f):
    from cloudpickle import dumps

    return pickle.loads(dumps(with_closure(f)))


def unwrapped_partial(f):
    made = functools.partial(functools.partial(with_closure(f)))
    made.func.__dict__["more"] = made
    return made


MADE = {
    "function": lambda f: f,
    "lambda": lambda f: lambda *arguments: f(*arguments),
    "closure": with_closure,
    "empty cell": with_empty_cell,
    "hostile cell": with_hostile_cell,
    "hostile default": with_hostile_default,
    "generator": with_generator,
    "recursive": recursive,
    "partial": functools.partial,
    "partial of a partial": unwrapped_partial,
    "partial method": partial_method,
    "bound method": lambda f: Method(f).method,
    "static method": static_method,
    "class method": class_method,
    "method of an object that cannot be asked": lambda f: types.MethodType(lambda self, *rest: f(*rest), Hostile()),
    "single dispatch": single_dispatch,
    "single dispatch method": single_dispatch_method,
    "wraps": lambda f: functools.wraps(f)(with_closure(f)),
    "wrapped in a circle": wrapped_in_a_circle,
    "context decorator": context_decorator,
    "object": Method,
    "slots": Slots,
    "object that raises": Raises,
    "object that has everything": Anything,
    "opaque object": Opaque,
    "proxy": Proxy,
    "proxy of a proxy": lambda f: Proxy(Proxy(f)),
    "dispatcher": Dispatcher,
    "misnamed": Misnamed,
    "cyclic": cyclic,
    "lazy module": lazy_module,
    "named tuple": named_tuple,
    "dataclass": data_class,
    "class": as_class,
    "metaclass": as_metaclass,
    "mock": lambda f: mock.Mock(side_effect=f),
    "magic mock": lambda f: mock.MagicMock(wraps=f),
    "prompt": compiled_as("<stdin>"),
    "notebook": compiled_as("<ipython-input-3-0123456789ab>"),
    "file that is gone": compiled_as("/no/such/file.py"),
    "without a module": without_module,
    "hints that name nothing": with_bad_hints,
    "signature of another type": with_bad_signature,
    "cloudpickle": cloudpickled,
    "vectorized": lambda f: np.vectorize(f) if f is plain else f,
}

OWN: dict[str, tuple[Any, Any, Value]] = {
    "ufunc": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, np.array([0.5, -1.0])),
    "ufunc of SciPy": (special.expit, lambda x: special.expit(x) * special.expit(-x), np.array([0.5, -1.0])),
    "function of C": (math.tanh, lambda x: 1 - math.tanh(x) ** 2, 0.5),
    "function of Cython": (cython_special.expit, lambda x: special.expit(x) * special.expit(-x), 0.5),
    "array function": (np.copy, np.ones_like, np.array([0.5, -1.0])),
    "method descriptor": (np.ndarray.copy, np.ones_like, np.array([0.5, -1.0])),
    "slot of an array": (np.array([2.0, 3.0]).__mul__, lambda x: np.array([2.0, 3.0]), np.array([0.5, -1.0])),
    "polynomial": (np.polynomial.Polynomial([1.0, 2.0, 3.0]), lambda x: 2 + 6 * x, np.array([0.5, -1.0])),
    "poly1d": (np.poly1d([3.0, 2.0, 1.0]), lambda x: 2 + 6 * x, np.array([0.5, -1.0])),
    "spline": (
        interpolate.CubicSpline(np.linspace(-3, 3, 9), np.sin(np.linspace(-3, 3, 9))),
        interpolate.CubicSpline(np.linspace(-3, 3, 9), np.sin(np.linspace(-3, 3, 9))).derivative(),
        np.array([0.5, -1.0]),
    ),
}


def in_a_zip(folder):
    """The module of a zip file, whose functions have a source that no file holds."""
    with zipfile.ZipFile(folder / "zipped.zip", "w") as file:
        file.writestr("zipped_functions.py", "import numpy as np\n\n\ndef zipped(x):\n    return np.tanh(x)\n")
    importer = zipimport.zipimporter(str(folder / "zipped.zip"))
    spec = importer.find_spec("zipped_functions")
    assert spec is not None
    module = types.ModuleType("zipped_functions")
    sys.modules["zipped_functions"] = module
    exec(importer.get_code("zipped_functions"), vars(module))
    return module.zipped
