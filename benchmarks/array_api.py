"""The conformance tests of the array API standard, 2024.12, on boxes: data-apis/array-api-tests, from a clone.

Each test runs in a call, as under `flowgraph.functional.grad`, where a box has its number. What is skipped stands in
SKIPPED, each with its reason.

    git clone --recurse-submodules https://github.com/data-apis/array-api-tests CLONE
    python -m benchmarks array_api CLONE
    python -m benchmarks array_api CLONE --examples 200 -k sum
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_QUOTIENTS = [
    "x1_i is +infinity and isfinite(x2_i) and x2_i > 0) -> +infinity",
    "x1_i is +infinity and isfinite(x2_i) and x2_i < 0) -> -infinity",
    "x1_i is -infinity and isfinite(x2_i) and x2_i > 0) -> -infinity",
    "x1_i is -infinity and isfinite(x2_i) and x2_i < 0) -> +infinity",
    "isfinite(x1_i) and x1_i > 0 and x2_i is -infinity) -> -0",
    "isfinite(x1_i) and x1_i < 0 and x2_i is +infinity) -> -0",
]
_OF_COMPLEX = [
    "expm1((real(x_i) is +0 or real(x_i) == -0) and imag(x_i) is +0) -> 0 + 0j",
    "expm1(real(x_i) is +infinity and imag(x_i) is +0) -> +infinity + 0j",
    "expm1(real(x_i) is +infinity and imag(x_i) is +infinity) -> infinity + NaN j",
    "expm1(real(x_i) is +infinity and imag(x_i) is NaN) -> infinity + NaN j",
    "expm1(real(x_i) is -infinity and imag(x_i) is +infinity) -> -1 + 0j",
    "expm1(real(x_i) is -infinity and imag(x_i) is NaN) -> -1 + 0j",
    "expm1(real(x_i) is NaN and imag(x_i) is +0) -> NaN + 0j",
    "tanh(real(x_i) is +infinity and isfinite(imag(x_i)) and imag(x_i) > 0) -> 1 + 0j",
]

SKIPPED = {
    **{
        f"test_special_cases.py::{test}[{function}({case}]": "NumPy's value: NaN or -1 beside an infinity"
        for test, function in (
            ("test_binary", "floor_divide"),
            ("test_binary", "__floordiv__"),
            ("test_iop", "__ifloordiv__"),
        )
        for case in _QUOTIENTS
    },
    **{f"test_special_cases.py::test_unary[{case}]": "NumPy's value beside an infinity" for case in _OF_COMPLEX},
    "test_data_type_functions.py::test_finfo[float32]": "NumPy's numbers are np.float32, which is no float",
    "test_data_type_functions.py::test_finfo[complex64]": "NumPy's numbers are np.float32, which is no float",
    "test_creation_functions.py::test_meshgrid": "a tuple, as NumPy has it and the standard from 2025.12 on",
    "test_data_type_functions.py::test_broadcast_arrays": "a tuple, as NumPy has it and the standard from 2025.12 on",
    "test_inspection_functions.py::TestInspection::test_devices": "a tuple, as the standard has it from 2025.12 on",
    "test_manipulation_functions.py::TestExpandDims::test_expand_dims": "a ShapeError, which is no IndexError",
}
"""Tests that are not passed, by what stands behind the folder, each with the reason; JAX's own list has 94."""


def pytest_pyfunc_call(pyfuncitem: Any) -> Iterator[None]:
    """Run a test in a call, whose boxes are computed when they are built: pytest reads this file as a plugin."""
    from flowgraph.box.tape import Tape, run_trace

    with run_trace(Tape()):
        yield


pytest_pyfunc_call.pytest_impl = {"hookwrapper": True}  # type: ignore[attr-defined]


def main() -> None:
    """Run the tests of a clone, and count them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks array_api", description=__doc__.splitlines()[0])
    parser.add_argument("clone", type=Path, nargs="?", help="folder of data-apis/array-api-tests with its submodule")
    parser.add_argument("--examples", type=int, default=20, help="of Hypothesis, for each test")
    parser.add_argument("-k", default="", help="tests of this name alone")
    parser.add_argument("--all", action="store_true", help="what is skipped too")
    given = parser.parse_args([word for word in sys.argv[1:] if word != "array_api"])
    if given.clone is None:  # as where all benchmarks are run
        print("not run: it needs a clone of https://github.com/data-apis/array-api-tests")
        return
    if not (given.clone / "array_api_tests").is_dir():
        parser.error(f"{given.clone}: found no array_api_tests; clone https://github.com/data-apis/array-api-tests")
    print(f"{len(SKIPPED)} tests are skipped, each with a reason", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as skips:
        if not given.all:
            skips.writelines(f"array_api_tests/{name}\n" for name in SKIPPED)
        skips.flush()
        command = [
            sys.executable, "-m", "pytest", "array_api_tests", "-p", "benchmarks.array_api", "-q", "--tb=short",
            "--no-header", f"--max-examples={given.examples}", "--disable-deadline", "--skips-file", skips.name,
            *(["-k", given.k] if given.k else []),
        ]  # fmt: skip
        home = str(Path(__file__).resolve().parent.parent)
        environment = {
            **os.environ,
            "ARRAY_API_TESTS_MODULE": "flowgraph.numpy.array_api",
            "ARRAY_API_TESTS_VERSION": "2024.12",
            "PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        raise SystemExit(subprocess.run(command, cwd=given.clone, env=environment, check=False).returncode)
