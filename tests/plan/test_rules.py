"""Rules of back ends for a user's own box."""

import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.plan.numba import rules as native
from flowgraph.plan.numpy.rules import FILLS, rule_for
from tests.plan.native_in_python import is_native


class Median3(fg.Elementwise):
    """The value, or the nearest of two bounds; its fprop has branches, so that it does not run on boxes."""

    limit: float = 1.0

    def fprop(self, a):
        a = np.asarray(a)
        return np.where(a > self.limit, self.limit, np.where(a < -self.limit, -self.limit, a)).astype(a.dtype)

    def bprop(self, grad, h, a):
        return (grad * (h == a),)


fg.registry.pop(f"{__name__}.Median3")


@pytest.fixture
def own_rules(monkeypatch):
    """What a test registers is forgotten after it, and not what is loaded at the first use of Numba."""
    fg.compile(fg.sum(fg.Input("x", shape=(2,))), backend="numba")
    for rules in (FILLS, native.RULES):
        monkeypatch.setattr(rules, "by_class", {cls: list(some) for cls, some in rules.by_class.items()})


def step_of(shape=(8, 3), dtype=np.float64, **options):
    x = fg.Input("x", shape=("N", *shape[1:]), dtype=dtype)
    w = fg.Parameter(np.linspace(-2, 2, shape[1]).astype(dtype), name="w")
    h = Median3(x * w, limit=0.5) + x
    loss = fg.mean(h**2)
    plan = fg.compile([loss, h], {w: w - 0.1 * fg.gradient(loss, [w])[0]}, **options)
    return plan, w, np.random.default_rng(0).normal(size=shape).astype(dtype)


def values_of(plan, w, x):
    found = [plan(x=x) for _ in range(3)]
    return [np.asarray(one) for results in found for one in results] + [w.value]


def test_a_rule_of_a_user_is_the_line_of_the_box(own_rules):
    plain = values_of(*step_of())

    @rule_for(Median3, in_place=(0,), functions=(np.clip,))
    def clipped(box, names, out):
        return [f"clip({names[0]}, {-box.limit}, {box.limit}, {out})"]

    plan, w, x = step_of()
    for one, other in zip(values_of(plan, w, x), plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    assert "clip(" in plan.source
    assert "Median3(" not in plan.source
    with fg.debug():
        plan(x=x)


def test_a_rule_may_hold_for_some_boxes_and_have_several_lines(own_rules):
    def lower(a, limit, out):
        return np.minimum(a, limit, out=out)

    @rule_for(Median3, functions=(lower, np.maximum), when=lambda box: box.limit < 1)
    def in_two(box, names, out):
        return [f"lower({names[0]}, {box.limit}, {out})", f"maximum({out}, {-box.limit}, out={out})"]

    x = fg.Input("x", shape=(4,))
    near, far = Median3(x, limit=0.5), Median3(x, limit=2.0)
    plan = fg.compile([near, far])
    found = plan(x=[-3.0, -0.25, 0.75, 3.0])
    np.testing.assert_array_equal(found[0], [-0.5, -0.25, 0.5, 0.5])
    np.testing.assert_array_equal(found[1], [-2.0, -0.25, 0.75, 2.0])
    assert plan.source.count("lower(") == plan.source.count("Median3(") == 1


def test_a_subclass_is_not_taken_for_its_base(own_rules):
    class Other(Median3):
        def fprop(self, a):
            return super().fprop(a) + 1

    fg.registry.pop(f"{__name__}.{Other.__qualname__}")

    @rule_for(Median3, functions=(np.clip,))
    def clipped(box, names, out):
        return [f"clip({names[0]}, {-box.limit}, {box.limit}, {out})"]

    x = fg.Input("x", shape=(3,))
    np.testing.assert_array_equal(fg.compile(Other(x))(x=[-2.0, 0.0, 2.0]), [0.0, 1.0, 2.0])


def test_a_function_with_the_name_of_another_is_refused(own_rules):
    def add(a, b, out):
        return out

    with pytest.raises(UsageError, match=r"rule_for: found the function .*add.*wrap it in a function of your own"):
        rule_for(Median3, functions=(add,))
    with pytest.raises(UsageError, match=r"needs one whose __name__ is an identifier"):
        rule_for(Median3, functions=(lambda a: a,))
    with pytest.raises(UsageError, match=r"rule: found <function .*add.*needs a class of boxes"):
        rule_for(add)(lambda box, names, out: [out])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rule_for_numba_is_an_expression_in_its_loops(own_rules, interpreted, dtype):
    pytest.importorskip("numba", reason="Numba is not installed; it comes with the extra 'native'")
    plain = values_of(*step_of(dtype=dtype))
    plan, *leaves = step_of(dtype=dtype, backend="numba")
    values_of(plan, *leaves)
    assert re.search(r"NumPy's plan, .*Median3.*has no rule for Numba, built at test_rules", repr(plan))

    @native.rule_for(Median3, functions=(np.copysign,))
    def clipped(box, texts):
        return f"minimum(maximum({texts[0]}, {-box.limit}), {box.limit})"

    plan, w, x = step_of(dtype=dtype, backend="numba")
    for one, other in zip(values_of(plan, w, x), plain, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5 if dtype is np.float32 else 1e-13)
    assert is_native(plan)


def test_a_function_that_numba_has_not_is_refused(own_rules):
    with pytest.raises(UsageError, match=r"rule_for: found the function <.*clip.*>, needs ufuncs of NumPy"):
        native.rule_for(Median3, functions=(np.clip,))
