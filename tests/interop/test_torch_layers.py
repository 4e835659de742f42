"""Layers, losses and functions of PyTorch as graphs: PyTorch's own values and gradients."""

import pytest

import flowgraph as fg

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from flowgraph.interop.torch import graph_of  # noqa: E402
from tests.interop.torch_agreement import Called, agrees, double, side_by_side  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.CELU(), nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(),
    nn.Mish(), nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softplus(), nn.Softplus(3, 1), nn.Softsign(),
    nn.Tanhshrink(), nn.Hardtanh(), nn.Hardshrink(), nn.Softshrink(), nn.GLU(), nn.PReLU(), nn.RReLU(), nn.Identity(),
    nn.Dropout(), nn.AlphaDropout(), nn.Softmax(-1), nn.LogSoftmax(1), nn.Softmin(0), nn.Threshold(0.1, 2.0),
]  # fmt: skip


def test_activations():
    together = Called(nn.ModuleList(ACTIVATIONS), lambda inner, x: [one(x) for one in inner])
    agrees(together.double().eval(), 2 * double(4, 6))


def test_activations_whose_constants_pytorch_rounds_to_single_precision():
    agrees(lambda x: (F.hardsigmoid(x), F.hardswish(x), F.celu(x, 0.7)), 2 * double(4, 6), tolerance=3e-7)


LAYERS = {
    "dense and convolutional": {
        "linear": (nn.Linear(5, 3), (4, 5)),
        "without_bias": (nn.Linear(5, 3, bias=False), (2, 4, 5)),
        "conv1d": (nn.Conv1d(2, 4, 3, stride=2, padding=1, dilation=2), (2, 2, 11)),
        "conv2d": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), (2, 4, 7, 6)),
        "same": (nn.Conv2d(2, 3, 3, padding="same"), (1, 2, 7, 6)),
        "one_image": (nn.Conv2d(2, 3, 3), (2, 7, 6)),
        "mirrored": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (1, 2, 5, 5)),
        "conv3d": (nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 3)),
        "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 4, 3)),
        "transposed1d": (nn.ConvTranspose1d(2, 3, 4, stride=3, dilation=2), (2, 2, 5)),
    },
    "pooling and shapes": {
        "largest": (nn.MaxPool2d(3, stride=2, padding=1), (2, 3, 7, 8)),
        "largest_ceil": (nn.MaxPool2d(2, ceil_mode=True), (2, 3, 7, 5)),
        "largest1d": (nn.MaxPool1d(3), (2, 3, 10)),
        "means": (nn.AvgPool2d(3, stride=2, padding=1), (2, 3, 7, 8)),
        "uncounted": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), (2, 3, 7, 8)),
        "means_ceil": (nn.AvgPool1d(3, stride=2, ceil_mode=True), (2, 3, 8)),
        "divisor": (nn.AvgPool2d(2, divisor_override=3), (2, 3, 4, 4)),
        "adaptive": (nn.AdaptiveAvgPool2d((2, 1)), (2, 3, 6, 5)),
        "adaptive_uneven": (nn.AdaptiveAvgPool2d(3), (2, 3, 7, 8)),
        "adaptive_largest": (nn.AdaptiveMaxPool2d(2), (2, 3, 4, 6)),
        "flattened": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 4))), (2, 3, 4)),
        "finer": (nn.Upsample(scale_factor=2), (1, 2, 3, 4)),
        "shuffled": (nn.PixelShuffle(2), (1, 8, 2, 3)),
        "zeros_around": (nn.ZeroPad2d((1, 2, 0, -1)), (1, 2, 3, 4)),
        "edges_around": (nn.ReplicationPad2d(1), (1, 2, 3, 4)),
    },
    "normalisation": {
        "batch": (nn.BatchNorm2d(3), (4, 3, 2, 5)),
        "batch1d": (nn.BatchNorm1d(3, affine=False), (4, 3)),
        "instance": (nn.InstanceNorm2d(3, affine=True), (4, 3, 2, 5)),
        "layer": (nn.LayerNorm((4, 5)), (2, 3, 4, 5)),
        "group": (nn.GroupNorm(2, 4), (2, 4, 3, 5)),
        "rms": (nn.RMSNorm(5), (2, 5)),
        "local": (nn.LocalResponseNorm(2), (2, 4, 3, 3)),
    },
    "recurrent": {
        "rnn": (nn.RNN(3, 4, num_layers=2, nonlinearity="relu"), (3, 2, 3)),
        "lstm": (nn.LSTM(3, 4, batch_first=True, bidirectional=True), (2, 3, 3)),
        "gru": (nn.GRU(3, 4, batch_first=True), (2, 3, 3)),
        "cell": (nn.GRUCell(3, 4), (2, 3)),
    },
}


@pytest.mark.parametrize("family", LAYERS)
def test_layers(family):
    layers = LAYERS[family]
    agrees(
        side_by_side({name: layer for name, (layer, _) in layers.items()}), *(double(*s) for _, s in layers.values())
    )


def test_statistics_of_a_batch_that_trains():
    net = nn.BatchNorm1d(3).double().train()
    with pytest.warns(UserWarning, match=r"changes running_mean, .* module.eval\(\)"):
        agrees(net, double(6, 3))


def test_embeddings():
    agrees(nn.Embedding(7, 3).double(), torch.randint(0, 7, (2, 4)))
    agrees(nn.EmbeddingBag(7, 3, mode="sum").double(), torch.randint(0, 7, (2, 4)), opaque=["_embedding_bag"])


def test_attention():
    agrees(
        Called(nn.MultiheadAttention(6, 2, batch_first=True)).double().eval(),
        double(2, 4, 6),
        double(2, 3, 6),
        double(2, 3, 6),
    )
    causal = nn.TransformerDecoderLayer(6, 2, 8, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    agrees(
        Called(causal, lambda inner, x, m: inner(x, m, tgt_mask=mask)).double().eval(),
        double(2, 4, 6),
        double(2, 3, 6),
    )
    agrees(
        Called(None, lambda _, q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)),
        *(double(2, 4, 3) for _ in "qkv"),
    )


def test_losses_of_numbers():
    def losses(inner, a, target, positive):
        signs = torch.where(target > 0, 1.0, -1.0).double()
        return (
            nn.MSELoss()(a, target), nn.L1Loss(reduction="sum")(a, target), nn.SmoothL1Loss(beta=0.7)(a, target),
            nn.HuberLoss(delta=0.7)(a, target), nn.SoftMarginLoss(reduction="none")(a, signs),
            nn.PoissonNLLLoss()(a, target), nn.HingeEmbeddingLoss()(a, signs),
            nn.CosineEmbeddingLoss()(a, target, signs[:, 0]), nn.TripletMarginLoss()(a, target, positive),
            nn.MarginRankingLoss()(a[0], target[0], signs[0]),
        )  # fmt: skip

    agrees(Called(None, losses), double(4, 5), double(4, 5), torch.rand(4, 5).double() + 0.1)


def test_losses_of_classes():
    weight = torch.arange(1.0, 6).double()

    def losses(inner, a, probabilities, classes):
        inside = torch.sigmoid(a)
        return (
            nn.CrossEntropyLoss(weight=weight)(a, classes), nn.CrossEntropyLoss(label_smoothing=0.1)(a, probabilities),
            nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.2)(a, classes),
            nn.NLLLoss(reduction="none")(a, classes),
            nn.KLDivLoss(reduction="batchmean")(a, probabilities), nn.BCELoss()(inside, probabilities),
            nn.BCEWithLogitsLoss(pos_weight=weight)(a, probabilities), nn.MultiMarginLoss()(a, classes.clamp(0)),
        )  # fmt: skip

    probabilities = torch.softmax(double(4, 5), 1)
    agrees(Called(None, losses), double(4, 5), probabilities, torch.tensor([0, 4, -100, 2]))


FUNCTIONS = {
    "arithmetic": lambda x: (x + 2) * 3 - x / 4 + 1 / (x * x + 1) - (5 - x) ** 3,
    "integers meet floats": lambda x: x * torch.arange(5) + torch.tensor([True, False, True, True, False]),
    "functions": lambda x: torch.exp(x).log1p().sin() + torch.erf(x) + torch.rsqrt(x * x + 1) + x.abs().sqrt(),
    "choices": lambda x: torch.where(x > 0, x.clamp(-0.5, 0.5), x.masked_fill(x < -1, 3.0)) + x.maximum(-x),
    "spread": lambda x: [x.var(1), x.std(), *torch.var_mean(x, 0, correction=0), x.norm(), torch.linalg.norm(x, 3, 1)],
    "extremes": lambda x: [x.max(1).values, x.min(), x.amax((0, 1)), x.argmax(0), x.logsumexp(1)],
    "sums": lambda x: x.cumsum(1).sum(0) + x.mean(0) + torch.cumprod(x, 0)[-1] + x.prod(0),
    "shapes": lambda x: torch.cat([x.T.reshape(4, 5), x.roll(1, 0).flip(1)]).unsqueeze(1).expand(-1, 2, -1),
    "repetitions": lambda x: [x[1:, ::2].repeat(1, 2), x.repeat_interleave(2, 0), x[:, None].squeeze(1)],
    "splits": lambda x: [*x.split(2, 1), *x.chunk(3, 0), *x.unbind(0), *x.split([1, 3], 0)],
    "indices": lambda x: x[torch.tensor([0, 2]), torch.tensor([1, 4])] + x.index_select(1, torch.tensor([3, 3]))[:2, 0],
    "gathered": lambda x: x.gather(1, x.argsort(1)[:2]),
    "triangles": lambda x: torch.tril(x) + torch.triu(x, 1) * 2 + torch.diagonal(x).sum(),
    "products": lambda x: torch.einsum("ij,kj->ik", x, x) @ x + torch.addmm(x, x @ x.T, x, beta=0.5, alpha=2),
    "outer product": lambda x: torch.outer(x[0, :4], x[1]) + x[0].dot(x[1]),
    "in place": lambda x: x.clone().add_(1).mul_(2).relu_(),
    "made of nothing": lambda x: x + torch.zeros(5) + torch.ones_like(x) * torch.full((4, 1), 2.0) + torch.eye(5)[:4],
    "dtypes": lambda x: [x.float().double() * 2, x > 0, (x * 10).to(torch.int32) // 3, x.round(decimals=1)],
    "distances": lambda x: torch.cdist(x, x + 1).sum() + F.normalize(x, dim=1) + F.cosine_similarity(x, x + 1).sum(),
    "stopped": lambda x: x * x.detach(),
}


def test_functions():
    graph = agrees(lambda x: [f(x) for f in FUNCTIONS.values()], double(4, 5))
    assert {type(box) for box in graph.boxes} >= {fg.Einsum, fg.CumSum, fg.Erf, fg.Where}


def test_what_has_no_gradient_in_pytorch_has_none_in_the_graph():
    """Blocks under no_grad, detached values and rows for padding: a graph of the values alone has other gradients."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 3)

        @torch.no_grad()
        def largest(self, x):
            return self.a(x).abs().max()

        def forward(self, x):
            with torch.no_grad():
                fixed, place = self.a(x), self.a(x).argmax(1)
            picked = self.a(x)[torch.arange(2), place]
            return self.a(x) / self.largest(x), fixed * self.a(x), picked, self.a(x).detach() * x

    agrees(Scaled().double(), double(2, 3))
    words = torch.tensor([[0, 1, 2], [3, 0, 0]])
    agrees(nn.Embedding(5, 3, padding_idx=0).double(), words)
    by_frequency = nn.Embedding(5, 3, scale_grad_by_freq=True).double()
    agrees(by_frequency, words, opaque=["embedding"])


def test_assignments_to_elements():
    def assigned(a, x):
        y = a(x)
        y[:, 0] = y[:, 1] * 2
        y[1].mul_(3)
        z = torch.zeros(2, 3, dtype=torch.float64)
        z[1:] = a(x)[1:]
        return y, z

    agrees(Called(nn.Linear(3, 3).double(), assigned), double(2, 3), opaque=["slice_scatter"])


def test_linear_algebra_whose_errors_pytorch_checks():
    def solved(a, x):
        s = a(x) @ a(x).mT + torch.eye(3, dtype=torch.float64)
        factors = torch.linalg.cholesky(s), torch.linalg.cholesky(s, upper=True)
        return (
            *factors,
            torch.linalg.inv(s),
            *(torch.linalg.solve(s, b) for b in (x, x[0])),
            torch.linalg.solve(s, x, left=False),
        )

    agrees(Called(nn.Linear(3, 3).double(), solved), double(3, 3))


def test_an_opaque_box_differentiates_only_what_needs_it():
    """PyTorch refuses a gradient by the exponent, which nobody asks for."""
    agrees(lambda a: torch.special.zeta(torch.tensor(3.0).double(), a.exp()), double(3, 3), opaque=["special_zeta"])


def test_a_backward_of_ones_own_that_the_export_forgets_is_said():
    class Reversed(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return -grad

    apply = Reversed.apply
    for target in (lambda x: apply(x), Called(nn.Linear(2, 2), lambda a, x: apply(a(x)))):
        with pytest.warns(UserWarning, match="call of Reversed, a torch.autograd.Function"):
            graph_of(target, torch.ones(2, 2))
    agrees(nn.Linear(2, 2).double(), double(3, 2))  # no warning, which would be an error


def test_a_query_that_a_mask_lets_read_nothing():
    mask = torch.rand(5, 5) > 0.3
    mask[2] = False
    added = torch.zeros(5, 5, dtype=torch.float64).masked_fill(~mask, -torch.inf)
    for one in (mask, added):
        agrees(lambda q, one=one: F.scaled_dot_product_attention(q, q * 2, q + 1, attn_mask=one), double(2, 5, 8))
