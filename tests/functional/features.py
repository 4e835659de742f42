"""Functions that read the world outside of their arguments in many ways, and worlds that change between the calls.

A feature is made anew for each world: `term(np, x, i)` is what the function adds to its result, `change()` is what
happens to the world between two calls. Two worlds of one recipe go through the same.
"""

import itertools

FEATURES = {}

UNKNOWN_TO_AUTOGRAD = {"a_set", "a_work_array_of_its_own", "a_work_array_from_outside"}
"""It cannot differentiate by way of an int, and takes arrays that change in place at their last values."""


def feature(make):
    FEATURES[make.__name__] = make
    return make


def world(names, np):
    """The function of these features on a NumPy, and what changes its world."""
    count = itertools.count(1)
    terms, changes = zip(*[FEATURES[name](lambda: next(count)) for name in names], strict=True)

    def f(x, i):
        total = 0
        for term in terms:
            total = total + term(np, x, i)
        return total

    return f, changes
