"""What stands around the package agrees with it: workflows, targets of make, citation, changelog, the dry run."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import flowgraph as fg
from tools import release_check

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([\w.%/-]+):", MAKEFILE, re.M))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PROMISED = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / ".github" / "pull_request_template.md"])


def packages_of(extra):
    """The packages that an extra installs, those of the extras that it names included."""
    found = set()
    for one in EXTRAS[extra]:
        name, _, extras = re.match(r"([\w.-]+)(\[([\w,]+)\])?", one).groups("")
        parts = extras.split(",") if name == "flowgraph-autodiff" else ()
        found |= set().union(*map(packages_of, parts)) if parts else {name}
    return found


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(workflow):
    return [step for job in read(workflow)["jobs"].values() for step in job["steps"]]


def steps_of(workflow, job):
    return read(ROOT / ".github" / "workflows" / f"{workflow}.yml")["jobs"][job]["steps"]


def is_target(name):
    """Whether make knows it; `.venv/<extra>` is made by one rule for all extras."""
    return name in TARGETS or (name.startswith(".venv/") and name.removeprefix(".venv/") in EXTRAS)


def commands(text):
    """The targets of every `make ...` that a text has as code."""
    code = re.findall(r"`{1,3}([^`]+)`{1,3}", text)
    return {name for part in code for name in re.findall(r"(?:^|\s)make ([a-z.][\w./-]*)", part)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_that_a_page_names_exist(page):
    unknown = {name for name in commands(page.read_text(encoding="utf-8")) if not is_target(name)}
    assert not unknown, f"{page.name}: make has no target {sorted(unknown)}"


def test_a_newcomer_installs_little():
    heavy = {"numba", "optuna", "scikit-learn", "scipy", "matplotlib", "torch", "jax", "mypy", "pyright"}
    assert not packages_of("dev") & heavy
    assert heavy <= packages_of("check")


def test_targets_that_are_no_files_are_phony():
    phony = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[1].split())
    assert phony == {name for name in TARGETS if not name.startswith(".")}


def test_what_a_target_installs_is_an_extra():
    needed = re.findall(r"^[\w-]+: \.venv/(\w+)$", MAKEFILE, re.M)
    assert set(needed) <= EXTRAS.keys()
    assert {"docs", "release"} <= set(needed)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_only_targets_and_extras_that_exist(workflow):
    found = 0
    for step in steps(workflow):
        for name in re.findall(r"make ([\w./-]+)", step.get("run", "")):
            found += 1
            assert is_target(name), f"{workflow.name}: make has no target {name}"
        for extras in re.findall(r"\[([\w,]+)\]", " ".join(re.findall(r"install .*", step.get("run", "")))):
            assert set(extras.split(",")) <= EXTRAS.keys()
    assert found


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_ends_by_itself(workflow):
    assert read(workflow)["permissions"] == {"contents": "read"}
    for name, job in read(workflow)["jobs"].items():
        assert job["timeout-minutes"] <= 180, f"{workflow.name}: {name}"


def test_every_python_that_is_promised_is_tested():
    matrix = read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert set(PROMISED) == set(matrix["python"])
    assert min(PROMISED, key=lambda version: int(version[2:])) == PROJECT["requires-python"].removeprefix(">=")
    systems = {one["os"].partition("-")[0] for one in matrix["include"]} | {matrix["os"][0].partition("-")[0]}
    assert systems == {"ubuntu", "macos", "windows"}
    lowest = [step["run"] for name in ("tests", "nightly") for step in steps_of(name, "oldest") if "run" in step]
    assert lowest == ["make oldest", "make oldest LOWEST=test"]


CONSTRAINTS = {path: path.stem.rpartition("-")[2] for path in sorted((ROOT / "tools").glob("constraints-*.txt"))}


def requirements_of(extras):
    """What extras ask for directly, and the package itself."""
    for extra in extras:
        for one in EXTRAS[extra]:
            asked = Requirement(one)
            if asked.name == "flowgraph-autodiff":
                yield from requirements_of(asked.extras)
            else:
                yield asked
    yield from map(Requirement, PROJECT["dependencies"])


@pytest.mark.parametrize("path", CONSTRAINTS, ids=lambda path: path.stem)
def test_each_constraint_is_one_version_that_the_package_allows(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    versions = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}
    assert len(versions) == len(lines)
    oldest = CONSTRAINTS[path] == PROJECT["requires-python"].removeprefix(">=")
    extras = re.search(r"^CORE := (\S+)$", MAKEFILE, re.M)[1].split(",") if oldest else ["check"]
    for asked in requirements_of(extras):
        assert versions[canonicalize_name(asked.name)] in asked.specifier, asked


def test_versions_are_written_down_for_pythons_that_are_promised():
    assert set(CONSTRAINTS.values()) <= set(PROMISED)
    assert min(PROMISED, key=lambda version: int(version[2:])) in CONSTRAINTS.values()
    assert len(CONSTRAINTS) == 2


@pytest.mark.skipif(os.name == "nt", reason="make and sh are those of POSIX")
@pytest.mark.parametrize("what", ["constraints", "an empty file of constraints", "Python"])
def test_the_gate_says_in_one_line_what_it_misses(what, tmp_path):
    """All programs that it calls before it installs are stubs, but for those that look for a Python."""
    for name in (".ci/run", "tools/find_python.sh", "pyproject.toml", *(f"tools/{path.name}" for path in CONSTRAINTS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for name in ("chromium", "initdb", "curl", "make"):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n[ {name} != make ] || echo installed\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for path in CONSTRAINTS:
        kept = tmp_path / "tools" / path.name
        if what == "constraints":
            kept.unlink()
        elif what == "an empty file of constraints":
            kept.write_text("")
    if what == "Python":
        (tmp_path / "pyproject.toml").write_text('"Programming Language :: Python :: 3.99"\n')
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    command = ["bash", tmp_path / ".ci" / "run"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert re.search(
        "found no Python 3.99" if what == "Python" else r"constraints-3\.\d+\.txt: found no .*make const", line
    )


@pytest.mark.skipif(os.name == "nt", reason="make and sh are those of POSIX")
def test_make_takes_the_newest_python_that_is_promised_and_makes_environments(tmp_path):
    def found(*options, **environment):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tools" / "find_python.sh", tmp_path / "tools")
        command = ["/bin/sh", tmp_path / "tools" / "find_python.sh", *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def put(name, body):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)

    classifiers = "".join(
        f'"Programming Language :: Python :: {one}",\n' for one in ("3", "3.90", "3.91", "3.92", "3.100")
    )
    (tmp_path / "pyproject.toml").write_text(classifiers)
    paths = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    none = found(**paths)
    assert (none.returncode, none.stdout) == (1, "")
    assert none.stderr == "found no Python 3.100, 3.92, 3.91, 3.90 that makes environments; PYTHON=... names one\n"
    put("python3.90", "echo oldest")
    put("python3.91", "echo middle")
    put("python3.92", "echo it has no ensurepip >&2; exit 1")
    assert found(**paths).stdout == "middle\n"
    assert found("--oldest", **paths).stdout == "oldest\n"
    (tmp_path / ".pyenv" / "versions" / "3.100.2" / "bin").mkdir(parents=True)
    put(".pyenv/versions/3.100.2/bin/python", "echo newest")
    assert found(**paths).stdout == "newest\n"
    assert "PYTHON ?= $(shell sh tools/find_python.sh)" in MAKEFILE


@pytest.mark.parametrize("form", [path for path in FORMS if path.stem != "config"], ids=lambda path: path.stem)
def test_a_form_has_what_the_host_asks_for(form):
    parts = read(form)
    assert parts["name"]
    assert parts["description"]
    names = [part["id"] for part in parts["body"]]
    assert len(names) == len(set(names)) > 1
    assert all(part["attributes"]["label"] for part in parts["body"])


def test_the_hooks_are_those_of_make_lint():
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    for hook in local["hooks"]:
        tool, *_ = hook["entry"].removeprefix(".venv/bin/").split()
        assert f"$(BIN)/{tool}" in MAKEFILE


def test_the_citation_is_of_this_version():
    citation = read(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == fg.__version__
    assert {"message", "title", "authors", "license"} <= citation.keys()


def test_the_changelog_has_only_the_kinds_of_entries_that_there_are():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = re.findall(r"^### (.*)$", text, re.M)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for section in text.split("\n## ")[1:]:
        own = re.findall(r"^### (.*)$", section, re.M)
        assert len(own) == len(set(own)), f"two sections of one kind under {section.splitlines()[0]}"


def test_this_state_has_one_version():
    assert release_check.checked_version(ROOT) == fg.__version__


@pytest.mark.parametrize("name", ["flowgraph/__init__.py", "CITATION.cff", "CHANGELOG.md"])
def test_a_version_that_is_not_the_same_everywhere_keeps_a_release_back(tmp_path, name):
    for other in ("pyproject.toml", "flowgraph/__init__.py", "CITATION.cff", "CHANGELOG.md"):
        text = (ROOT / other).read_text(encoding="utf-8")
        text = text.replace(fg.__version__, "9.9.9").replace("Unreleased", "9.9.9") if other == name else text
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text(text, encoding="utf-8")
    with pytest.raises(release_check.ReleaseError, match=re.escape(name)):
        release_check.checked_version(tmp_path)


def test_relative_links_without_a_public_address_are_noted(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text("## 1.0 - 2026-01-01\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("[a](docs/a.md) [b](https://b.example)", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.0"\n', encoding="utf-8")
    (note,) = release_check.notes(tmp_path)
    assert "1 relative links, such as docs/a.md" in note
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nHomepage = "https://b.example"\n', encoding="utf-8")
    assert not release_check.notes(tmp_path)


def test_mutants_that_are_said_to_change_nothing_are_of_lines_that_there_are():
    """A line that has changed is judged anew, so the entry of the old one has to go."""
    listed = tomllib.loads((ROOT / "tools" / "equivalent_mutants.toml").read_text(encoding="utf-8"))["mutant"]
    for mutant in listed:
        text = " ".join((ROOT / mutant["file"]).read_text(encoding="utf-8").split())
        assert " ".join(mutant["before"].split()) in text, f"{mutant['file']}: {mutant['function']}"
