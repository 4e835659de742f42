"""fg.check on modules of torch.nn: `python -m tests.checking.torch_modules [name ...]` prints verdicts as JSON.

Without names it takes those that the seed of the tree draws, with FLOWGRAPH_THOROUGH=1 all.

Each module is checked in a process of its own, forked when torch has been imported, so that one that ends its process
is one that failed.
"""

import inspect
import json
import os
import signal
import sys
import traceback
import warnings

import numpy as np
import torch
from torch import nn

from flowgraph.checking import check
from tests.seed import share_of_tree

BUDGET = 1500
LONGER = {"BCELoss": 6000, "GaussianNLLLoss": 6000}
"""Where digits that backward loses beside a bound take more evaluations to be judged than others have in all."""

SECONDS = 20  # of the processor
ONE_IN = 12  # of the modules
NOT_RUN = {
    "Container": "an old name of Module, has no forward",
    "Module": "has no forward",
    "ModuleDict": "has no forward",
    "ModuleList": "has no forward",
    "ParameterDict": "has no forward",
    "ParameterList": "has no forward",
    "RNNBase": "has no forward of its own in every mode; RNN, LSTM and GRU are checked",
    "RNNCellBase": "has no forward",
    "DataParallel": "is for several GPUs",
    "SyncBatchNorm": "is for several GPUs",
}


def floats(*shape):
    return torch.randn(*shape)


def labels(*shape, below):
    return torch.randint(below, shape)


def maps(axes):
    return floats(1, 2, *(4,) * axes)


def pooled(axes):
    pool = getattr(nn, f"MaxPool{axes}d")(2, return_indices=True)
    return pool(maps(axes))


def examples():
    """Name, or name and a word where there are several, to (module, inputs)."""
    yield from (plain(name) for name in PLAIN)
    for axes in (1, 2, 3):
        yield from of_axes(axes)
    yield from losses()
    yield from recurrent_and_attention()
    yield from others()


PLAIN = (
    "CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "Identity", "LeakyReLU", "LogSigmoid",
    "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "AlphaDropout", "Dropout", "Flatten",
)  # fmt: skip


def plain(name):
    return name, getattr(nn, name)(), (floats(3, 4),)


def of_axes(axes):
    def called(name):
        return getattr(nn, f"{name}{axes}d")

    for name in ("CircularPad", "ReplicationPad", "ReflectionPad", "ZeroPad"):
        yield f"{name}{axes}d", called(name)(1), (maps(axes),)
    yield f"ConstantPad{axes}d", called("ConstantPad")(1, 0.5), (maps(axes),)
    for name in ("AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "MaxPool"):
        yield f"{name}{axes}d", called(name)(2), (maps(axes),)
    yield f"LPPool{axes}d", called("LPPool")(2, 2), (maps(axes).abs() + 0.1,)
    if axes > 1:
        samples = torch.rand(1, 2, axes)
        module = called("FractionalMaxPool")(2, output_size=2, _random_samples=samples)
        yield f"FractionalMaxPool{axes}d", module, (maps(axes),)
    yield f"MaxUnpool{axes}d", called("MaxUnpool")(2), pooled(axes)
    for name in ("Conv", "ConvTranspose"):
        yield f"{name}{axes}d", called(name)(2, 2, 2), (floats(1, 2, *(3,) * axes),)
        yield f"Lazy{name}{axes}d", called(f"Lazy{name}")(2, 2), (floats(1, 2, *(3,) * axes),)
    for name in ("BatchNorm", "InstanceNorm"):
        yield f"{name}{axes}d", called(name)(2, affine=True), (floats(3, 2, *(2,) * axes),)
        yield f"Lazy{name}{axes}d", called(f"Lazy{name}")(), (floats(3, 2, *(2,) * axes),)
    yield f"Dropout{axes}d", called("Dropout")(), (maps(axes),)


def losses():
    x, y, signs = floats(3, 4), floats(3, 4), torch.tensor([1.0, -1.0, 1.0])
    for name in ("HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss", "KLDivLoss"):
        yield name, getattr(nn, name)(), (x, y.abs())
    yield "BCELoss", nn.BCELoss(), (x.sigmoid(), y.sigmoid())
    yield "BCEWithLogitsLoss", nn.BCEWithLogitsLoss(), (x, y.sigmoid())
    yield "CTCLoss", nn.CTCLoss(), (floats(4, 1, 3).log_softmax(2), torch.tensor([[1, 2]]), (4,), (2,))
    yield "CosineEmbeddingLoss", nn.CosineEmbeddingLoss(), (x, y, signs.long())
    yield "CrossEntropyLoss", nn.CrossEntropyLoss(), (x, labels(3, below=4))
    yield "CrossEntropyLoss soft", nn.CrossEntropyLoss(), (x, y.softmax(1))
    yield "GaussianNLLLoss", nn.GaussianNLLLoss(), (x, y, floats(3, 4).abs() + 0.2)
    yield "HingeEmbeddingLoss", nn.HingeEmbeddingLoss(), (floats(3), signs.long())
    yield "MarginRankingLoss", nn.MarginRankingLoss(), (floats(3), floats(3), signs.long())
    yield "MultiLabelMarginLoss", nn.MultiLabelMarginLoss(), (floats(4), torch.tensor([2, 0, -1, 1]))
    yield "MultiLabelSoftMarginLoss", nn.MultiLabelSoftMarginLoss(), (x, labels(3, 4, below=2))
    yield "MultiMarginLoss", nn.MultiMarginLoss(), (x, labels(3, below=4))
    yield "NLLLoss", nn.NLLLoss(), (x.log_softmax(1), labels(3, below=4))
    yield "NLLLoss2d", nn.NLLLoss2d(), (floats(1, 3, 2, 2), labels(1, 2, 2, below=3))
    yield "PoissonNLLLoss", nn.PoissonNLLLoss(), (x, y.abs())
    yield "SoftMarginLoss", nn.SoftMarginLoss(), (floats(3), signs.long())
    yield "TripletMarginLoss", nn.TripletMarginLoss(), (x, y, floats(3, 4))
    yield "TripletMarginWithDistanceLoss", nn.TripletMarginWithDistanceLoss(), (x, y, floats(3, 4))
    yield "AdaptiveLogSoftmaxWithLoss", nn.AdaptiveLogSoftmaxWithLoss(4, 5, [2]), (x, labels(3, below=5))
    if hasattr(nn, "LinearCrossEntropyLoss"):
        yield "LinearCrossEntropyLoss", nn.LinearCrossEntropyLoss(4, 3), (x, labels(3, below=3))


def recurrent_and_attention():
    sequence = floats(3, 1, 2)
    for name in ("RNN", "LSTM", "GRU"):
        yield name, getattr(nn, name)(2, 3), (sequence,)
        yield f"{name}Cell", getattr(nn, f"{name}Cell")(2, 3), (floats(2, 2),)
    yield "LSTM of two layers and directions", nn.LSTM(2, 2, num_layers=2, bidirectional=True), (sequence,)
    yield "LSTM with a state", nn.LSTM(2, 3), (sequence, (floats(1, 1, 3), floats(1, 1, 3)))
    yield "MultiheadAttention", nn.MultiheadAttention(4, 2), (floats(3, 1, 4),) * 3
    shape = {"dim_feedforward": 3, "dropout": 0.0}
    for name in ("TransformerEncoderLayer", "TransformerDecoderLayer"):
        count = 1 if "Encoder" in name else 2
        layer = getattr(nn, name)(4, 2, **shape)
        yield name, layer, tuple(floats(2, 1, 4) for _ in range(count))
        whole = getattr(nn, name.removesuffix("Layer"))(layer, 1)
        yield name.removesuffix("Layer"), whole, tuple(floats(2, 1, 4) for _ in range(count))
    yield "Transformer", nn.Transformer(4, 2, 1, 1, **shape), (floats(2, 1, 4), floats(2, 1, 4))


def others():
    x, image = floats(3, 4), maps(2)
    yield "Linear", nn.Linear(4, 2), (x,)
    yield "LazyLinear", nn.LazyLinear(2), (x,)
    yield "Bilinear", nn.Bilinear(2, 3, 2), (floats(2, 2), floats(2, 3))
    yield "Embedding", nn.Embedding(4, 2), (labels(3, below=4),)
    yield "Embedding sparse", nn.Embedding(4, 2, sparse=True), (labels(3, below=4),)
    yield "EmbeddingBag", nn.EmbeddingBag(4, 2), (labels(2, 3, below=4),)
    yield "GLU", nn.GLU(), (x,)
    for name in ("Softmax", "LogSoftmax", "Softmin"):
        yield name, getattr(nn, name)(1), (x,)
    yield "Softmax2d", nn.Softmax2d(), (image,)
    yield "Threshold", nn.Threshold(0.1, 0.5), (x,)
    yield "ReLU in place", nn.Sequential(nn.ReLU(inplace=True)), (x,)
    yield "LayerNorm", nn.LayerNorm(4), (x,)
    yield "RMSNorm", nn.RMSNorm(4), (x,)
    yield "GroupNorm", nn.GroupNorm(2, 4), (x,)
    yield "LocalResponseNorm", nn.LocalResponseNorm(2), (image,)
    yield "CrossMapLRN2d", nn.CrossMapLRN2d(2), (image,)
    yield "CosineSimilarity", nn.CosineSimilarity(), (x, floats(3, 4))
    yield "PairwiseDistance", nn.PairwiseDistance(), (x, floats(3, 4))
    yield "ChannelShuffle", nn.ChannelShuffle(2), (image,)
    yield "PixelShuffle", nn.PixelShuffle(2), (floats(1, 4, 2, 2),)
    yield "PixelUnshuffle", nn.PixelUnshuffle(2), (image,)
    yield "Fold", nn.Fold((3, 3), 2), (floats(1, 4, 4),)
    yield "Unfold", nn.Unfold(2), (image,)
    yield "Unflatten", nn.Unflatten(1, (2, 2)), (x,)
    yield "Upsample", nn.Upsample(scale_factor=2, mode="bicubic"), (image,)
    yield "UpsamplingBilinear2d", nn.UpsamplingBilinear2d(scale_factor=2), (image,)
    yield "UpsamplingNearest2d", nn.UpsamplingNearest2d(scale_factor=2), (image,)
    yield "FeatureAlphaDropout", nn.FeatureAlphaDropout(), (image,)
    yield "Sequential", nn.Sequential(nn.Linear(4, 2), nn.Tanh()), (x,)


def missing():
    """The modules of torch.nn that are neither checked nor said to be left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are deprecated
        known = {name.split()[0] for name, _, _ in examples()} | NOT_RUN.keys()
    found = [name for name, value in vars(nn).items() if inspect.isclass(value) and issubclass(value, nn.Module)]
    return sorted(set(found) - known)


def unpooled(x, indices):
    """Every place is written once, as it is by what MaxPool gives."""
    return x.shape == indices.shape and all(np.unique(row).size == row.size for row in indices.reshape(2, -1))


def within_classes(scores, targets, *lengths):
    """CTCLoss does not look whether a label is one of the classes: it reads what lies beside its arrays."""
    return scores.shape == (4, 1, 3) and targets.shape == (1, 2) and 1 <= targets.min() <= targets.max() < 3


VALID = {"CTCLoss": within_classes, **{f"MaxUnpool{axes}d": unpooled for axes in (1, 2, 3)}}


def checked_apart(name, module, inputs):
    """The verdict from a process of its own, with the report where it is no pass."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            report = check(module, *inputs, budget=LONGER.get(name, BUDGET), valid=VALID.get(name))
            text = report.verdict if report.passed else f"{report.verdict}: {report}"
        except BaseException:
            text = f"raised: {traceback.format_exc()}"
        os.write(write, text.encode()[:60000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as output:
        text = output.read().decode()
    _, status = os.waitpid(child, 0)
    return text if status == 0 else f"crashed: its process ended with {os.waitstatus_to_exitcode(status)}"


def main(names):
    """Check all, or those of these names."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    every = {name: (module, inputs) for name, module, inputs in examples()}
    found = {name: checked_apart(name, *every[name]) for name in names or share_of_tree(every, ONE_IN)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
