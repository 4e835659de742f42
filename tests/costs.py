"""What tests cost: seconds of the processor for a case of each test that takes long, in costs.json.

`make whole` measures all tests, or those of some rooms, `make costs` those of the sample, and keeps what is known of
the others. Time of processes that a test starts and waits for counts; what modules import counts for none.
"""

import json
import resource
import time
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

COSTS = Path(__file__).with_name("costs.json")
LEAST = 0.02
"""Seconds from which on a case is written down."""


@cache
def costs() -> dict[str, float]:
    """Seconds of the processor for a case of each test that takes long, by the name of the test."""
    return dict(json.loads(COSTS.read_text(encoding="utf-8")))


def without_case(nodeid: str) -> str:
    """The name of a test, without that of its case."""
    return nodeid.partition("[")[0]


def updated(known: dict[str, float], measured: dict[str, list[float]]) -> dict[str, float]:
    """What is known of tests, with what their cases have just taken."""
    means = known | {test: round(sum(cases) / len(cases), 2) for test, cases in measured.items()}
    return {test: means[test] for test in sorted(means) if means[test] >= LEAST}


def spent() -> float:
    """Seconds of the processor, of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


class Measure:
    """A plugin of pytest that writes down what the cases of tests take, in a process and its workers."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.before = 0.0

    def pytest_runtest_logstart(self) -> None:
        """A test begins."""
        self.before = spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        """A phase of a test has ended: what it took goes along with its report, to the process that writes."""
        report = yield
        now = spent()
        report.user_properties = [*report.user_properties, ("processor", now - self.before)]
        self.before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A report has come in, of this process or of a worker."""
        taken = [seconds for name, seconds in report.user_properties if name == "processor"]
        self.seconds[without_case(report.nodeid)][report.nodeid] += sum(taken)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """All tests have run."""
        if hasattr(session.config, "workerinput"):
            return
        measured = {test: list(cases.values()) for test, cases in self.seconds.items()}
        COSTS.write_text(json.dumps(updated(costs(), measured), indent=0) + "\n", encoding="utf-8")
