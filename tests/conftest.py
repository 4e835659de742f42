"""Hypothesis profiles: `dev` by default, `ci` derandomised, `nightly` with more examples; HYPOTHESIS_PROFILE chooses.

Which tests run, tests/selection.py says; `pytest --quick` has a profile of its own.
"""

import gc
import importlib
import os
import signal
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import selection
from tests.commit import is_thorough, seed_of_commit
from tests.costs import Measure

_calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=30, **_calm)
settings.register_profile("ci", max_examples=30, derandomize=True, **_calm)
settings.register_profile("quick", max_examples=10, derandomize=True, **_calm)
settings.register_profile("nightly", max_examples=200, **_calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# A shell without job control starts what it puts into the background with SIGINT ignored, and processes inherit that:
# tests of Ctrl-C would wait for a signal that never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="what a change of the engine most likely breaks, in a minute")
    parser.addoption("--costs", action="store_true", help="write down what the tests take, for the choice of samples")
    parser.addoption("--sampled", action="store_true", help="of files that are named too, no more than the sample")


def pytest_configure(config):
    config.addinivalue_line("markers", "sampled(one_in): a long test, of whose cases a commit runs one in so many")
    config.addinivalue_line("markers", "no_cover: a test that is not measured, which pytest-cov reads if it is there")
    if config.getoption("--quick"):
        settings.load_profile("quick")
    if config.getoption("--costs"):
        config.pluginmanager.register(Measure())
    os.environ.setdefault("FLOWGRAPH_FUZZ_SEED", str(seed_of_commit()))  # of all processes, outside of git too


def pytest_ignore_collect(collection_path, config):
    return True if config.getoption("--quick") and selection.is_left_out(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    if config.getoption("--quick"):
        kept = selection.quick(items)
    elif is_thorough() or config.getoption("keyword"):
        kept = list(items)
    else:
        named = (config.invocation_params.dir / name.partition("::")[0] for name in config.args)
        whole = [] if config.getoption("--sampled") else [path for path in named if path.is_file()]
        kept = selection.sample(items, whole)
    chosen = set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = kept


@pytest.fixture(autouse=True, scope="session")
def compiled_plans(tmp_path_factory):
    """Native plans are compiled into a folder of the tests, not the user's."""
    os.environ["FLOWGRAPH_CACHE"] = str(tmp_path_factory.getbasetemp() / "native")


@pytest.fixture(autouse=True)
def plans_of_its_own():
    """A test compiles its plans itself: rules and passes that it puts in place of others count for them."""
    made = sys.modules.get("flowgraph.plan.equal")
    if made is not None:
        made.known.forget()
        importlib.import_module("flowgraph.plan.kept").FEWEST = sys.maxsize
    passes = sys.modules.get("flowgraph.plan.passes.simplify")
    if passes is not None:
        passes._rules.cache_clear()


@pytest.fixture(autouse=True, scope="module")
def old_objects():
    """What earlier modules have left, tens of thousands of tests among it, is no longer looked at by `gc.collect`."""
    gc.collect()
    gc.freeze()


_drawn_at_import = {}


@pytest.fixture(autouse=True)
def same_numbers(request):
    """A test draws from the generators of its module what it would draw alone, whichever tests ran before it."""
    for generator in vars(request.module).values():
        if isinstance(generator, np.random.Generator):
            bits = generator.bit_generator
            bits.state = _drawn_at_import.setdefault(bits, bits.state)


@pytest.fixture(autouse=True)
def own_registry():
    """Box classes that a test defines are not in the registry after it, where others would find them."""
    from tests.registry import unregistered

    with unregistered():
        yield
