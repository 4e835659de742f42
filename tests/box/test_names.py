"""A name that the package does not have is refused by a message that says how what it asks for is called."""

import re

import pytest

import flowgraph as fg
from flowgraph.box.numpy_dispatch import implemented, name_of


def way_to(name):
    """What the message says after the name."""
    with pytest.raises(AttributeError) as refusal:
        getattr(fg, name)
    return str(refusal.value).partition(repr(name))[2]


def test_a_name_in_another_spelling_is_found():
    known = set(dir(fg))
    for name in fg.__all__:
        spelt = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        for other in {spelt, spelt.upper(), spelt.replace("_", "")} - known:
            way = way_to(other).lower().replace("_", "")
            assert "takes boxes" in way or spelt.replace("_", "") in way, other


def test_what_other_libraries_call_a_box_leads_to_it():
    known = set(dir(fg))
    for cls in [value for value in map(fg.__dict__.get, fg.__all__) if "aliases" in dir(value)]:
        for alias in set(vars(cls).get("aliases", ())) - known:
            assert cls.__name__ in way_to(alias)
            assert cls.__name__ in way_to(f"{alias}2d")


def test_functions_that_take_boxes_are_named():
    for function in sorted(set(map(name_of, implemented()))):
        name = function.rpartition(".")[2]
        if not hasattr(fg, name) and not function.startswith("_"):
            assert f"{function}" in way_to(name)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("conv2d", "fg.Conv2d"),
        ("max_pool2d", "fg.MaxPool"),
        ("cross_entropy", "fg.SoftmaxCrossEntropy"),
        ("binary_cross_entropy_with_logits", "fg.BinaryCrossEntropy"),
        ("huber_loss", "fg.Huber"),
        ("Softmx", "fg.Softmax"),
    ],
)
def test_names_of_other_libraries(name, needed):
    assert re.search(rf"{needed}\b", way_to(name))


def test_a_name_like_none_is_refused_as_python_does():
    assert way_to("xyzzy") == way_to("__nothing__") == ""
