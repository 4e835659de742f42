"""The tests that decide about a change: a failure is told apart from noise by one more run of the test alone.

    python -m tests.gate -n 2 --dist worksteal         options and places as pytest takes them

A test that fails is run once more, alone, in a new process. It is unstable if it passes then: it depends on what ran
before or beside it. Up to `MOST_UNSTABLE` of these are named and do not refuse the change; the next change mends them
first. Ends with pytest's exit code, or 0 if nothing but these failed.
"""

import sys
from collections.abc import Callable, Sequence

from tests.failures import FAILED, PASSED, Ran, repeating, run_tests

MOST_UNSTABLE = 2
MOST_AGAIN = 20
"""Of more failures than that none is run again: they are no noise."""


def judge(first: Ran, run_alone: Callable[[str], Ran]) -> tuple[int, list[str]]:
    """The exit code of a run and what to say of it, a line for each test that failed."""
    if first.code != FAILED or not first.failed:
        return first.code, []
    if len(first.failed) > MOST_AGAIN:
        again = dict.fromkeys(first.failed, first.code)
    else:
        again = {test: run_alone(test).code for test in first.failed}
    unstable = [test for test, code in again.items() if code == PASSED]
    stay = len(again) - len(unstable)
    words = {test: "unstable, passed alone" if test in unstable else "failed" for test in again}
    lines = [f"{words[test]}: {repeating(test)}" for test in again]
    lines.append(f"{stay} failed, {len(unstable)} unstable, of which up to {MOST_UNSTABLE} are let through")
    return (first.code if stay or len(unstable) > MOST_UNSTABLE else PASSED), lines


def main(arguments: Sequence[str]) -> int:
    """Run the tests, and those that failed alone."""

    def run_alone(test: str) -> Ran:
        ran = run_tests(test, quiet=True)
        if ran.code:
            print(f"\nonce more, alone: {test}\n{ran.output[-4000:]}", flush=True)
        return ran

    code, lines = judge(run_tests(*arguments), run_alone)
    print("\n".join(lines), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
