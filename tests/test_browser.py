"""The browser of the tests is there for every test of its process."""

import multiprocessing
import os
import warnings

import pytest

from tests.browser import answered, in_a_browser


@in_a_browser
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")
def test_a_forked_child_leaves_the_browser_to_its_parent():
    assert answered("<p>before</p>", "return document.body.innerText") == "before"
    child = multiprocessing.get_context("fork").Process(target=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks while threads run
        child.start()
    child.join()
    assert answered("<p>after</p>", "return document.body.innerText") == "after"
