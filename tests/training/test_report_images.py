"""Images in pages: a PNG that other readers take, signs by colour, what is no number seen."""

import io
from base64 import b64decode

import matplotlib.image
import numpy as np
import pytest

from flowgraph.training.report_page import NEGATIVE, POSITIVE, draw_signed, image, ink, png


def read(address):
    """Pixels, 0 to 255, by a reader that is not ours."""
    content = b64decode(address.removeprefix("data:image/png;base64,"))
    return np.rint(255 * matplotlib.image.imread(io.BytesIO(content), format="png")).astype(int)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 1), (0, 0)])
def test_a_png_holds_its_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8)
    if pixels.size:
        found = matplotlib.image.imread(io.BytesIO(png(pixels)), format="png")
        np.testing.assert_array_equal(np.rint(255 * found), pixels)
    else:
        assert png(pixels).startswith(b"\x89PNG")


def test_ink_is_as_dark_as_its_intensity():
    found = read(ink(np.array([[0.0, 8.0, 16.0, 20.0]]), 16.0))
    assert not found[..., :3].any()
    np.testing.assert_array_equal(found[0, :, 3], [0, 128, 255, 255])


def test_colours_tell_signs_apart():
    found = read(draw_signed(np.array([[-2.0, -1.0, 0.0, 1.0, np.nan, np.inf]])))[0]
    assert tuple(found[0]) == (*NEGATIVE, 255)
    assert tuple(found[1]) == (*NEGATIVE, 128)
    assert found[2, 3] == 0
    assert tuple(found[3]) == (*POSITIVE, 128)
    assert tuple(found[4]) == (0, 0, 0, 255)
    assert tuple(found[5]) == (*POSITIVE, 255)


@pytest.mark.parametrize("values", [np.zeros((2, 2)), np.full((2, 2), np.nan)])
def test_images_without_a_largest_number(values):
    assert read(draw_signed(values)).shape == (2, 2, 4)


def test_what_is_said_of_an_image_is_escaped():
    assert 'alt="&lt;b&gt;&quot;"' in image("data:image/png;base64,", '<b>"', 8)
