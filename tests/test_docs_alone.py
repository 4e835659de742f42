"""A page that is not so is found, whatever it is that is not so, and an environment holds what it should alone."""

import functools
import importlib.metadata
import json
import os
import re
import subprocess
import textwrap

import pytest

from tools import docs_alone, environments, pages

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the environments are links, and the commands POSIX's")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return functools.partial(environments.linked, tmp_path_factory.mktemp("environments"))


def page_of(folder, text):
    page = folder / "page.md"
    page.write_text(textwrap.dedent(text), encoding="utf-8")
    return page


RIGHT = """
    # A page

    ```python
    # own/small.py
    import numpy as np

    total = np.sum([1.0, 2.0])
    ```

    - A block in a list:

      ```python
      print("the sum of", [1, 2], "is", total)
      ```

      ```output
      the ... of [1, 2] is 3.0
      ```

    Then `pip install ".[cli]"`:

    ```sh
    python -c "import own.small, click"
    test -f own/small.py && \\
        touch made
    python -c "raise SystemExit(3)"    # exit code 3
    ```

    ```console
    $ cat own/small.py
    # own/small.py
    import numpy as np
    ...
    $ echo done
    done
    ```

    ```python
    from pathlib import Path
    assert total == 3.0 and Path("made").exists()
    ```

    ```text
    this is only shown
    ```
"""


@pytest.mark.sampled(one_in=4)
def test_a_page_that_is_so_has_no_failure(tmp_path, environment):
    assert docs_alone.failures(page_of(tmp_path, RIGHT), environment) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("np.sum([1.0", "np.summ([1.0", "has no attribute 'summ'"),
        ("is 3.0", "is 3.5", "shown 3.5, printed 3.0"),
        ("the ... of", "the ... off", "shown:\nthe ... off [1, 2] is 3.0\nprinted:\nthe sum of [1, 2] is 3.0"),
        ("\n    done", "\n    gone", "shown:\ngone\nprinted:\ndone"),
        ("# exit code 3", "# exit code 1", "ended with 3, not 1"),
        ("# exit code 3", "", "ended with 3, not 0"),
        ("touch", "no-such-command", "ended with 127, not 0"),
        ('pip install ".[cli]"', "", "No module named 'click'"),
        ("print(", "import click; print(", "No module named 'click'"),
        ("small, click", "small, pytest", "No module named 'pytest'"),
        ("total == 3.0", "total == 4.0", "AssertionError"),
        ("from pathlib", "__import__('sys').exit(0); from pathlib", "SystemExit: 0"),
        ("total = ", "import warnings; warnings.warn('by the way', stacklevel=1); total = ", "by the way"),
        ("```python\n    # own/small.py\n", "```python\n", "No module named 'own'"),
    ],
)
def test_whatever_is_not_so_is_found(old, new, found, tmp_path, environment):
    assert RIGHT.count(old) == 1
    failures = docs_alone.failures(page_of(tmp_path, RIGHT.replace(old, new)), environment)
    assert found in "\n".join(failures)


def test_what_stands_above_an_install_command_runs_without_it_and_what_it_begins_with_it():
    page = page_of_text("""
        ```python
        one
        ```
        With `pip install ".[cli,data]"`:
        ```python
        two
        ```
        ```sh
        pip install ".[search]" other-package   # a comment
        flowgraph train iris
        ```
    """)
    assert [(needed, [block.text.split()[0] for block in blocks]) for needed, blocks in pages.stages(page)] == [
        (frozenset(), ["one"]),
        (frozenset({"[cli]", "[data]"}), ["one", "two"]),
        (frozenset({"[cli]", "[data]", "[search]", "other-package"}), ["one", "two", "pip"]),
    ]


class Text:
    """A page without a file."""

    def __init__(self, text):
        self.text = text

    def read_text(self, encoding):
        return self.text


def page_of_text(text):
    return Text(textwrap.dedent(text))


LISTED = """
import importlib.metadata, json
print(json.dumps(sorted(one.name.lower().replace("_", "-") for one in importlib.metadata.distributions())))
"""


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("extras", ["", "[cli]", "[sklearn]", "[hypothesis] [pytest]", "[tables]"])
def test_an_environment_holds_the_extras_and_what_they_require_and_no_more(extras, environment):
    """Told twice: by the metadata that Python finds there, and by what can be imported."""
    needed = frozenset(extras.split())
    python = environment(needed)
    done = subprocess.run([python, "-c", LISTED], capture_output=True, text=True, check=True)
    wanted = {re.match(r"[\w.-]+", one)[0].lower() for one in environments.requirements(needed)}
    held = set(json.loads(done.stdout))
    assert wanted | {"flowgraph-autodiff"} <= held
    for one in held - {"flowgraph-autodiff"}:
        mains = {re.match(r"[\w.-]+", line)[0] for line in importlib.metadata.requires(one) or () if ";" not in line}
        assert {main.lower().replace("_", "-").replace(".", "-") for main in mains} <= held
    assert "torch" not in held
    for module, distribution in {"click": "click", "sklearn": "scikit-learn", "pytest": "pytest", "jax": "jax"}.items():
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) == (distribution in held), module


def test_what_is_not_installed_here_cannot_be_linked(environment):
    with pytest.raises(environments.NotInstalledError, match="no-such-package"):
        environment(frozenset({"no-such-package"}))


def test_some_pages_are_drawn_and_pages_that_need_the_package_alone_are_told_apart():
    core = docs_alone._asked([], 1, core=True)
    names = {pages.name(page) for page in core}
    assert {"index.md", "first-graph.md", "loops.md"} <= names
    assert not names & {"README.md", "scikit-learn.md", "jax.md", "gradient-tests-in-ci.md"}
    drawn = docs_alone._asked([], 3, core=True)
    assert set(drawn) <= set(core)
