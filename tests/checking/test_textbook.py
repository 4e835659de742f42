"""Right layers pass as a course hands them out: nobody there undoes broadcasting or asks for empty batches."""

import pytest

import flowgraph as fg

from .textbook import dense, images, sequences

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

LAYERS = [*dense.LAYERS, *sequences.LAYERS, *images.LAYERS]
MISTAKES = [(layer, words) for layer in LAYERS for words in layer.mistakes]


def test_there_are_sixteen_layers_and_six_mistakes_at_least():
    assert len({layer.name for layer in LAYERS}) == len(LAYERS) >= 16
    assert len(MISTAKES) >= 6


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_right_layer_passes(layer):
    report = fg.check(layer.forward, *layer.inputs, bprop=layer.backward)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize(("layer", "words"), MISTAKES, ids=lambda one: getattr(one, "name", one))
def test_a_mistake_in_a_layer_fails(layer, words):
    report = fg.check(layer.forward, *layer.inputs, bprop=layer.mistakes[words])
    assert report.verdict == "fail", str(report)
    assert not any(failure.beyond for failure in report.failures), str(report)
