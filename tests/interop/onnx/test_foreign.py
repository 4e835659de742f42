"""Exports of PyTorch and scikit-learn: they are read, agree with onnxruntime and the original, draw and explain."""

import logging
import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from skl2onnx import to_onnx
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from torch import nn

import flowgraph as fg
from flowgraph.cli.main import main
from flowgraph.errors import SavedFileError
from tests.interop.onnx.runtime import outputs_of, quiet

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
NUMBERS = X[:, 0] * 2 - X[:, 1]

ESTIMATORS = {
    "logistic": LogisticRegression(), "two classes": LogisticRegression(), "linear": LinearRegression(),
    "ridge": Ridge(), "support": LinearSVC(), "network": MLPClassifier((8,), max_iter=30, random_state=0),
    "network of two": MLPClassifier((8,), activation="tanh", max_iter=30, random_state=0),
    "regressor": MLPRegressor(hidden_layer_sizes=(8, 4), max_iter=30, random_state=0),
    "scaled": make_pipeline(StandardScaler(), LogisticRegression()),
    "polynomials": make_pipeline(MinMaxScaler(), PolynomialFeatures(2), PCA(3), MLPClassifier((8,), max_iter=30)),
    "cleaned": make_pipeline(
        SimpleImputer(), Normalizer(), RobustScaler(), SGDClassifier(loss="log_loss", random_state=0)
    ),
}  # fmt: skip


def array_of(output):
    """The columns of a sequence of maps, one for each row."""
    return np.array([[row[key] for key in sorted(row)] for row in output]) if isinstance(output, list) else output


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_read(name, tmp_path):
    model = ESTIMATORS[name]
    targets = NUMBERS if name in ("linear", "ridge", "regressor") else LABELS > 0 if "two" in name else LABELS
    path = tmp_path / "model.onnx"
    with quiet():
        model.fit(X, targets.astype(int) if targets.dtype == bool else targets)
        path.write_bytes(to_onnx(model, X[:1]).SerializeToString())
    graph = fg.load(path)
    run, found = graph.fprop(X=X), outputs_of(str(path), {"X": X})
    for box, wanted in zip(graph.outputs, map(array_of, found), strict=True):
        np.testing.assert_allclose(run[box], wanted, rtol=1e-5, atol=1e-5)
    predicted = np.ravel(run[graph.outputs[0]])
    np.testing.assert_allclose(predicted, model.predict(X), rtol=1e-4, atol=1e-4)
    assert graph.inputs[0].shape == ("N", 4)
    assert {type(one).__name__ for one in graph.parameters} == {"Parameter"}


def test_classes_by_name_are_refused_with_the_way_out(tmp_path):
    path = tmp_path / "model.onnx"
    with quiet():
        path.write_bytes(to_onnx(LogisticRegression().fit(X, LABELS.astype(str)), X[:1]).SerializeToString())
    with pytest.raises(SavedFileError, match=r"(?s)strings.*LabelEncoder|element type string"):
        fg.load(path)


class LeNet(nn.Module):
    """Two convolutions with pooling, three layers."""

    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 6, 5)
        self.f1, self.f2 = nn.Linear(24, 16), nn.Linear(16, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.tanh(self.c1(x)), 2)
        x = nn.functional.avg_pool2d(torch.relu(self.c2(x)), 2)
        return self.f2(torch.tanh(self.f1(torch.flatten(x, 1))))


class Transformer(nn.Module):
    """One encoder layer over embedded words."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 16)
        self.places = nn.Parameter(torch.randn(8, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.out = nn.Linear(16, 5)

    def forward(self, x):
        return self.out(self.layer(self.words(x) + self.places).mean(1))


class Recurrent(nn.Module):
    """An LSTM, then a GRU."""

    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTM(4, 6, batch_first=True), nn.GRU(6, 5, batch_first=True)

    def forward(self, x):
        return self.gru(self.lstm(x)[0])[0][:, -1]


def perceptron():
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 8), nn.GELU(), nn.LayerNorm(8),
        nn.Linear(8, 3), nn.Softmax(-1),
    )  # fmt: skip


MODULES = {
    "perceptron": (perceptron, lambda n: torch.randn(n, 6)),
    "lenet": (LeNet, lambda n: torch.randn(n, 1, 16, 16)),
    "transformer": (Transformer, lambda n: torch.randint(0, 20, (n, 8))),
    "recurrent": (Recurrent, lambda n: torch.randn(n, 7, 4)),
}


def exported(name, path, varying):
    """A module in inference, written by torch.onnx.export; its batch has a name where it is `varying`."""
    torch.manual_seed(0)
    build, draw = MODULES[name]
    module = build().eval()
    shapes = ({0: torch.export.Dim("batch")},) if varying else None
    logging.disable(logging.WARNING)
    try:
        with quiet():
            torch.onnx.export(
                module, (draw(3),), str(path), dynamo=True, verbose=False, input_names=["x"], output_names=["y"],
                dynamic_shapes=shapes,
            )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    return module, draw


@pytest.mark.sampled(one_in=8)
@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_read(name, tmp_path):
    path = tmp_path / "net.onnx"
    module, draw = exported(name, path, varying=name != "recurrent")
    graph = fg.load(path)
    for count in (3,) if name == "recurrent" else (3, 5, 1):
        x = draw(count)
        with torch.no_grad():
            wanted = module(x).numpy()
        found = graph.fprop(x=x.numpy())[graph.outputs[0]]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found, outputs_of(str(path), {"x": x.numpy()})[0], rtol=1e-5, atol=1e-6)
    of_module = {name for name, _ in module.named_parameters()}
    assert name == "recurrent" or of_module & {box.name for box in graph.parameters}  # whose weights are rearranged
    assert {box.scope for box in graph.boxes} - {""}


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A classifier of scikit-learn's in a file."""
    path = tmp_path_factory.mktemp("foreign") / "net.onnx"
    with quiet():
        model = MLPClassifier((8,), max_iter=30, random_state=0).fit(X, LABELS)
        path.write_bytes(to_onnx(model, X[:1]).SerializeToString())
    return path


@pytest.mark.parametrize("command", [
    ["render", "-o", "net.svg"], ["render", "--view", "values", "-o", "net.html"], ["animate", "-o", "net.html"]
])  # fmt: skip
def test_the_command_line_draws_a_foreign_model(command, foreign, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [command[0], str(foreign), *command[1:]])
    assert done.exit_code == 0, done.output
    assert "coefficient" in (tmp_path / command[-1]).read_text(encoding="utf-8")


def test_the_command_line_says_what_is_wrong_with_a_file(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\xff not a model")
    done = CliRunner().invoke(main, ["render", str(path), "-o", str(tmp_path / "net.svg")])
    assert done.exit_code == 3
    assert "net.onnx: " in done.output
    assert not (tmp_path / "net.svg").exists()


def test_a_file_of_pytorch_is_drawn_by_its_modules_with_their_kinds(tmp_path):
    module, _ = exported("perceptron", tmp_path / "net.onnx", varying=False)
    kinds = {path: type(one).__name__ for path, one in module.named_modules() if path}
    svg = fg.render(tmp_path / "net.onnx", tmp_path / "net.svg").read_text("utf-8")
    titles = re.findall(r'font-weight="bold"[^>]*>([^<]* · [^<]*)<', svg)
    assert set(titles) <= {f"{path} · {kind}" for path, kind in kinds.items()}  # torch leaves out, or joins, some
    assert {"4 · Linear", "6 · LayerNorm", "7 · Linear"} <= set(titles)
    plain = fg.render(tmp_path / "net.onnx", tmp_path / "net.svg", titles={}).read_text("utf-8")
    assert " · Linear" not in plain


def test_two_models_of_the_same_names_are_loaded_in_scopes(tmp_path):
    x = fg.Input("x", shape=("N", 2))
    fg.save(tmp_path / "a.onnx", fg.Graph(np.tanh(x @ fg.Parameter([[1.0, 2.0], [3.0, 4.0]], name="W"))))
    with fg.scope("first"):
        first = fg.load(tmp_path / "a.onnx")
    with fg.scope("second"):
        second = fg.load(tmp_path / "a.onnx")
    graph = fg.Graph(second(first(x)))
    assert {box.name.partition("/")[0] for box in graph.boxes if box.children} == {"first", "second"}
    assert [parameter.name for parameter in graph.parameters] == ["first/W", "second/W"]
