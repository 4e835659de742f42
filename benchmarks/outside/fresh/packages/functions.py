"""Functions of PyTorch with a backward pass of their own, of papers' repositories and of libraries."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import normal, spd, tensor, uniform
from benchmarks.outside.fresh import sources
from benchmarks.outside.fresh.adapters import Repository, found_wrong

LOSSES = Repository("CoinCheung/pytorch-loss", "torch")
HGCN = Repository("HazyResearch/hgcn", "torch")
POINCARE = Repository("facebookresearch/poincare-embeddings", "torch")
HYPTORCH = Repository("leymir/hyperbolic-image-embeddings", "torch")
SQRTM = Repository("steveli/pytorch-sqrtm", "torch")
SVAE = Repository("nicola-decao/s-vae-pytorch", "torch")
SOFTDTW = Repository("Maghoumi/pytorch-softdtw-cuda", "torch")
MPNCOV = Repository("jiangtaoxie/fast-MPN-COV", "torch")
SVD = Repository("KingJamesSong/DifferentiableSVD", "torch")
LML = Repository("locuslab/lml", "torch")
FYL = Repository("mblondel/fenchel-young-losses", "torch")
FAIRSEQ = Repository("pytorch/fairseq", "torch")
FLASH = Repository("Dao-AILab/flash-attention", "torch")
SORT = Repository("google-research/fast-soft-sort", "torch")
TIMM = Package("timm", "torch")
MONAI = Package("monai", "torch")
TOOLBELT = Package("pytorch_toolbelt", "torch")
SPEECH = Package("speechbrain", "torch")
PYPOSE = Package("pypose", "torch")
MEGATRON = Package("megatron-core", "torch")
E3NN = Package("e3nn", "torch")
LPC = Package("torchlpc", "torch")
INTERP = Package("torchinterp1d", "torch")
SPARSEMAX = Package("sparsemax", "torch")
STRUCT = Package("torch-struct", "torch")
REFORMER = Package("reformer-pytorch", "torch")
PACKAGES = [
    LOSSES, HGCN, POINCARE, HYPTORCH, SQRTM, SVAE, SOFTDTW, MPNCOV, SVD, LML, FYL, FAIRSEQ, FLASH, SORT, TIMM, MONAI,
    TOOLBELT, SPEECH, PYPOSE, MEGATRON, E3NN, LPC, INTERP, SPARSEMAX, STRUCT, REFORMER,
]  # fmt: skip

X = normal(4, 3)
TWICE = (
    "right in the first backward pass; it writes into what was saved, so that a second one over the same graph is wrong"
)


def _function(function: Any, *inputs: Any) -> Case:
    return Case(function, inputs)


def _labels(*numbers: int) -> Any:
    import torch

    return torch.tensor(numbers)


def _loss(module: str) -> Any:
    sources.stub("focal_cpp", "swish_cpp", "lsr_cpp", "large_margin_cpp", "layer_norm_cpp", "mish_cpp", "soft_dice_cpp")
    return sources.loaded(LOSSES.name, f"pytorch_loss/{module}.py")


LOSSES.add("MishV2", lambda: _function(_loss("mish").MishFunctionV2.apply, tensor(X)), "wrong", TWICE)
LOSSES.add("SwishV2", lambda: _function(_loss("swish").SwishFunction.apply, tensor(X)), "wrong", TWICE)
LOSSES.add("HSwishV2", lambda: _function(_loss("hswish").HSwishFunctionV2.apply, tensor(3 * X)))


@LOSSES.wrong("FocalSigmoidLossV2", TWICE)
def _focal() -> Case:
    one = _loss("focal_loss").FocalSigmoidLossFuncV2
    labels = tensor(np.array([[0.0, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1]]), grad=False)
    return Case(lambda x: one.apply(x, labels, 0.25, 2.0), (tensor(X),))


@LOSSES.wrong("SoftDiceLossV2", TWICE)
def _dice() -> Case:
    one = _loss("soft_dice_loss").SoftDiceLossV2Func
    labels = tensor(np.array([[0.0, 1, 1, 0, 1]]), grad=False)
    return Case(lambda x: one.apply(x, labels, 2, 1.0), (tensor(normal(1, 5)),))


@LOSSES.right("LabelSmoothV2")
def _smooth() -> Case:
    one = _loss("label_smooth").LSRCrossEntropyFunctionV2
    return Case(lambda x: one.apply(x, _labels(0, 2, 1, 2), 0.1, 255), (tensor(X),))


@LOSSES.right("LargeMarginSoftmaxV2")
def _margin() -> Case:
    one = _loss("large_margin_softmax").LargeMarginSoftmaxFuncV2
    return Case(lambda x: one.apply(x, _labels(0, 2, 1, 2), 0.3), (tensor(X),))


@LOSSES.wrong(
    "PCSoftmaxCrossEntropy",
    "the weight in the softmax of class j has to be that of j, backward takes that of the label for all classes",
)
def _proportions() -> Case:
    one = _loss("pc_softmax").PCSoftmaxCrossEntropyFunction
    return Case(lambda x: one.apply(x, _labels(0, 2, 1, 2), [0.5, 0.3, 0.2], "mean", 255), (tensor(X),))


@LOSSES.wrong(
    "LayerNormV2", "the terms of the mean and of the variance are left out or multiplied where they are added"
)
def _norm() -> Case:
    return Case(lambda x: _loss("layer_norm").LayerNormV2Func.apply(x, 1e-6), (tensor(normal(2, 3, 4)),))


@LOSSES.wrong("CIOU", "1 / (w² + h²) is replaced by 1, the incoming gradient and the derivative of alpha are left out")
def _ciou() -> Case:
    boxes = np.array([[0.1, 0.2, 0.7, 0.9], [0.0, 0.3, 0.5, 0.6]])
    moved = boxes + np.array([[0.05, -0.1, 0.1, 0.02], [0.1, 0.05, 0.2, -0.03]])
    return Case(lambda a, b: _loss("iou_loss").CIOURegFunc.apply(a, b, 1e-5), (tensor(boxes), tensor(moved)))


def _hgcn(name: str, x: Any) -> Case:
    return _function(getattr(sources.loaded(HGCN.name, "utils/math_utils.py"), name), tensor(x))


HGCN.add("artanh", lambda: _hgcn("artanh", uniform(4, 3, low=-0.9)))
HGCN.add("arsinh", lambda: _hgcn("arsinh", X))
HGCN.add("arcosh", lambda: _hgcn("arcosh", uniform(4, 3, low=1.2, high=3.0)))


def _manifold(module: str) -> Any:
    sources.on_path(POINCARE.name)
    sources.bare("hype")
    return importlib.import_module(f"hype.manifolds.{module}")


@POINCARE.right("Poincare distance")
def _distance() -> Case:
    inputs = tensor(uniform(4, 3, low=-0.4, high=0.4)), tensor(uniform(4, 3, low=-0.4, high=0.4, seed=1))
    return Case(lambda u, v: _manifold("poincare").Distance.apply(u, v, 1e-5), inputs)


@POINCARE.right("LorentzDot")
def _lorentz() -> Case:
    return Case(lambda u, v: _manifold("lorentz").LorentzDot.apply(u, v), (tensor(X), tensor(normal(4, 3, seed=1))))


def _pmath(name: str, x: Any) -> Case:
    return _function(getattr(sources.loaded(HYPTORCH.name, "hyptorch/pmath.py"), name), tensor(x))


HYPTORCH.add("artanh", lambda: _pmath("artanh", uniform(4, 3, low=-0.9)))
HYPTORCH.add("arsinh", lambda: _pmath("arsinh", X))


@SQRTM.right("sqrtm of a symmetric matrix")
def _sqrtm() -> Case:
    vars(np)["float_"] = float  # of the NumPy that it was written for
    module = sources.loaded(SQRTM.name, "sqrtm.py")
    return Case(lambda a: module.sqrtm((a + a.T) / 2), (tensor(spd(3)),))


@SVAE.right("ive of order 1.5, in float32", "the value is made a float32 tensor: compared at that precision")
def _ive() -> Case:
    module = sources.loaded(SVAE.name, "hyperspherical_vae/ops/ive.py")
    return Case(lambda z: module.ive(1.5, z), (tensor(uniform(4, low=0.5, high=5.0)),))


@SVAE.right("ive of order 1, in float32", "the value is made a float32 tensor: compared at that precision")
def _ive_one() -> Case:
    module = sources.loaded(SVAE.name, "hyperspherical_vae/ops/ive.py")
    return Case(lambda z: module.ive(1, z), (tensor(uniform(4, low=0.5, high=5.0)),))


def _dtw(normalize: bool) -> Case:
    module = sources.loaded(SOFTDTW.name, "soft_dtw_cuda.py")
    one = module.SoftDTW(use_cuda=False, gamma=0.8, normalize=normalize)
    return Case(one, (tensor(normal(2, 4, 2)), tensor(normal(2, 3 + normalize, 2, seed=1))))


ROUNDED = "what is saved for the backward pass goes through a float32 tensor, and so does the value: compared at that"
SOFTDTW.add("SoftDTW", lambda: _dtw(False), proof=ROUNDED)
SOFTDTW.add("SoftDTW, normalized", lambda: _dtw(True), proof=ROUNDED)


def _covariance(module: str) -> Any:
    return sources.loaded(MPNCOV.name, f"src/representation/{module}.py")


MPNCOV.add("Covpool", lambda: _function(_covariance("MPNCOV").Covpool.apply, tensor(normal(2, 3, 2, 3))))
MPNCOV.add(
    "Sqrtm of Covpool",
    lambda: Case(
        lambda x: _covariance("MPNCOV").Sqrtm.apply(_covariance("MPNCOV").Covpool.apply(x), 5),
        (tensor(normal(2, 3, 2, 3)),),
    ),
)
MPNCOV.add("Triuvec", lambda: _function(_covariance("MPNCOV").Triuvec.apply, tensor(normal(2, 3, 3))))


def _svd(module: str) -> Any:
    return sources.loaded(SVD.name, f"src/representation/{module}.py")


SVD.add(
    "Covpool",
    lambda: _function(_svd("SVD_Newton").Covpool.apply, tensor(normal(2, 3, 2, 3))),
    proof="the gradient is rounded to float32 and right to that, the value is not: see proof.py",
)


@LML.right("LML, bisected to 1e-12")
def _lml() -> Case:
    sources.stub("semantic_version")
    module = sources.loaded(
        LML.name,
        "lml.py",
        (
            ("from semantic_version import Version\n", "\n"),
            ("version = Version('.'.join(torch.__version__.split('.')[:3]))", ""),
            ("old_torch = version < Version('0.4.0')", "old_torch = False"),
        ),
    )
    return Case(lambda x: module.LML(N=2, eps=1e-12, n_iter=200)(x), (tensor(normal(3, 5)),))


def _young(name: str, *settings: Any) -> Case:
    def loss(theta: Any) -> Any:
        module = sources.loaded(FYL.name, "fyl_pytorch.py")
        return getattr(module, name)(*settings)(theta, tensor(np.eye(3)[[0, 2, 1, 1]], grad=False))

    return Case(loss, (tensor(X),))


FYL.add("SquaredLoss", lambda: _young("SquaredLoss"))
FYL.add("LogisticLoss", lambda: _young("LogisticLoss"))
FYL.add("Logistic_OVA_Loss", lambda: _young("Logistic_OVA_Loss"))
FYL.add("SparsemaxLoss", lambda: _young("SparsemaxLoss"))


@FAIRSEQ.right("scalar_bias")
def _scalar() -> Case:
    module = sources.loaded(FAIRSEQ.name, "fairseq/modules/scalar_bias.py")
    return Case(lambda x: module.scalar_bias(x, 1, 0.5), (tensor(normal(2, 3, 2)),))


def _fast(name: str) -> Any:
    return getattr(sources.loaded(FLASH.name, "flash_attn/ops/activations.py"), name)


FLASH.add("fast_gelu", lambda: _function(_fast("fast_gelu_impl"), tensor(X)))
FLASH.add(
    "bias_gelu",
    lambda: _function(_fast("bias_gelu_impl"), tensor(X), tensor(normal(3))),
    "wrong",
    "backward gives a pair of gradients for each of the two inputs, which torch refuses: it raises at the example",
)


@FLASH.right("index_put_first_axis")
def _put() -> Case:
    module = sources.loaded(FLASH.name, "flash_attn/bert_padding.py")
    index = _labels(0, 3, 4)
    return Case(lambda x: module.index_put_first_axis(x, index, 6), (tensor(normal(3, 2)),))


def _sorting(name: str, **options: Any) -> Case:
    sources.on_path(SORT.name)

    def sort(x: Any) -> Any:
        vars(np)["int"] = int  # of the NumPy that it was written for
        return getattr(importlib.import_module("fast_soft_sort.pytorch_ops"), name)(x, **options)

    return Case(sort, (tensor(normal(2, 5)),))


SORT.add("soft_rank", lambda: _sorting("soft_rank", regularization_strength=1.0))
SORT.add("soft_sort", lambda: _sorting("soft_sort", regularization_strength=0.7))
SORT.add("soft_rank, kl", lambda: _sorting("soft_rank", regularization="kl", regularization_strength=1.0))


def _timm(name: str, scale: float = 1.0) -> Case:
    sources.bare("timm")
    sources.bare("timm.layers")
    return _function(getattr(importlib.import_module("timm.layers.activations_me"), name).apply, tensor(scale * X))


for _name, _scale in (("SwishAutoFn", 1.0), ("MishAutoFn", 1.0), ("HardSigmoidAutoFn", 3.0), ("HardSwishAutoFn", 3.0)):
    TIMM.add(_name, partial(_timm, _name, _scale))
TIMM.add("HardMishAutoFn", lambda: _timm("HardMishAutoFn", 2.0))


@MONAI.right("SwishImplementation")
def _monai() -> Case:
    module = importlib.import_module("monai.networks.blocks.activation")
    return Case(module.SwishImplementation.apply, (tensor(X),))


def _toolbelt(name: str) -> Case:
    sources.bare("pytorch_toolbelt")
    sources.bare("pytorch_toolbelt.modules")
    return _function(getattr(importlib.import_module("pytorch_toolbelt.modules.activations"), name).apply, tensor(X))


TOOLBELT.add("SwishFunction", lambda: _toolbelt("SwishFunction"))
TOOLBELT.add("MishFunction", lambda: _toolbelt("MishFunction"))


@TOOLBELT.right("bitempered normalization", "the fixed point of 200 iterations")
def _tempered() -> Case:
    sources.bare("pytorch_toolbelt")
    sources.bare("pytorch_toolbelt.losses")
    module = importlib.import_module("pytorch_toolbelt.losses.bitempered_loss")
    return Case(lambda x: module.compute_normalization(x, 1.4, 200), (tensor(X),))


@SPEECH.right("QuaternionLinearCustomBackward")
def _quaternion() -> Case:
    sources.bare("speechbrain")
    sources.bare("speechbrain.nnet")
    sources.bare("speechbrain.nnet.quaternion_networks")
    module = importlib.import_module("speechbrain.nnet.quaternion_networks.q_ops")
    weights = [tensor(normal(2, 1, seed=k)) for k in range(4)]
    return Case(module.QuaternionLinearCustomBackward.apply, (tensor(normal(3, 8)), *weights, tensor(normal(4))))


def _lie(kind: str, size: int) -> Case:
    """log(exp(x) exp(y)): the gradients of the steps between are of the tangent space, those of both ends are plain."""

    def value(x: Any, y: Any) -> Any:
        pypose = importlib.import_module("pypose")
        make = getattr(pypose, kind)
        return (make(x).Exp() @ make(y).Exp()).Log().tensor()

    return Case(value, (tensor(0.5 * normal(2, size)), tensor(0.5 * normal(2, size, seed=1))))


def _acted(kind: str, size: int) -> Case:
    def value(x: Any, point: Any) -> Any:
        return getattr(importlib.import_module("pypose"), kind)(x).Exp().Act(point)

    return Case(value, (tensor(0.5 * normal(2, size)), tensor(normal(2, 3, seed=1))))


for _kind, _size in (("so3", 3), ("se3", 6), ("rxso3", 4)):
    PYPOSE.add(f"{_kind}, Log of a product", partial(_lie, _kind, _size))
    PYPOSE.add(f"{_kind}, Act", partial(_acted, _kind, _size))
SERIES = "the Jacobians of sim3 are series that are cut off: off by 1e-5 to 1e-3 of the gradient, more where x is large"
PYPOSE.add("sim3, Log of a product", lambda: _lie("sim3", 7), "wrong", SERIES)
PYPOSE.add("sim3, Act", lambda: _acted("sim3", 7), "wrong", SERIES)


def _megatron(module: str, name: str, *inputs: Any) -> Case:
    one = importlib.import_module(f"megatron.core.fusions.{module}")
    return _function(getattr(one, name).apply, *inputs)


MEGATRON.add("GeLUFunction", lambda: _megatron("fused_bias_gelu", "GeLUFunction", tensor(X), tensor(normal(3))))
MEGATRON.add("GeGLUFunction", lambda: _megatron("fused_bias_geglu", "GeGLUFunction", tensor(normal(3, 4))))
MEGATRON.add(
    "BiasGeGLUFunction",
    lambda: _megatron("fused_bias_geglu", "BiasGeGLUFunction", tensor(normal(3, 4)), tensor(normal(4))),
)
MEGATRON.add(
    "WeightedSquaredReLUFunction",
    lambda: _megatron("fused_weighted_squared_relu", "WeightedSquaredReLUFunction", tensor(X), tensor(uniform(4, 1))),
)


@E3NN.right("soft_unit_step")
def _step() -> Case:
    sources.bare("e3nn")
    sources.bare("e3nn.math")
    return Case(importlib.import_module("e3nn.math._soft_unit_step").soft_unit_step, (tensor(X),))


@LPC.right("sample_wise_lpc")
def _filter() -> Case:
    sample_wise_lpc = importlib.import_module("torchlpc").sample_wise_lpc
    return Case(sample_wise_lpc, (tensor(normal(2, 5)), tensor(0.3 * normal(2, 5, 2)), tensor(normal(2, 2))))


@INTERP.wrong(
    "interp1d",
    "backward raises RuntimeError at the example (torch 2.13): what it saved is not what its inner graph holds",
)
def _interpolation() -> Case:
    interp1d = importlib.import_module("torchinterp1d").interp1d
    knots = tensor(np.array([0.0, 0.5, 1.1, 2.0]), grad=False)
    return Case(lambda y, x: interp1d(knots, y, x), (tensor(normal(4)), tensor(np.array([0.2, 0.7, 1.8]))))


SPARSEMAX.add("Sparsemax of rows", lambda: _function(importlib.import_module("sparsemax").Sparsemax(dim=-1), tensor(X)))
SPARSEMAX.add(
    "Sparsemax, three axes",
    lambda: _function(importlib.import_module("sparsemax").Sparsemax(dim=-1), tensor(normal(2, 2, 3))),
)


@STRUCT.wrong(
    "SparseMaxSemiring.sum",
    "the value is <x, p> - |p|, the gradient p would be that of <x, p> - |p|² / 2; they differ where p has two entries",
)
def _sparse() -> Case:
    sources.bare("torch_struct")
    sources.bare("torch_struct.semirings")
    module = importlib.import_module("torch_struct.semirings.sparse_max")
    return Case(lambda x: module.SparseMaxSemiring.sum(x, -1), (tensor(X),))


@REFORMER.right("ReversibleSequence")
def _sequence() -> Case:
    import torch

    sources.bare("reformer_pytorch")
    module = importlib.import_module("reformer_pytorch.reversible")
    torch.manual_seed(0)
    layers = [torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh()).double() for _ in range(4)]
    for parameter in (p for one in layers for p in one.parameters()):
        parameter.requires_grad_(True)
    one = module.ReversibleSequence(torch.nn.ModuleList(
        [torch.nn.ModuleList(layers[:2]), torch.nn.ModuleList(layers[2:])]
    ))  # fmt: skip
    return Case(lambda x: one(x), (tensor(normal(2, 3, 4)),))


found_wrong(
    SPEECH,
    "found after the first run of fg.check: the gradients of i, j and k are computed where that of r is needed "
    "alone (needs_input_grad[1]); with r_weight frozen the other weights get none",
    "QuaternionLinearCustomBackward",
)
