"""The gufunc notation as a shape rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Signature, SignatureMismatchError

N = Size("N")


@pytest.mark.parametrize(
    ("text", "shapes", "needed"),
    [
        ("(m,k),(k,n)->(m,n)", [(2, 3), (3, 4)], [(2, 4)]),
        ("(m,k),(k,n)->(m,n)", [(5, 1, 2, 3), (6, 3, 4)], [(5, 6, 2, 4)]),
        ("(m,k),(k,n)->(m,n)", [(N, 3), (3, 4)], [(N, 4)]),
        ("(m?,k),(k,n?)->(m?,n?)", [(3,), (3,)], [()]),
        ("(m?,k),(k,n?)->(m?,n?)", [(N, 3), (3,)], [(N,)]),
        ("(m?,k),(k,n?)->(m?,n?)", [(3,), (3, 4)], [(4,)]),
        ("(a?,b?,c)->(a?,b?,c)", [(3,)], [(3,)]),
        ("(a?,b?,c)->(a?,b?,c)", [(2, 3)], [(2, 3)]),
        ("(a?,b?,c)->(a?,b?,c)", [(5, N, 2, 3)], [(5, N, 2, 3)]),
        ("(a?,b?,c),(b?,c)->(c)", [(2, 3), (2, 3)], [(3,)]),
        ("(c),()->()", [(N, 10), (N,)], [(N,)]),
        ("(n)->(n),(n,n)", [(7, 3)], [(7, 3), (7, 3, 3)]),
        ("(),()->()", [(), ()], [()]),
        ("(3),(n,3)->(n),(3)", [(3,), (N, 3)], [(N,), (3,)]),
    ],
)
def test_shapes(text, shapes, needed):
    names = ("a", "b")[: len(shapes)]
    assert list(Signature.parse(text).result(shapes, names)) == needed


@pytest.mark.parametrize(
    ("text", "shapes", "problem"),
    [
        ("(m,k),(k,n)->(m,n)", [(2, 3), (4, 4)], "child 'b' has k = 4 but child 'a' has k = 3"),
        ("(m,k),(k,n)->(m,n)", [(3,), (3, 4)], "child 'a' has 1 axes but needs at least 2"),
        ("(m?,k),(k,n?)->(m?,n?)", [(), (3,)], "child 'a' has 0 axes but needs at least 1"),
        ("(c),()->()", [(4, 10), (3,)], "do not broadcast"),
        ("(c),(c)->()", [(3,), (N,)], "child 'b' has c = N but child 'a' has c = 3"),
        ("(n,3),()->(n)", [(5, 4), ()], "child 'a' has the size 4 where it needs 3"),
    ],
)
def test_what_does_not_fit_is_said(text, shapes, problem):
    with pytest.raises(SignatureMismatchError, match="(?s)" + problem.replace("(", r"\(").replace(")", r"\)")):
        Signature.parse(text).result(shapes, ("a", "b"))


@pytest.mark.parametrize("text", ["", "(n)", "n->n", "(n->(n)", "(n)->(n)x"])
def test_what_is_no_signature_is_refused(text):
    with pytest.raises(ValueError, match="gufunc notation"):
        Signature.parse(text)


@st.composite
def signatures(draw):
    """A signature whose children name axes of a size each, and the sizes of the names in the order in which they come.

    Optional axes stand in front, as in NumPy.
    """
    axis = st.sampled_from(["m", "n", "k", "2", "3"])
    cores = draw(st.lists(st.lists(axis, max_size=3, unique=True), min_size=1, max_size=3))
    optional = draw(st.booleans()) and all(core and not core[0].isdigit() for core in cores)
    written = [[f"{core[0]}?", *core[1:]] if optional and len(core) > 1 else core for core in cores]
    names = list(dict.fromkeys(name for core in cores for name in core))
    out = draw(st.lists(st.sampled_from(names), max_size=3)) if names else []
    text = ",".join(f"({','.join(core)})" for core in written) + f"->({','.join(out)})"
    sizes = [draw(st.integers(1, 5)) for name in names if not name.isdigit()]
    spaced = "".join(draw(st.sampled_from(["", "", " ", "  "])) + part for part in text.replace("->", "→"))
    assert Signature.parse(spaced.replace("→", "->")) == Signature.parse(text)
    return Signature.parse(text), cores, out, sizes


@given(signatures(), st.lists(st.integers(1, 3), max_size=2), st.data())
def test_shapes_of_drawn_signatures_fit_and_others_do_not(drawn, loop, data):
    signature, cores, out, sizes = drawn
    names = [str(place) for place in range(len(cores))]
    named = dict.fromkeys(name for core in cores for name in core if not name.isdigit())
    size = {**dict(zip(named, sizes, strict=True)), "2": 2, "3": 3}
    shapes = signature.shapes(sizes, tuple(loop))
    assert shapes == [(*loop, *(size[axis] for axis in core)) for core in cores]
    assert signature.result(shapes, names) == ((*loop, *(size[axis] for axis in out)),)
    assert signature.small_shapes(signature.shapes(sizes), 4) == [
        tuple(int(axis) if axis.isdigit() else 4 for axis in core) for core in cores
    ]
    shared = [axis for axis in size if sum(axis in core for core in cores) + axis.isdigit() > 1]
    if shared and any(axis in core for axis in shared for core in cores):
        axis = data.draw(st.sampled_from([one for one in shared if any(one in core for core in cores)]))
        place = data.draw(st.sampled_from([i for i, core in enumerate(cores) if axis in core]))
        at = cores[place].index(axis) - len(cores[place])
        wrong = [list(shape) for shape in shapes]
        wrong[place][at] += 1
        with pytest.raises(SignatureMismatchError):
            signature.result([tuple(shape) for shape in wrong], names)
