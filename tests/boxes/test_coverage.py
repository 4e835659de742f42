"""The page that lists what boxes understand is of today: a function that is lost, or new, changes it."""

from pathlib import Path

import numpy as np
import pytest
import scipy

from tools import coverage_page

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


def test_the_page_is_of_today():
    page = coverage_page.page()
    (made,) = [line for line in page.splitlines() if line.startswith("Made by")]
    if made.partition(":")[0] not in PAGE.read_text():
        pytest.skip(f"the page was made with other versions than NumPy {np.__version__} and SciPy {scipy.__version__}")
    assert PAGE.read_text() == page, "make it anew: make pages"
