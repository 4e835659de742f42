"""What a check may take in the tests of a commit."""

import pytest

from flowgraph.checking import scope
from tests.commit import is_thorough


@pytest.fixture(autouse=True)
def effort_of_a_commit(monkeypatch):
    """Where a test asks for no other effort, a tenth of a user's calls has to show each mistake; not in the night."""
    if not is_thorough():
        monkeypatch.setitem(scope.EFFORTS, "normal", scope.NORMAL._replace(budget=scope.NORMAL.budget // 10))
