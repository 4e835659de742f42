"""The gufunc notation as a shape rule."""

import pytest

from flowgraph.shapes.signature import Signature, SignatureMismatchError
from flowgraph.shapes.size import Size

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
