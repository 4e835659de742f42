"""Hypothesis profiles: `dev` by default, `ci` derandomised, `thorough` for a long night; HYPOTHESIS_PROFILE chooses.

`pytest --quick` has a profile of its own, and the tests of tests/quick.py alone.
"""

import gc
import os
import signal
from collections import Counter
from zlib import crc32

import pytest
from hypothesis import HealthCheck, settings

from tests import quick

_calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=50, **_calm)
settings.register_profile("ci", max_examples=60, derandomize=True, **_calm)
settings.register_profile("quick", max_examples=10, derandomize=True, **_calm)
settings.register_profile("thorough", max_examples=2000, **_calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# A shell without job control starts what it puts into the background with SIGINT ignored, and processes inherit that:
# tests of Ctrl-C would wait for a signal that never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


UNMEASURED = frozenset(f"test_{name}.py" for name in (
    "decompositions", "devices", "edges", "effort", "every_batch", "forward_mode", "framework_modules", "models",
    "replay", "roughness", "scale", "strategies", "textbook", "what_was_checked",
))  # fmt: skip
"""Files of tests whose lines of the package other tests run too; measuring takes 70 % more time."""
MANY, MEASURED = 12, 3
"""Of a test with so many cases, one in three is measured: all go through the same lines, but for the box at hand."""
WHOLE = ("box", "graph")
"""Folders of tests in which every case is measured: every line of what they test has to be reached."""


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="what a change of the engine most likely breaks, in a minute")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: a test that takes several seconds, which --quick leaves out")
    config.addinivalue_line("markers", "no_cover: a test that is not measured, which pytest-cov reads if it is there")
    if config.getoption("--quick"):
        settings.load_profile("quick")


def pytest_ignore_collect(collection_path, config):
    return True if config.getoption("--quick") and quick.is_left_out(collection_path) else None


def pytest_collection_modifyitems(config, items):
    cases = Counter(item.nodeid.partition("[")[0] for item in items)
    for item in items:
        many = cases[item.nodeid.partition("[")[0]] >= MANY and item.path.parent.name not in WHOLE
        if item.path.name in UNMEASURED or (many and crc32(item.nodeid.encode()) % MEASURED):
            item.add_marker(pytest.mark.no_cover)
    if config.getoption("--quick"):
        kept = quick.chosen(items)
        chosen = set(kept)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = kept


@pytest.fixture(autouse=True, scope="session")
def compiled_plans(tmp_path_factory):
    """Native plans are compiled into a folder of the tests, not the user's."""
    os.environ["FLOWGRAPH_CACHE"] = str(tmp_path_factory.getbasetemp() / "native")


@pytest.fixture(autouse=True, scope="module")
def old_objects():
    """What earlier modules have left, tens of thousands of tests among it, is no longer looked at by `gc.collect`."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_registry():
    """Box classes that a test defines are not in the registry after it, where others would find them."""
    from tests.registry import unregistered

    with unregistered():
        yield
