"""Tables as people have them: text, dates, gaps, ids, truth values, decimal commas, in CSV and in Parquet alike."""

import datetime
import re
import shlex
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.cli.train import settings_of
from flowgraph.cli.train import train as command
from flowgraph.data.preparation import Preparation, read_targets, table_of
from flowgraph.errors import DataError, UsageError
from flowgraph.experiment import Experiment, TrainSettings
from flowgraph.experiment.experiment import load
from flowgraph.remedies import Remedy
from flowgraph.training.evaluation import predict

polars = pytest.importorskip("polars")

ROWS = 40
DAY = datetime.date(2024, 1, 1)
GERMAN = str.maketrans(",.", ".,")
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
    "commas": lambda rng: [f"{value:.2f}".replace(".", ",") for value in rng.normal(size=ROWS)],
    "amounts": lambda rng: [f"{value:,.2f}".translate(GERMAN) for value in 1e6 * rng.random(ROWS)],
    "dollars": lambda rng: [f"{value:,.2f}" for value in 1e6 * rng.random(ROWS)],
    "thousands": lambda rng: [f"{value:,}" for value in rng.integers(1000, 10**6, ROWS)],
    "points and commas": lambda rng: [*["1,5", "2.5"] * (ROWS // 2)],
    "spelt": lambda rng: [["TRUE", "false", "True"][value] for value in rng.integers(0, 3, ROWS)],
    "constant": lambda rng: ["the same"] * ROWS,
    "empty": lambda rng: [None] * ROWS,
}
TARGETS = {
    "words": lambda rng: [["no", "yes", "perhaps"][row % 3] for row in range(ROWS)],
    "truths": lambda rng: [row % 3 == 0 for row in range(ROWS)],
    "ratings": lambda rng: [row % 4 + 1 for row in range(ROWS)],
    "prices": lambda rng: [100_000 + 100 * row for row in range(ROWS)],
    "numbers": COLUMNS["number"],
    "commas": COLUMNS["commas"],
    "spelt": COLUMNS["spelt"],
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


def written(columns, folder, separator=",", mark=False):
    """The table as a CSV, perhaps with a byte order mark, and as a Parquet file."""
    frame = polars.DataFrame(columns, strict=False)
    frame.write_parquet(folder / "t.parquet")
    frame.write_csv(folder / "t.csv", separator=separator, include_bom=mark)
    return folder / "t.csv", folder / "t.parquet"


def loaded(path, options=""):
    """What is loaded, and None; or None and the refusal, with rows counted as in a frame."""
    params = command.make_context("train", [str(path), "--target", "it y", *shlex.split(options)]).params
    known = TrainSettings("").as_dict()
    try:
        return load(settings_of(str(path), {n: v for n, v in params.items() if n in known and n != "source"})), None
    except DataError as error:
        text = error.with_remedies(Remedy.as_options).replace(str(path), "table")
        return None, re.sub(r"line (\d+)", lambda found: f"row {int(found[1]) - 2}", text)


OPTIONS = ("", "--one-hot", "--impute mean", "--drop-missing --drop plain", "--decimal point", "--decimal comma")


@given(tables(), st.sampled_from(OPTIONS), st.sampled_from([",", ";", "\t"]), st.booleans())
@settings(deadline=None, max_examples=60)
def test_csv_and_parquet_are_one_table_and_a_refusal_names_the_options_that_read_it(columns, options, separator, mark):
    with TemporaryDirectory() as folder:
        text, packed = written(columns, Path(folder), separator, mark)
        for _ in range(2):
            (one, why), (other, same) = loaded(text, options), loaded(packed, options)
            assert why == same
            if one is not None:
                break
            if "all is read with: " not in why:  # what is left over is nothing, which no option can read
                nothing = r"so that none is left|found only the target|of the training rows|class .*--stratify"
                assert re.search(nothing, why), why
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


NUMBERS = st.integers(0, 2).flatmap(lambda places: st.lists(st.decimals(-(10**9), 10**9, places=places), min_size=2))


@given(NUMBERS, st.booleans(), st.sampled_from(["comma", "point"]))
def test_numbers_with_commas_are_those_that_were_written(numbers, grouped, decimal):
    cells = [f"{n:{',' * grouped}f}" for n in numbers]
    table = table_of(
        polars.DataFrame({"a": [cell.translate(GERMAN) if decimal == "comma" else cell for cell in cells]})
    )
    if any("," in cell for cell in table.column("a")):
        with pytest.raises(DataError, match=r"decimal='comma' reads it as .*, decimal='point' as ") as refusal:
            Preparation.fit(table, ["a"], rows=[0])
        if not table.fits("a", "decimal point") or decimal == "point":
            assert str(refusal.value).endswith(f"\nall is read with: decimal={decimal!r}")
    elif decimal == "comma" and grouped and any("." in cell for cell in table.column("a")):
        return  # points between thousands alone are decimals, as everywhere
    read = Preparation.fit(table, ["a"], rows=[0], decimal=decimal)
    np.testing.assert_array_equal(read.numbers_of(table)[:, 0], [float(n) for n in numbers])


def test_a_point_without_a_comma_behind_it_is_refused_where_decimals_stand_behind_commas():
    read = Preparation.fit(table_of(polars.DataFrame({"a": ["1,5", "2,25"]})), ["a"], rows=[0], decimal="comma")
    with pytest.raises(DataError, match=r"found '1\.234', needs a finite number with a decimal comma"):
        read.numbers_of(table_of(polars.DataFrame({"a": ["1.234"]})))


@given(st.lists(st.sampled_from(["true", "True", "TRUE", "false", "False", "FALSE"]), min_size=2))
def test_truth_values_are_two_classes_by_the_names_that_the_table_has(words):
    lower = {word.lower() for word in words}
    if len(lower) < 2:
        return
    _, classes = read_targets(np.array(words, object), "classes", "y")
    assert set(classes) == (set(words) if len(set(words)) == 2 else lower)
    _, booleans = read_targets(np.array([word.lower() == "true" for word in words], object), "auto", "y")
    assert booleans == ("false", "true")


def test_class_weights_are_copies_of_the_examples_or_balance_the_classes():
    base = TrainSettings("iris", batch_size=None, epochs=4, hidden=(3,), learning_rate=0.1)
    whole = Experiment(base)
    train = whole.raw.train
    rows = [row for row, label in enumerate(train.y) for _ in range([1, 3, 1][label])]
    copies = [row for row, label in enumerate(whole.raw.valid.y) for _ in range([1, 3, 1][label])]
    drawn = replace(whole.raw, train=train.take(rows), valid=whole.raw.valid.take(copies))
    settings = base.with_values({"standardise": False})
    plain = Experiment(settings, whole.examples, drawn).trainer().run(4)
    weighted = Experiment(settings.with_values({"class_weight": ("versicolor=3",)}), whole.examples, whole.raw)
    assert weighted.trainer().run(4)["valid_objective"] == pytest.approx(plain["valid_objective"])
    balanced = Experiment(settings.with_values({"class_weight": ("balanced",)}), whole.examples, whole.raw)
    sums = np.bincount(train.y, weights=balanced.class_weights[train.y])
    assert sums == pytest.approx(np.full(3, len(train) / 3))


@pytest.mark.parametrize(
    ("source", "weights", "message"),
    [
        ("iris", ("rose=2",), "found class_weight for 'rose', needs one of the classes setosa, versicolor, virginica"),
        ("iris", ("setosa",), "found class_weight='setosa', needs balanced, or a class and a number, yes=5"),
        ("iris", ("setosa=-1",), "found class_weight=-1.0, needs a number above 0"),
        ("iris", ("setosa=1", "setosa=2"), "needs one weight for a class"),
        ("line.npz", ("balanced",), "found class_weight for numbers, which have no classes; leave it out"),
    ],
)
def test_a_class_weight_that_cannot_count_is_refused_before_training(source, weights, message, tmp_path):
    np.savez(tmp_path / "line.npz", x=np.arange(20.0)[:, None], y=np.arange(20) / 7)
    path = str(tmp_path / source) if "." in source else source
    with pytest.raises(UsageError, match=message):
        Experiment(TrainSettings(path, "y", class_weight=weights))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_of_more_digits_than_the_network_are_read_as_they_were_trained_on(tmp_path, dtype):
    milliseconds = 1_700_000_000_000 + np.arange(40)
    rows = [f"{time},{'yes' if time % 4 else 'no'}" for time in milliseconds]
    (tmp_path / "t.csv").write_text("\n".join(["time,y", *rows]))
    experiment = Experiment(TrainSettings(str(tmp_path / "t.csv"), "y", dtype=dtype, hidden=(4,)))
    trained_on = experiment.standardise(experiment.raw.train.x).astype(dtype)
    x = fg.Input("x", shape=("N", 1), dtype=dtype)
    found = predict(experiment.predictor, experiment.raw.train.x)
    np.testing.assert_allclose(found, fg.Graph(experiment.mlp(x)).fprop(x=trained_on).outputs[0], rtol=1e-5)
    assert found.dtype == dtype
