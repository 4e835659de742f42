"""Hypothesis profiles: `dev` by default, `ci` derandomised, `nightly` with more examples; HYPOTHESIS_PROFILE chooses.

Which tests run, tests/selection.py says.
"""

import gc
import importlib.util
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests import rooms, selection
from tests.costs import Measure
from tests.failures import Failures
from tests.seed import SeedError, is_thorough, seed_of_tree

_calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("dev", max_examples=30, **_calm)
settings.register_profile("ci", max_examples=30, derandomize=True, **_calm)
settings.register_profile("nightly", max_examples=200, **_calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

TORCH = importlib.util.find_spec("torch") is not None
"""Whether there is PyTorch, which is too large for the environment of `make oldest`."""

# A shell without job control starts what it puts into the background with SIGINT ignored, and processes inherit that:
# tests of Ctrl-C would wait for a signal that never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--near", action="store_true", help="the folders of tests of what differs from main, whole")
    parser.addoption("--share", type=float, default=selection.SHARE, help="of a sample, seconds of the processor")
    parser.addoption("--failures", help="a file for the failed tests, with what was told of each")
    parser.addoption("--costs", action="store_true", help="write down what the tests take, for the choice of samples")
    parser.addoption("--sampled", action="store_true", help="of what is named too, no more than the sample")
    parser.addoption("--whole", action="append", default=[], help="with --sampled: but all of this folder or file")


def pytest_configure(config):
    config.addinivalue_line("markers", "sampled(one_in): a long test, of whose cases a sample has one in so many")
    config.addinivalue_line("markers", "no_cover: a test that is not measured, which pytest-cov reads if it is there")
    if config.getoption("--costs"):
        config.pluginmanager.register(Measure())
    if config.getoption("--failures") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Failures(Path(config.getoption("--failures"))))
    try:
        seed_of_tree()
    except SeedError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config):
    lines = ["without PyTorch: files of tests that import it are left out"] if not TORCH else []
    if config.getoption("--near"):
        lines.append(f"near what changed: {', '.join(sorted(rooms.changed(rooms.base()))) or 'no room'}")
    lines.append(f"seed of what is drawn: {seed_of_tree()}")
    return lines


def pytest_ignore_collect(collection_path, config):
    if config.getoption("--near") and selection.is_far(collection_path):
        return True
    needs_torch = (
        not TORCH and collection_path.suffix == ".py" and "\nimport torch\n" in collection_path.read_text("utf-8")
    )
    return True if needs_torch else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    unstable = sorted({item.nodeid.partition("[")[0] for item in items if " at 0x" in item.nodeid})
    if unstable:  # workers would collect others
        raise pytest.UsageError(f"found addresses in the names of cases, give ids=: {', '.join(unstable)}")
    if config.getoption("--near"):
        chosen = selection.near(items)
    elif is_thorough() or config.getoption("keyword"):
        chosen = list(items)
    else:
        named = [config.invocation_params.dir / name.partition("::")[0] for name in config.args]
        is_part = [path.exists() and path.resolve() not in (rooms.ROOT, rooms.ROOT / "tests") for path in named]
        places = [path.resolve() for path, part in zip(named, is_part, strict=True) if part]
        only = [(config.invocation_params.dir / name).resolve() for name in config.getoption("--whole")]
        whole = only if config.getoption("--sampled") else places
        chosen = selection.sample(items, whole, share=config.getoption("--share"))
    taken = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in taken])
    items[:] = chosen


@pytest.fixture(autouse=True, scope="session")
def compiled_plans(tmp_path_factory):
    """Native plans are compiled into a folder of the tests, not the user's."""
    os.environ["FLOWGRAPH_CACHE"] = str(tmp_path_factory.getbasetemp() / "native")


@pytest.fixture(autouse=True)
def plans_of_its_own():
    """A test compiles its plans itself: rules and passes that it puts in place of others count for them."""
    programs = sys.modules.get("flowgraph.plan.programs")
    if programs is not None:
        programs.PROGRAMS.forget()
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
