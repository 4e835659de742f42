"""What README.md and docs/ quote is what docs/measured.json holds, and every measurement is told once."""

import json
import sys

import pytest

from benchmarks import all as every
from benchmarks.quoting.pages import MEASURED, QUOTES, ROOT, block, measured, text_of

ENTRIES = measured()


def test_each_place_in_a_page_is_one_of_a_measurement():
    pages = {quoted.page for quoted in QUOTES.values()}
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        told = {name for name, quoted in QUOTES.items() if ROOT / quoted.page == page}
        assert text.count("<!-- measured: ") == len(told), page.name
        assert all(len(block(name).findall(text)) == 1 for name in told), page.name
    assert all((ROOT / page).exists() for page in pages)


def test_only_what_is_quoted_is_kept():
    assert ENTRIES.keys() <= QUOTES.keys()


@pytest.mark.parametrize("name", ENTRIES)
def test_a_page_says_what_was_measured(name):
    (told,) = block(name).findall((ROOT / QUOTES[name].page).read_text(encoding="utf-8"))
    assert told.strip() == text_of(name, ENTRIES[name]), "run python -m benchmarks all --write"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_measurement_names_its_day_its_processor_and_its_command(name):
    entry = ENTRIES[name]
    (told,) = block(name).findall((ROOT / QUOTES[name].page).read_text(encoding="utf-8"))
    assert entry["date"] in told
    assert entry["processor"] in told
    assert entry["command"].startswith(f"python -m benchmarks {' '.join(QUOTES[name].command)}")


def test_measurements_are_kept_one_by_one(tmp_path, monkeypatch):
    """One that fails is named, and neither its figure nor the others are lost."""
    path = tmp_path / "measured.json"
    path.write_text(json.dumps(ENTRIES))
    monkeypatch.setattr("benchmarks.quoting.pages.MEASURED", path)
    monkeypatch.setattr(every, "MEASURED", path)
    written = []
    monkeypatch.setattr(every, "write", lambda name, entry: written.append(name))
    new = ENTRIES["overhead"] | {"date": "2001-01-01"}

    def run(quoted, quick):
        if quoted.command[0] == "loops":
            raise RuntimeError("ended with code 1")
        return new

    monkeypatch.setattr(every, "run", run)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "all", "--quick", "--only", "loops,overhead"])
    with pytest.raises(SystemExit, match="not measured: loops: ended with code 1"):
        every.main()
    kept = json.loads(path.read_text())
    assert written == ["overhead"]
    assert kept["overhead"]["date"] == "2001-01-01"
    assert kept["loops"] == ENTRIES["loops"]
    assert MEASURED.name == path.name
