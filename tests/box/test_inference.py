"""What a class of boxes declares is validated; without a rule, shapes and dtypes are found by trial."""

import copy
import dataclasses
import functools
import itertools
import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.box import inference
from flowgraph.box.settings import DECLARATIONS, check_kinds, check_misspelt
from flowgraph.boxes.indexing.index import Index
from flowgraph.errors import DeclarationError, IndexingError, ShapeError, UsageError
from tests.cases import cases
from tests.registry import unregister, unregistered
from tests.test_errors import refused


def box_of(function, *children, **body):
    """A box class of one function, without any declaration, on these children."""
    cls = type("Tried", (fg.Box,), {"__module__": __name__, "fprop": function, **body})
    return cls(*children)


x = fg.Input("x", shape=("N", 3))
y = fg.Input("y", shape=("M",))
TRIALS = [
    (lambda self, a: a[1:], (x,), "(N-1, 3)"),
    (lambda self, a: np.concatenate([a, a]), (x,), "(2*N, 3)"),
    (lambda self, a: a.ravel(), (x,), "(3*N,)"),
    (lambda self, a: np.ones((2, 2)) * a.sum(), (x,), "(2, 2)"),
    (lambda self, a, b: np.multiply.outer(a, b), (x, y), "(N, 3, M)"),
    (lambda self, a, b: np.outer(a, b).ravel(), (x, y), "(3*M*N,)"),
    (lambda self, a, b: np.concatenate([b, a[:, 0]]), (x, y), "(M+N,)"),
    (lambda self, a: a.reshape(-1, 6), (fg.Input("z", shape=("K", 12)),), "(2*K, 6)"),
    (lambda self, a: float(np.sum(a)), (x,), "()"),
]


@pytest.mark.parametrize(("fprop", "children", "shape"), TRIALS, ids=[t[2] for t in TRIALS])
def test_a_shape_found_by_trial(fprop, children, shape):
    box = box_of(fprop, *children)
    assert f" {shape} " in f" {box.spec} "
    for batch in (2, 5):
        feeds = {leaf: np.ones([batch if isinstance(n, str) else n for n in leaf.shape]) for leaf in children}
        with fg.debug():
            fg.Graph(box).fprop(feeds)


def test_a_size_that_no_polynomial_gives_is_unknown():
    box = box_of(lambda self, a: a[:10], x)
    assert box.shape[0].unknown
    assert box.shape[1] == 3
    assert fg.Graph(box + 1.0).fprop(x=np.ones((12, 3))).outputs[0].shape == (10, 3)


def test_sizes_at_which_the_box_fails_are_left_out():
    assert str(box_of(lambda self, a: np.stack(np.split(a, 2)), x).shape[1]) != ""
    halves = box_of(lambda self, a: a.reshape(2, -1), y)
    assert halves.shape[0] == 2


def test_several_outputs():
    box = box_of(lambda self, a: (a, a.sum(axis=1)), x)
    assert [str(spec) for spec in box.outputs] == ["(N, 3) float64", "(N,) float64"]
    known = box_of(lambda self, a: (a, a > 0), fg.Constant(np.ones(2, np.float32)))
    assert [str(spec) for spec in known.outputs] == ["(2,) float32", "(2,) bool"]


def test_a_number_of_axes_that_changes_is_refused():
    with pytest.raises(fg.ShapeError, match="the number of axes of the value changes"):
        box_of(lambda self, a: a if len(a) > 5 else a[0], x)


def test_a_box_that_fits_at_no_size_says_why():
    with pytest.raises(fg.ShapeError, match=r"Tried: fprop does not take these children \(ValueError: mine\)"):
        box_of(lambda self, a: (_ for _ in ()).throw(ValueError("mine")), x)


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(inference, "_LARGEST_CACHE", 3)
    inference._cache.clear()
    for width in range(2, 9):
        box_of(lambda self, a: a * 1.0, fg.Input("w", shape=(width,)))
    assert len(inference._cache) <= 3


def test_a_setting_that_cannot_be_hashed_is_tried_anew():
    cls = type(
        "Weighted", (fg.Box,),
        {"__module__": __name__, "__annotations__": {"weights": "Any"}, "fprop": lambda self, a: a @ self.weights},
    )  # fmt: skip
    box = cls(x, weights=np.ones((3, 2)))
    assert str(box.spec) == "(N, 2) float64"
    assert "weights=array([[1.0, 1.0]," in repr(box)
    assert "weights=array of (10, 10)" in repr(cls(fg.Input("v", shape=(10,)), weights=np.ones((10, 10))))


def test_domain_and_small_declarations():
    for number, inside in ((0.0, True), (1.0, True), (0.5, True), (-0.1, False), (1.1, False)):
        assert (number in fg.Interval(0, 1)) is inside
        assert (number in fg.Interval(0, 1, open=True)) is (number == 0.5)
    with pytest.raises(ValueError, match="Interval: found 1 to 0, needs low < high"):
        fg.Interval(1, 0)


def test_numpy_forms_that_bind():
    assert np.sum(x, 1, keepdims=True).shape[1] == 1
    assert (x.mean(axis=0)).shape == (3,)
    for method in ("sum", "mean", "prod", "max", "min", "var", "std", "cumsum", "argmax", "argmin"):
        assert isinstance(getattr(x, method)(axis=1), fg.Box)
    assert x.T.shape == (3, x.shape[0])
    assert x.mT.shape == (3, x.shape[0])
    assert x.transpose(1, 0).shape == x.transpose((1, 0)).shape == x.transpose().shape
    assert x.swapaxes(0, 1).shape[0] == 3
    assert str(x.reshape(-1).shape[0]) == str(x.ravel().shape[0]) == str(x.flatten().shape[0]) == "3*N"
    assert x.reshape(-1, 3).shape == x.reshape((-1, 3)).shape
    assert x[:, :1].squeeze(axis=1).shape == x[:, 0].shape
    assert x.clip(0, 1).shape == x.shape
    assert x.dot(np.ones(3)).shape == (x.shape[0],)
    assert x.astype(np.float32).dtype == np.float32
    assert str(x.size) == "3*N"
    assert x.ndim == 2
    total = x
    total += 1.0
    total -= 1.0
    total *= 2.0
    total /= 2.0
    total **= 2
    total @= np.ones((3, 3))
    assert total.shape == x.shape
    assert total is not x


def test_a_setting_may_have_a_fresh_default_and_a_copy_is_the_box():
    default = dataclasses.field(default_factory=lambda: (1, 2))
    cls = type(
        "WithList",
        (fg.Box,),
        {
            "__module__": __name__,
            "__annotations__": {"weights": "Any"},
            "weights": default,
            "fprop": lambda self, a: a * self.weights[1],
        },
    )
    box = cls(x)
    assert box.weights == (1, 2)
    assert copy.copy(box) is box


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


def test_boxes_of_the_package_keep_the_rules_that_an_import_does_not_check():
    for cls in [cls for cls in fg.registry.values() if cls.built_in]:
        own = vars(cls).get("__annotations__", {})
        check_misspelt(cls, [name for name, annotation in own.items() if "ClassVar" not in str(annotation)])
        check_kinds(cls)


def test_helpers_of_any_other_name_are_welcome():
    names = dict.fromkeys(("forward", "slope", "kernel", "_examples", "domain_of_values", "inferred"), 1)
    cls = type("Helped", (fg.Elementwise,), {"fprop": lambda self, a: a, **names})
    unregister(cls)


BOXES = {name: cls for name, cls in fg.registry.items() if not issubclass(cls, fg.Leaf) and cls.examples}


def leaves(case, dtype=None):
    """Inputs of the shapes and dtypes of a case."""
    arrays = [np.asarray(array) for array in case.children]
    kinds = [dtype if dtype is not None and array.dtype.kind == "f" else array.dtype for array in arrays]
    named = enumerate(zip(arrays, kinds, strict=True))
    return [fg.Input(f"x{i}", shape=array.shape, dtype=kind) for i, (array, kind) in named]


def known(box):
    """What is inferred, and what a box holds beside its children; a size of a run has another name each time."""
    rest = box.__dict__.keys() - {"children", "built_at", "differentiable_wrt", "outputs", "shape"}
    outputs = [re.sub(r"\?\d+", "?", str(spec)) for spec in box.outputs]
    return {name: box.__dict__[name] for name in rest} | {"outputs": outputs, "wrt": box.differentiable_wrt}


@pytest.mark.parametrize("cls", BOXES.values(), ids=BOXES)
def test_a_twin_knows_what_a_box_built_anew_does(cls):
    for case in itertools.islice(cases(cls), 4):
        box = cls(*leaves(case), **case.settings, name="h")
        for children in (leaves(case), leaves(case, np.float32)):
            twin, anew = box.with_children(*children), cls(*children, **box.setting_values(), name="h")
            assert twin.children == tuple(children)
            assert twin.built_at == box.built_at
            np.testing.assert_equal(known(twin), known(anew))


def test_what_was_found_out_of_one_box_is_not_kept_for_another():
    @unregister
    class Named(fg.Box):
        def fprop(self, a):
            return a

        @functools.cached_property
        def first(self):
            return self.children[0].name

    one, other = fg.Input("one"), fg.Input("other")
    box = Named(one)
    assert (box.first, box.with_children(other).first) == ("one", "other")


def test_a_twin_is_no_derivative_because_the_box_is_one():
    w = fg.Parameter(1.0, name="w")
    (dw,) = fg.gradient(w * w * w, [w])
    assert not any(box.with_children(*box.children).is_derivative for box in fg.Graph(dw) if box.children)


def test_numbers_of_a_constant_are_held_against_the_axis():
    a, places = fg.Input("a", shape=(3,)), fg.Input("places", shape=(1,), dtype=int)
    box = Index(a, places, index=("array",))
    with pytest.raises(IndexingError, match="lies outside an axis of 3"):
        box.with_children(a, fg.Constant([7]))
    fixed = Index(a, fg.Constant([0]), index=("array",))
    with pytest.raises(IndexingError, match="lies outside an axis of 3"):
        fixed.with_children(a, fg.Constant([7]))


def test_what_another_mask_takes_has_a_size_of_its_own():
    a = fg.Input("a", shape=(3,))
    one, other = (fg.Input(name, shape=(3,), dtype=bool) for name in ("one", "other"))
    taken = a[one]
    assert taken.with_children(a, other).shape != taken.shape


def test_children_that_do_not_fit_are_refused_as_in_a_new_box():
    x, w = fg.Input("x", shape=(2, 3)), fg.Input("w", shape=(3, 4))
    box = fg.MatMul(x, w, name="h")
    for children in ((x, x), (x,), (x, w, w)):
        with pytest.raises((ShapeError, UsageError)) as of_twin:
            box.with_children(*children)
        with pytest.raises((ShapeError, UsageError)) as of_new:
            fg.MatMul(*children)
        assert str(of_twin.value) == str(of_new.value)


def test_a_box_with_a_constructor_of_its_own_is_made_by_it():
    @unregister
    class Counted(fg.Box):
        made = 0

        def __init__(self, *children, **keywords):
            super().__init__(*children, **keywords)
            self.__dict__["made"] = 1

        def fprop(self, a):
            return a

    x, y = fg.Input("x"), fg.Input("y")
    twin = Counted(x).with_children(y)
    assert twin.made == 1
    assert twin.children == (y,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("signature", ["(n,n),(n)->(n)", None])
@pytest.mark.parametrize("factor", [np.linalg.cholesky, np.linalg.inv])
def test_a_box_may_refuse_matrices_that_are_singular_or_not_positive_definite(factor, signature, dtype):
    declared = {"signature": signature} if signature else {}
    with unregistered():
        for shape in ((3, 3), ("N", "N"), (4, 3, 3), ("B", "N", "N")):
            leaves = fg.Input("a", shape=shape, dtype=dtype), fg.Input("x", shape=shape[:-1], dtype=dtype)
            box = box_of(lambda _, a, x: np.linalg.solve(factor(a), x[..., None])[..., 0], *leaves, **declared)
            assert (box.shape, box.dtype) == (shape[:-1], dtype)


@pytest.mark.parametrize("name", [name for name in DECLARATIONS if name != "numpy"])
def test_a_declaration_of_another_kind_is_refused_when_the_class_is_defined(name):
    """By its annotation; the letters of a text are no names, and a pair is no interval."""
    is_text = name in ("derivative", "formula", "symbol", "signature")
    wrong = [object(), 3, [object()], *([] if is_text else ["a"])]
    for value in [*wrong, *([{"a": (0, 1)}, {1: fg.Interval(0, 1)}] if name == "domain" else [])]:
        body = {"fprop": lambda self, a: a, "bprop": lambda self, grad, h, a: (grad,), name: value}
        with pytest.raises(DeclarationError, match=f"^Wrong: found {name} = .*, needs "):
            type("Wrong", (fg.Elementwise,), body)


@pytest.mark.parametrize(
    "fprop", [lambda self, a: np.stack([a, a]), lambda self, a: np.ones(7), lambda self, a: [1, 2]]
)
def test_an_elementwise_box_gives_an_element_for_each(fprop):
    with unregistered(), refused(ShapeError, "fprop gives the shape", "needs one element for one"):
        type("Wide", (fg.Elementwise,), {"fprop": fprop})(fg.Input("a", shape=("N",)))
