"""What is measured after each epoch is in the files of TensorBoard, MLflow and Weights & Biases, read back by these."""

import json
import re
import struct
import subprocess
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.interop.loggers import MLflow, TensorBoard, WandB, numbers_of_epoch, settings_of_trainer
from flowgraph.peers import install_command
from flowgraph.training import Trainer
from tests.test_hostile_pages import PAYLOADS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
DATA = (X[:20], (X[:20, 0] > 0).astype(int)), (X[20:], (X[20:, 0] > 0).astype(int))


def trained(*callbacks, epochs=3):
    return fg.fit(fg.MLP([4, 5, 2], rng=0), *DATA, epochs=epochs, callbacks=callbacks, checks=False, progress=False)


def column(history, name):
    return {epoch.number: pytest.approx(epoch.row()[name]) for epoch in history}


def test_tensorboard(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history = trained(TensorBoard(tmp_path / "runs"))
    found = accumulators.EventAccumulator(str(tmp_path / "runs"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == set(numbers_of_epoch(history.best))
    for name in numbers_of_epoch(history.best):
        assert {event.step: event.value for event in found.Scalars(name)} == column(history, name)


def test_the_tags_of_tensorboard_hold_no_sign_that_a_page_could_take_for_markup(tmp_path):
    """Layers may be called anything; more than 200 names that would run a script or ask for an address."""
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    class Watched:
        def scalars(self):
            return [(payload, 1, 0.5) for payload in PAYLOADS]

    trained(TensorBoard(tmp_path, Watched()), epochs=1)
    found = accumulators.EventAccumulator(str(tmp_path))
    found.Reload()
    tags = found.Tags()["scalars"]
    assert len(tags) > 150
    assert re.fullmatch(r"[\w.\-/ ]+", "".join(tags), re.ASCII)


@pytest.mark.sampled(one_in=4)
def test_mlflow_in_a_run_of_its_own_and_in_an_active_one(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    client = mlflow.MlflowClient()
    history = trained(MLflow(run_name="own"))
    assert mlflow.active_run() is None
    with mlflow.start_run() as run:
        trained(MLflow())
        assert mlflow.active_run().info.run_id == run.info.run_id
    runs = client.search_runs(["0"])
    assert {one.info.run_name for one in runs} >= {"own"}
    for one in runs:
        for name in numbers_of_epoch(history.best):
            if name != "seconds":
                kept = client.get_metric_history(one.info.run_id, name)
                assert {metric.step: metric.value for metric in kept} == column(history, name)
        assert one.data.params["rule"].startswith("Adam(")


def records(path):
    """The records of a file of Weights & Biases: pieces in blocks of 32 KiB, after checksum, length and type."""
    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        size, kind = struct.unpack_from("<HB", data, at + 4)
        whole = data[at + 7 : at + 7 + size] if kind in (1, 2) else whole + data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield whole


@pytest.mark.sampled(one_in=4)
def test_weights_and_biases(tmp_path):
    wandb = pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    history = trained(WandB(project="tests", mode="offline", dir=str(tmp_path)))
    assert wandb.run is None
    wandb.teardown()  # the process that writes ends
    rows = []
    (path,) = tmp_path.rglob("*.wandb")
    for one in records(path):
        record = wandb_internal_pb2.Record.FromString(one)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items})
    for name in numbers_of_epoch(history.best):
        assert {row["_step"]: row[name] for row in rows} == column(history, name)


def test_names_and_numbers_that_every_tool_takes():
    epoch = trained(epochs=1).epochs[0]
    odd = fg.training.Epoch(**{**vars(epoch), "gradient_norms": {"schicht1ß(": 2.0}, "train_loss": np.inf})
    assert numbers_of_epoch(odd)["gradient_norm schicht1__"] == 2.0
    assert not {"train_loss", "number"} & numbers_of_epoch(odd).keys()
    assert settings_of_trainer(Trainer(fg.MLP([4, 2], rng=0), DATA[0]))["batch_size"] == "20"


@pytest.mark.parametrize(
    ("logger", "module", "extra"),
    [
        ("TensorBoard('x')", "tensorboard", "tensorboard"), ("MLflow()", "mlflow", "mlflow"),
        ("WandB()", "wandb", "wandb"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_when_it_starts(logger, module, extra):
    code = (
        f"import sys; sys.modules[{module!r}] = None; from flowgraph.interop import loggers; "
        f"loggers.{logger}.on_start(None, 1)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"run: {install_command(extra)}" in found.stderr
