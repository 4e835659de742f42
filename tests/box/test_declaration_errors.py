"""What a class of boxes declares is validated when it is defined."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box.declaration import DECLARATIONS
from flowgraph.errors import DeclarationError
from tests.registry import unregister
from tests.test_errors import refused


def test_declarations_are_validated_when_the_class_is_defined():
    def declare(**body):
        return type("Broken", (fg.Box,), {"__module__": __name__, **body})

    def fprop(self, a, b):
        return a

    for body, texts in [
        ({"fprop": fprop, "bprop": lambda self, grad, a: None}, ("found the arguments grad, a", "(a, b)")),
        ({"fprop": fprop, "signature": "(n)->(n)"}, ("the signature (n)->(n) has 1 children, fprop has 2 (a, b)",)),
        ({"fprop": fprop, "signature": "n->n"}, ("signature 'n->n' is not in gufunc notation",)),
        ({"fprop": fprop, "constant_children": {"c"}}, ("declares 'c', but its children are a, b",)),
        ({"fprop": lambda self, *, a: a}, ("found the keyword 'a'", "annotated field")),
        ({"fprop": fprop, "__annotations__": {"shape": int}}, ("a setting cannot be called 'shape'",)),
        ({}, ("declares no fprop",)),
    ]:  # fmt: skip
        with refused(TypeError, *texts):
            declare(**body)


@pytest.mark.parametrize("name", ["children", "name", "scope", "built_at", "outputs", "shape", "dtype"])
def test_a_setting_hides_nothing_that_every_box_has(name):
    assert hasattr(fg.Input("x", shape=(3,)), name)
    with refused(TypeError, f"a setting cannot be called {name!r}"):
        type("Broken", (fg.Box,), {"__module__": __name__, "fprop": np.negative, "__annotations__": {name: int}})


@pytest.mark.parametrize("extra", range(-3, 4))
@pytest.mark.parametrize("variadic", [False, True])
@pytest.mark.parametrize("open_ended", [False, True])
def test_a_bprop_takes_a_value_per_child(extra, variadic, open_ended):
    names = ["grad", "h", "a", "b", *"cdef"][: 4 + extra] + ["*rest"] * open_ended
    space = {}
    exec(f"def bprop(self, {', '.join([*names, '*, needs=()'][: None if not open_ended else -1])}): return ()", space)
    exec(f"def fprop(self, a, {'*' * variadic}b): return a", space)
    methods = {"fprop": space["fprop"], "bprop": space["bprop"]}
    if open_ended or (not variadic and extra == 0):
        fits = type("Fits", (fg.Box,), {"__module__": __name__, **methods})
        assert fits.takes_needs is not open_ended
        return
    with refused(TypeError, f"Broken.bprop: found the arguments {', '.join(names)}; needs the gradient"):
        type("Broken", (fg.Box,), {"__module__": __name__, **methods})


def test_leaves():
    with refused(ValueError, "Input 'x': found -1 in its shape"):
        fg.Input("x", shape=(-1,))
    with refused(TypeError, "found dtype object"):
        fg.Input("x", dtype=object)
    with refused(TypeError, "found a call of fprop, but a leaf has none"):
        fg.Input("x").fprop()
    noise = fg.Random(lambda g, shape: g.normal(size=3), shape=(2,), name="r")
    with refused(ValueError, "Random 'r': draw returned the shape (3,), needs (2,)"):
        fg.Graph(noise).fprop()
    with refused(TypeError, "Random 'r': no input of the graph has the axis 'N'"):
        fg.Graph(fg.Random(lambda g, shape: g.normal(size=shape), shape=("N",), name="r")).fprop()
    unknown = fg.Input("x", shape=("N",))[fg.Input("m", shape=("N",), dtype=bool)]
    with refused(ValueError, "Random", "a size that depends on values"):
        fg.Random(lambda g, shape: g.normal(size=shape), shape=unknown.shape)


def test_a_class_without_fprop_says_so():
    with refused(TypeError, "Input: declares no fprop; define fprop"):
        fg.Box.fprop(fg.Input("x"))


@pytest.mark.parametrize("size", [3.0, np.float64(2), True, np.True_, -1, "", "2N", "a b", None, (2,), [3], b"N", 1j])
@pytest.mark.parametrize("leaf", [fg.Input, fg.Random], ids=lambda cls: cls.__name__)
def test_a_size_is_a_number_from_0_or_a_name(leaf, size):
    def made(shape):
        if leaf is fg.Input:
            return fg.Input("x", shape=shape)
        return fg.Random(lambda generator, shape: generator.normal(size=shape), shape=shape)

    with refused(ValueError, f"found {size!r} in its shape, needs a number from 0 or a name such as 'N'"):
        made((2, size))
    assert made((2, np.int64(3), 0, "N")).shape == (2, 3, 0, "N")


@pytest.mark.parametrize("meant", DECLARATIONS)
def test_a_misspelt_declaration_is_refused(meant):
    swapped = meant[:2] + meant[3] + meant[2] + meant[4:]
    wrong = [swapped, *([meant + "s", meant[:-1]] if len(meant) > 7 else [])]
    for name in wrong:
        if name in (*DECLARATIONS, *vars(fg.Elementwise)) or name == meant:
            continue
        with pytest.raises(DeclarationError, match=f"Misspelt: found {name}, which nothing reads, needs {meant}"):
            type("Misspelt", (fg.Elementwise,), {"fprop": lambda self, a: a, name: 1})


def test_helpers_of_any_other_name_are_welcome():
    names = dict.fromkeys(("forward", "slope", "kernel", "_examples", "domain_of_values", "inferred"), 1)
    cls = type("Helped", (fg.Elementwise,), {"fprop": lambda self, a: a, **names})
    unregister(cls)
