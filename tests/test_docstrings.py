"""Each public name says in numpydoc's sections what it takes, returns and raises, with an example that is executed."""

import ast
import dataclasses
import doctest
import functools
import importlib
import inspect
import re
import textwrap

import pytest

import flowgraph as fg
from flowgraph import errors
from tools.site import api_pages

pytest.importorskip("torch", reason="the reference lists what is imported beside PyTorch too")

HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)

AS_ELSEWHERE = {
    "fg.Trainer": "fg.fit",
    "interop.sklearn.FlowgraphRegressor": "interop.sklearn.FlowgraphClassifier",
}
"""Names whose parameters are those of another, which their docstring says and which describes them."""

MADE_BY = {"fg.Grads": "Run.bprop", "fg.Plan": "fg.compile", "fg.Run": "Graph.fprop"}
"""Classes whose constructor no user calls, and what makes them, as their docstring says."""


def public():
    """Every name that the reference lists, by its place, but the boxes of the families, each once."""
    found = {f"fg.{name}": one for name, one in api_pages.public_names().items()}
    for name in api_pages.MODULES:
        module = importlib.import_module(name)
        found |= {f"{name.removeprefix('flowgraph.')}.{one}": getattr(module, one) for one in module.__all__}
    once = {}
    for name, one in found.items():
        if callable(one) and not any(one is other for other in once.values()):
            once[name] = one
    return once


def members():
    """Every public method and property of the public classes, where a class of flowgraph defines it, each once.

    The methods of dispatch (`__add__`, `__array_ufunc__`) are NumPy's and described there; those of a box of the
    families are described at `Box`.
    """
    found = {}
    for one in public().values():
        for owner in one.__mro__ if isinstance(one, type) else ():
            if owner.__module__.partition(".")[0] != "flowgraph":
                continue
            for name, member in vars(owner).items():
                if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, METHODS)):
                    found[f"{owner.__module__.removeprefix('flowgraph.')}.{owner.__qualname__}.{name}"] = owner, name
    return found


METHODS = (property, functools.cached_property, staticmethod, classmethod)
PUBLIC = public()
MEMBERS = members()
BOXES = api_pages.public_boxes()


def sections(text):
    """The sections of a docstring by name."""
    _, *rest = HEADING.split(text)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def described(section):
    """The parameters that a section describes: each on a line "name : type", with a text below."""
    lines = re.findall(r"^(\*{0,2}\w[\w, *]*?) ?(?::.*)?\n(?= +\S)", section, re.MULTILINE)
    return {name.strip(" *") for line in lines for name in line.split(",")}


def parameters(one):
    """What a call takes; of an error only its message, which its name explains."""
    if isinstance(one, type) and issubclass(one, BaseException):
        return []
    if dataclasses.is_dataclass(one) and isinstance(one, type):
        return [field.name for field in dataclasses.fields(one) if field.init]
    given = inspect.signature(one).parameters
    return [name for name in given if name not in ("self", "cls") and not name.startswith("_")]


def raised(one):
    """The classes of errors that stand in a `raise` of its own code; of a class, in that of its constructor."""
    function = vars(one).get("__init__") if isinstance(one, type) else inspect.unwrap(one)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (TypeError, OSError):
        return set()
    made = [node.exc.func for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    names = {getattr(function, "id", getattr(function, "attr", "")) for function in made}
    return {name for name in names if name.endswith("Error")}


def gives_something(one):
    """Whether a function says that it returns a value."""
    if isinstance(one, type):
        return False
    returned = inspect.signature(one).return_annotation
    return returned not in (None, "None", "NoReturn")


def faults(name, one):
    """What the docstring of a public name lacks."""
    text = inspect.getdoc(one) or ""
    found = sections(text)
    if name not in MADE_BY:
        told = described(found.get("Parameters", "") + found.get("Attributes", ""))
        if name in AS_ELSEWHERE:
            told |= described(sections(inspect.getdoc(PUBLIC[AS_ELSEWHERE[name]]))["Parameters"])
            told |= set(re.findall(r"\(here `(\w+)`\)", text))
        yield from (f"no parameter {missing!r}" for missing in parameters(one) if missing not in told)
    if gives_something(one) and not {"Returns", "Yields"} & found.keys():
        yield "no Returns"
    told = found.get("Raises", "")
    if name in AS_ELSEWHERE:
        told += sections(inspect.getdoc(PUBLIC[AS_ELSEWHERE[name]])).get("Raises", "")
    yield from (f"no {error} in Raises" for error in sorted(raised(one)) if error not in told)
    if ">>>" not in text and not is_error(one):
        yield "no example"
    by = AS_ELSEWHERE.get(name) or MADE_BY.get(name, "")
    if by.removeprefix("interop.sklearn.") not in text:
        yield f"no word of {by}"


def code_of(member):
    """The function of a method or property."""
    for attribute in ("fget", "func", "__func__"):
        member = getattr(member, attribute, member)
    return member


def overridden(owner, name):
    """The docstrings of a method, with those of the methods that it overrides, whose parameters it has too."""
    return [vars(cls)[name] for cls in owner.__mro__ if name in vars(cls) and inspect.getdoc(vars(cls)[name])]


def member_faults(owner, name):
    """What the docstring of a method or property lacks; an override inherits the sections that it leaves out."""
    member = vars(owner)[name]
    if not (texts := [inspect.getdoc(one) for one in overridden(owner, name)]):
        yield "no docstring"
        return
    if not re.match(r"[^\n]+\.(\n\n|$)", texts[0]):
        yield "no summary of one line that ends in a full stop"
    found = {}
    for text in texts:
        found = sections(text) | found
    function = code_of(member)
    if not isinstance(member, property | functools.cached_property):
        told = described(found.get("Parameters", ""))
        yield from (f"no parameter {missing!r}" for missing in parameters(function) if missing not in told)
        own = described(sections(texts[0]).get("Parameters", ""))
        yield from (f"{other!r} is no parameter" for other in sorted(own - set(parameters(function))))
        if gives_something(function) and not {"Returns", "Yields"} & found.keys():
            yield "no Returns"
    told = found.get("Raises", "")
    yield from (f"no {error} in Raises" for error in sorted(raised(function)) if error not in told)


def is_error(one):
    """An error is raised by what is used wrongly; the message is its example, on the page of errors."""
    return isinstance(one, type) and issubclass(one, BaseException)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_describes_its_parameters_its_result_and_its_errors_with_an_example(name):
    assert not list(faults(name, PUBLIC[name]))


@pytest.mark.parametrize("place", MEMBERS)
def test_a_public_method_describes_its_parameters_its_result_and_its_errors(place):
    assert not list(member_faults(*MEMBERS[place]))


@pytest.mark.parametrize("cls", BOXES, ids=lambda cls: cls.__name__)
def test_a_box_describes_its_children_and_settings_with_an_example_that_is_true(cls):
    text = inspect.getdoc(cls)
    found = sections(text)
    assert {*cls.child_names, *cls.settings} <= described(found["Parameters"])
    assert "Raises" in found
    assert ">>>" in found["Examples"]
    test = doctest.DocTestParser().get_doctest(text, {}, cls.__name__, None, 0)
    assert not doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed


@pytest.mark.parametrize("cls", BOXES, ids=lambda cls: cls.__name__)
def test_a_box_takes_as_many_children_as_it_says(cls):
    told = re.search(
        r"(\w+)\n +If the number of children is not (\d+)( or more)?", sections(inspect.getdoc(cls))["Raises"]
    )
    kind, needed, more = getattr(errors, told[1]), int(told[2]), bool(told[3])
    settings = next((one.settings for one in cls.examples or ()), {})
    for count in {0, needed - 1, needed, needed + 1, needed + 2} - {-1}:
        try:
            cls(*(fg.Input(f"x{i}") for i in range(count)), **settings)
            refused = False
        except fg.FlowgraphError as error:
            refused = isinstance(error, kind) and bool(re.search(rf"found {count} child", str(error)))
        assert refused is (count < needed or (count > needed and not more)), count


BROADCASTING = [cls for cls in BOXES if "broadcasts with the other children" in cls.__doc__]


@pytest.mark.parametrize("cls", BROADCASTING, ids=lambda cls: cls.__name__)
def test_children_that_are_said_to_broadcast_do(cls):
    """With floats, or with what else the box takes; a loss, which works element by element too, refuses it."""
    shapes = [(2, 1), (3,), (1, 1)][: len(cls.child_names)]
    settings = next((one.settings for one in cls.examples), {})
    refused = []
    for dtype in (float, int, bool):
        try:
            box = cls(*(fg.Input(f"x{i}", shape=shape, dtype=dtype) for i, shape in enumerate(shapes)), **settings)
        except fg.FlowgraphError as error:
            refused.append(str(error))
        else:
            assert box.shape == (2, 3)
            return
    raise AssertionError(refused)


@pytest.mark.parametrize("cls", [cls for cls in BOXES if cls.role == "loss"], ids=lambda cls: cls.__name__)
def test_a_loss_says_its_unit(cls):
    assert "- Unit: " in sections(cls.__doc__)["Notes"]


def test_what_is_described_elsewhere_is_public():
    assert {*AS_ELSEWHERE, *AS_ELSEWHERE.values(), *MADE_BY} <= PUBLIC.keys()


def broken(values, axis=0):
    """The mean.

    Parameters
    ----------
    values : array_like
        The numbers.
    """
    if axis:
        raise fg.ShapeError("broken: found an axis")
    return values


def test_what_a_docstring_lacks_is_seen():
    assert list(faults("broken", broken)) == [
        "no parameter 'axis'", "no Returns", "no ShapeError in Raises", "no example",
    ]  # fmt: skip


class Base:
    def first(self, values, axis=0):
        """The first.

        Parameters
        ----------
        values : array_like
            The numbers.
        axis : int, default 0
            The axis.

        Returns
        -------
        array
            One of them.
        """


class Broken(Base):
    def first(self, values, axis=0):
        """The first of these."""

    def second(self, values, axis=0):
        """The second

        Parameters
        ----------
        values : array_like
            The numbers.
        axes : tuple
            The axes.
        """
        raise fg.ShapeError("second: found an axis")

    @property
    def third(self):
        pass


def test_what_the_docstring_of_a_method_lacks_is_seen():
    assert not list(member_faults(Broken, "first"))
    assert list(member_faults(Broken, "second")) == [
        "no summary of one line that ends in a full stop",
        "no parameter 'axis'", "'axes' is no parameter", "no Returns", "no ShapeError in Raises",
    ]  # fmt: skip
    assert list(member_faults(Broken, "third")) == ["no docstring"]
