"""Operations of the domain ai.onnx.ml that exports of scikit-learn's linear models, networks and scalers hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Constant
from flowgraph.box.leaves import Parameter
from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import SavedFileError
from flowgraph.interop.onnx.node import Node, checked_name
from flowgraph.interop.onnx.table import ML, reader_for

MOST_KEYS = 1024


def _floats(node: Node, name: str, default: Foreign = ()) -> Any:
    return np.asarray(node.get(name, default), np.float32)


def _transform_scores(node: Node, scores: Foreign) -> Any:
    """The scores after the post_transform of the node."""
    kind = node.get("post_transform", "NONE")
    if kind == "NONE":
        return scores
    if kind == "LOGISTIC":
        return boxes.Sigmoid.apply(scores)
    if kind == "SOFTMAX":
        return boxes.Softmax.apply(scores)
    raise node.refuse(f"found post_transform={kind!r}, needs NONE, LOGISTIC or SOFTMAX")


def _linear(node: Node, x: Foreign, targets: int) -> Any:
    """x W + b, with parameters that can be trained on."""
    weights = _floats(node, "coefficients")
    intercepts = _floats(node, "intercepts")
    if targets < 1 or weights.size % targets or weights.size // targets != x.shape[-1]:
        raise node.refuse(f"found {weights.size} coefficients for {targets} targets and {x.shape[-1]} features")
    matrix = np.ascontiguousarray(weights.reshape(targets, -1).T)
    h = x.astype(np.float32) @ Parameter(matrix, name=checked_name(f"{node.name}/coefficients"))
    if intercepts.size not in (0, targets):
        raise node.refuse(f"found {intercepts.size} intercepts for {targets} targets")
    return h + Parameter(intercepts, name=checked_name(f"{node.name}/intercepts")) if intercepts.size else h


for _operation, _rule in {
    "LinearRegressor": lambda node, x: _transform_scores(node, _linear(node, x, int(node.get("targets", 1)))),
    "Scaler": lambda node, x: (
        (x.astype(np.float32) - Constant(_floats(node, "offset"))) * Constant(_floats(node, "scale"))
    ),
    "Binarizer": lambda node, x: (x > node.get("threshold", 0.0)).astype(x.dtype),
    "FeatureVectorizer": lambda node, *arrays: np.concatenate([array.astype(np.float32) for array in arrays], axis=1),
}.items():  # fmt: skip
    reader_for(_operation, domain=ML)(_rule)


@reader_for("LinearClassifier", domain=ML, idle=["multi_class"])
def read_linear_classifier(node: Node, x: Foreign) -> Any:
    """The class of the largest score, and all scores."""
    if node.get("classlabels_strings"):
        raise SavedFileError(
            "found classes called by strings, and arrays here hold numbers; export the classifier with its labels as "
            "integers, sklearn.preprocessing.LabelEncoder makes them"
        )
    labels = np.asarray(node.get("classlabels_ints", ()), np.int64)
    scores = _linear(node, x, len(labels))
    places = np.argmax(scores, axis=-1)
    return Constant(labels)[places], _transform_scores(node, scores)


@reader_for("ZipMap", domain=ML, idle=["classlabels_int64s", "classlabels_strings"])
def read_zip_map(node: Node, a: Foreign) -> Any:
    """The probabilities as the array that they were: a column for each class, where ONNX has a map for each row."""
    return a


@reader_for("Normalizer", domain=ML)
def read_normalizer(node: Node, x: Foreign) -> Any:
    """Rows divided by their norm; rows of zeros stay zeros."""
    x, kind = x.astype(np.float32), node.get("norm", "MAX")
    sizes: dict[str, Callable[[], Any]] = {
        "MAX": lambda: np.max(x, axis=-1, keepdims=True),
        "L1": lambda: np.sum(np.abs(x), axis=-1, keepdims=True),
        "L2": lambda: np.sqrt(np.sum(x * x, axis=-1, keepdims=True)),
    }
    size = sizes[kind]()
    return x / np.where(size == 0, np.float32(1), size)


@reader_for("ArrayFeatureExtractor", domain=ML)
def read_columns(node: Node, x: Foreign, places: Foreign) -> Any:
    """Columns; of a row, its elements as one row."""
    columns = x[..., np.reshape(places, (-1,))]
    return np.expand_dims(columns, 0) if len(x.shape) == 1 else columns


@reader_for("Imputer", domain=ML)
def read_imputer(node: Node, x: Foreign) -> Any:
    """A number for each column where one is missing."""
    if "imputed_value_floats" not in node.attributes:
        raise node.refuse("found no imputed_value_floats")
    missing = node.get("replaced_value_float", 0.0)
    return np.where(
        np.isnan(x) if np.isnan(missing) else x == missing, Constant(_floats(node, "imputed_value_floats")), x
    )


@reader_for("LabelEncoder", domain=ML, idle=["default_float", "default_int64", "default_string"])
def read_label_encoder(node: Node, x: Foreign) -> Any:
    """The value for each key, or a default."""
    tables = {key: node.get(key) for key in node.attributes if key.startswith(("keys_", "values_"))}
    if any("string" in key or "tensor" in key for key in tables) or len(tables) != 2:
        raise node.refuse(f"found {', '.join(tables) or 'no table'}, needs keys and values that are numbers")
    keys, values = (next(tables[key] for key in tables if key.startswith(prefix)) for prefix in ("keys_", "values_"))
    if len(keys) != len(values) or len(keys) > MOST_KEYS:
        raise node.refuse(f"found {len(keys)} keys for {len(values)} values, at most {MOST_KEYS} are read")
    ints = "values_int64s" in tables
    default = node.get("default_int64", -1) if ints else node.get("default_float", -0.0)
    h: Any = Constant(np.asarray(default, np.int64 if ints else np.float32))
    for key, value in reversed(list(zip(keys, values, strict=True))):
        same = np.isnan(x) if key != key and node.version >= 4 else x == x.dtype.type(key)
        h = np.where(same, h.dtype.type(value), h)
    return h
