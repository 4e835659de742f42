"""Tables as people have them: text, dates, gaps, ids, truth values, in CSV and in Parquet alike."""

import datetime
import re
import shlex
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from flowgraph.cli import main
from flowgraph.cli.train import settings_of
from flowgraph.cli.train import train as command
from flowgraph.errors import DataError
from flowgraph.experiment import Experiment, TrainSettings
from flowgraph.experiment.experiment import load

polars = pytest.importorskip("polars")

ROWS = 40
DAY = datetime.date(2024, 1, 1)
COLUMNS = {
    "number": lambda rng: [float(value) for value in rng.normal(size=ROWS)],
    "count": lambda rng: [int(value) for value in rng.integers(0, 9, ROWS)],
    "text": lambda rng: [str(value) for value in rng.choice(["north", "south, east", "NL"], ROWS)],
    "truth": lambda rng: [bool(value) for value in rng.integers(0, 2, ROWS)],
    "date": lambda rng: [DAY + datetime.timedelta(int(value)) for value in rng.integers(0, 99, ROWS)],
    "time": lambda rng: [datetime.datetime(2024, 1, 1, 12, int(value)) for value in rng.integers(0, 60, ROWS)],
    "name": lambda rng: [f"House {row}" for row in rng.permutation(ROWS)],
    "id": lambda rng: [1000 + row for row in range(ROWS)],
    "mixed": lambda rng: [*(str(value) for value in rng.integers(0, 9, ROWS - 3)), "unknown", "3", "unknown"],
    "constant": lambda rng: ["the same"] * ROWS,
    "empty": lambda rng: [None] * ROWS,
}
TARGETS = {
    "words": lambda rng: [["no", "yes", "perhaps"][row % 3] for row in range(ROWS)],
    "truths": lambda rng: [row % 3 == 0 for row in range(ROWS)],
    "ratings": lambda rng: [row % 4 + 1 for row in range(ROWS)],
    "prices": lambda rng: [100_000 + 100 * row for row in range(ROWS)],
    "numbers": COLUMNS["number"],
}


@st.composite
def tables(draw):
    """Columns of cells, None in the gaps, the target called "it y"; one input is a number without gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.lists(st.sampled_from([*COLUMNS]), min_size=1, max_size=4))
    columns = {"plain": COLUMNS["number"](rng)}
    for place, kind in enumerate([*kinds, draw(st.sampled_from([*TARGETS]))]):
        cells = ({**COLUMNS, **TARGETS} if place < len(kinds) else TARGETS)[kind](rng)
        gaps = rng.random(ROWS) < draw(st.sampled_from([0, 0, 0.1]))
        name = "it y" if place == len(kinds) else f"{kind} {place}"
        columns[name] = [None if gap else cell for cell, gap in zip(cells, gaps, strict=True)]
    return columns


def written(columns, folder):
    """The table as a CSV and as a Parquet file."""
    frame = polars.DataFrame(columns, strict=False)
    frame.write_parquet(folder / "t.parquet")
    frame.write_csv(folder / "t.csv")
    return folder / "t.csv", folder / "t.parquet"


def loaded(path, options=""):
    """What is loaded, and None; or None and the refusal, with rows counted as in a frame."""
    params = command.make_context("train", [str(path), "--target", "it y", *shlex.split(options)]).params
    known = TrainSettings("").as_dict()
    try:
        return load(settings_of(str(path), {n: v for n, v in params.items() if n in known and n != "source"})), None
    except DataError as error:
        text = str(error).replace(str(path), "table")
        return None, re.sub(r"line (\d+)", lambda found: f"row {int(found[1]) - 2}", text)


@given(tables(), st.sampled_from(["", "--one-hot", "--impute mean", "--drop-missing --drop plain"]))
@settings(deadline=None, max_examples=60)
def test_csv_and_parquet_are_one_table_and_a_refusal_names_the_options_that_read_it(columns, options):
    with TemporaryDirectory() as folder:
        text, packed = written(columns, Path(folder))
        for _ in range(2):
            (one, why), (other, same) = loaded(text, options), loaded(packed, options)
            assert why == same
            if one is not None:
                break
            if "all is read with: " not in why:  # what is left over is nothing, which no option can read
                assert re.search(r"so that none is left|found only the target|of the training rows", why), why
                return
            options += " " + why.rpartition("all is read with: ")[2]
        assert one is not None, (options, why)
    assert one.preparation == other.preparation
    assert one.account == other.account
    assert one.examples.fingerprint == other.examples.fingerprint
    assert one.examples.classes == other.examples.classes
    assert {name for name, _ in one.account} - {"rows"} == {*columns}


def test_a_column_that_may_identify_rows_is_said_and_can_be_left_out(tmp_path):
    rng = np.random.default_rng(0)
    columns = {"": COLUMNS["id"](rng), "x": COLUMNS["number"](rng), "it y": TARGETS["words"](rng)}
    path, _ = written(columns, tmp_path)
    arguments = ["train", str(path), "--target", "it y", "--epochs", "1", "--hidden", "0"]
    kept = CliRunner().invoke(main, [*arguments, "-o", str(tmp_path / "kept")])
    assert kept.exit_code == 0, kept.output
    assert "'': a number; differs in every row; if it identifies rows, leave it out: --drop ''\n" in kept.output
    left = CliRunner().invoke(main, [*arguments, "--drop", "", "-o", str(tmp_path / "left")])
    assert left.exit_code == 0, left.output
    assert "'': left out\n" in left.output
    settings = TrainSettings(str(path), "it y", drop=("",), epochs=1)
    assert Experiment(settings).examples.columns == ("x",)
    for wrong, text in (("z", "found no column 'z'"), ("it y", "found the target 'it y' among what is left out")):
        with pytest.raises(DataError, match=text):
            Experiment(settings.with_values({"drop": (wrong,)}))
