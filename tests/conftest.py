"""Hypothesis profiles: `dev` by default, `ci` derandomised, `thorough` for a long night; HYPOTHESIS_PROFILE chooses."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

_calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=50, **_calm)
settings.register_profile("ci", max_examples=60, derandomize=True, **_calm)
settings.register_profile("thorough", max_examples=2000, **_calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# A shell without job control starts what it puts into the background with SIGINT ignored, and processes inherit that:
# tests of Ctrl-C would wait for a signal that never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


UNMEASURED = frozenset(f"test_{name}.py" for name in (
    "decompositions", "every_batch", "forward_mode", "roughness", "scale",
))  # fmt: skip
"""Files of tests whose lines of the package other tests run too; measuring takes 70 % more time."""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name in UNMEASURED:
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True, scope="session")
def compiled_plans(tmp_path_factory):
    """Native plans are compiled into a folder of the tests, not the user's."""
    os.environ["FLOWGRAPH_CACHE"] = str(tmp_path_factory.getbasetemp() / "native")


@pytest.fixture(autouse=True)
def own_registry():
    """Box classes that a test defines are not in the registry after it, where others would find them."""
    from tests.registry import unregistered

    with unregistered():
        yield
