"""Twelve networks of PyTorch as textbooks have them, small enough to draw whole, each with an example of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class UNet(nn.Module):
    """Three levels of two convolutions each, with their features copied across."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([_double(1, 4), _double(4, 8)])
        self.middle = _double(8, 16)
        self.up = nn.ModuleList([nn.ConvTranspose2d(16, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)])
        self.merge = nn.ModuleList([_double(16, 8), _double(8, 4)])
        self.pool, self.last = nn.MaxPool2d(2), nn.Conv2d(4, 2, 1)

    def forward(self, x: Any) -> Any:
        """Scores of two classes for each pixel."""
        copied = []
        for level in self.down:
            x = level(x)
            copied.append(x)
            x = self.pool(x)
        x = self.middle(x)
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([copied.pop(), up(x)], 1))
        return self.last(x)


def _double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.Conv2d(after, after, 3, padding=1), nn.ReLU()
    )


class Residual(nn.Module):
    """A block of two normalised convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after)
        self.relu = nn.ReLU()
        same = stride == 1 and before == after
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def forward(self, x: Any) -> Any:
        """Of the size of its convolutions."""
        return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet(nn.Module):
    """Four residual blocks between a stem and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.layers = nn.Sequential(Residual(8, 8, 1), Residual(8, 16, 2), Residual(16, 16, 1), Residual(16, 32, 2))
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        """Scores of ten classes."""
        return self.head(torch.flatten(self.pool(self.layers(self.stem(x))), 1))


class Attention(nn.Module):
    """One head of attention, of a sequence to itself or to another."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Any, read: Any) -> Any:
        """A mean of what is read for each place of x."""
        shares = torch.softmax(self.q(x) @ self.k(read).transpose(1, 2) / x.shape[-1] ** 0.5, -1)
        return self.o(shares @ self.v(read))


class EncoderLayer(nn.Module):
    """Attention and a perceptron, each with a shortcut and a normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention, self.norm1, self.norm2 = Attention(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Any) -> Any:
        """Of the shape of x."""
        x = self.norm1(x + self.attention(x, x))
        return self.norm2(x + self.mlp(x))


class DecoderLayer(nn.Module):
    """The same with attention to the memory of an encoder between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own, self.cross = Attention(width), Attention(width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, x: Any, memory: Any) -> Any:
        """Of the shape of x."""
        x = self.norm1(x + self.own(x, x))
        x = self.norm2(x + self.cross(x, memory))
        return self.norm3(x + self.mlp(x))


class EncoderDecoder(nn.Module):
    """A transformer of two layers on each side."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(11, 16), nn.Embedding(13, 16)
        self.encoder = nn.ModuleList([EncoderLayer(16) for _ in range(2)])
        self.decoder = nn.ModuleList([DecoderLayer(16) for _ in range(2)])
        self.generator = nn.Linear(16, 13)

    def forward(self, src: Any, tgt: Any) -> Any:
        """Scores of the next token."""
        memory = self.source(src)
        for layer in self.encoder:
            memory = layer(memory)
        x = self.target(tgt)
        for layer in self.decoder:
            x = layer(x, memory)
        return self.generator(x)


class Seq2Seq(nn.Module):
    """A recurrent network reads a sequence, another writes one."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.encoder = nn.Embedding(11, 8), nn.GRUCell(8, 16)
        self.decoder, self.out = nn.GRUCell(8, 16), nn.Linear(16, 11)

    def forward(self, src: Any, tgt: Any) -> Any:
        """Scores of each token."""
        h = torch.zeros(src.shape[0], 16)
        for t in range(src.shape[1]):
            h = self.encoder(self.embed(src[:, t]), h)
        scores = []
        for t in range(tgt.shape[1]):
            h = self.decoder(self.embed(tgt[:, t]), h)
            scores.append(self.out(h))
        return torch.stack(scores, 1)


class Adversarial(nn.Module):
    """A generator, whose samples and real ones a discriminator tells apart."""

    def __init__(self) -> None:
        super().__init__()
        self.G = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh())
        self.D = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, z: Any, real: Any) -> Any:
        """The loss of the discriminator."""
        fake = self.D(self.G(z))
        return nn.functional.softplus(fake).mean() + nn.functional.softplus(-self.D(real)).mean()


class Variational(nn.Module):
    """An autoencoder with a random code."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU())
        self.mu, self.logvar = nn.Linear(32, 4), nn.Linear(32, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16), nn.Sigmoid())

    def forward(self, x: Any, eps: Any) -> Any:
        """The reconstruction, and the divergence of the code from a normal one."""
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()
        return self.decoder(mu + torch.exp(0.5 * logvar) * eps), kl


class Inverted(nn.Module):
    """An inverted bottleneck of separable convolutions."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        wide = 2 * before
        self.same = stride == 1 and before == after
        self.body = nn.Sequential(
            nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
            nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        """Beside a shortcut, where both have one size."""
        return x + self.body(x) if self.same else self.body(x)


def mobile_net() -> nn.Module:
    """Four inverted bottlenecks."""
    blocks = (Inverted(8, 8, 1), Inverted(8, 16, 2), Inverted(16, 16, 1), Inverted(16, 24, 2))
    stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))


class Siamese(nn.Module):
    """One branch for both of a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 8))

    def forward(self, a: Any, b: Any) -> Any:
        """The distance of each pair."""
        return ((self.branch(a) - self.branch(b)) ** 2).sum(1)


class Mixture(nn.Module):
    """Layers of experts whose results a gate weighs."""

    def __init__(self, layers: int = 2, experts: int = 4) -> None:
        super().__init__()
        self.gates = nn.ModuleList([nn.Linear(16, experts) for _ in range(layers)])
        self.experts = nn.ModuleList(
            [
                nn.ModuleList([nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(experts)])
                for _ in range(layers)
            ]
        )
        self.head = nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        """Scores of five classes."""
        for gate, experts in zip(self.gates, self.experts, strict=True):
            shares = torch.softmax(gate(x), -1)
            x = x + sum(shares[:, k : k + 1] * expert(x) for k, expert in enumerate(experts))
        return self.head(x)


class DenseBlock(nn.Module):
    """Layers that read all layers before them."""

    def __init__(self, before: int, grows: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, grows, 3, padding=1, bias=False))
                for width in range(before, before + layers * grows, grows)
            ]
        )

    def forward(self, x: Any) -> Any:
        """All features side by side."""
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


def dense_net() -> nn.Module:
    """Two blocks of three layers, a transition between."""
    transition = nn.Sequential(nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1, bias=False), nn.AvgPool2d(2))
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(22, 10)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), DenseBlock(8, 4, 3), transition, DenseBlock(10, 4, 3), *head)


class GraphConvolution(nn.Module):
    """Two layers that mix the features of neighbours."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(7, 16), nn.Linear(16, 3)

    def forward(self, x: Any, A: Any) -> Any:
        """Scores of each node."""
        return self.last(A @ torch.relu(self.first(A @ x)))


class Gated(nn.Module):
    """A dilated convolution with a gate; its part `res` leads to the next one, `skip` to the end."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.filter, self.gate = (nn.Conv1d(width, width, 2, dilation=dilation) for _ in range(2))
        self.res, self.skip, self.pad = nn.Conv1d(width, width, 1), nn.Conv1d(width, width, 1), dilation

    def forward(self, x: Any) -> Any:
        """What goes on, and what is skipped to the end."""
        before = nn.functional.pad(x, (self.pad, 0))
        h = torch.tanh(self.filter(before)) * torch.sigmoid(self.gate(before))
        return x + self.res(h), self.skip(h)


class WaveNet(nn.Module):
    """Four dilated blocks. Nothing reads what the last one would hand on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 4, 1)
        self.blocks = nn.ModuleList([Gated(4, 2**k) for k in range(4)])
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(4, 8, 1), nn.ReLU(), nn.Conv1d(8, 4, 1))

    def forward(self, x: Any) -> Any:
        """Scores of four levels for the next sample."""
        x, skipped = self.first(x), 0
        for block in self.blocks:
            x, skip = block(x)
            skipped = skipped + skip
        return self.last(skipped)


def _tokens(rows: int, count: int, words: int) -> Any:
    return torch.arange(rows * count).reshape(rows, count) % words


NETWORKS: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {
    "U-Net": lambda: (UNet(), (torch.zeros(2, 1, 16, 16),)),
    "ResNet": lambda: (ResNet().eval(), (torch.zeros(2, 3, 16, 16),)),
    "encoder-decoder": lambda: (EncoderDecoder(), (_tokens(2, 5, 11), _tokens(2, 4, 13))),
    "seq2seq": lambda: (Seq2Seq(), (_tokens(2, 5, 11), _tokens(2, 4, 11))),
    "GAN": lambda: (Adversarial(), (torch.zeros(4, 8), torch.zeros(4, 16))),
    "VAE": lambda: (Variational(), (torch.zeros(4, 16), torch.zeros(4, 4))),
    "MobileNet": lambda: (mobile_net().eval(), (torch.zeros(2, 3, 32, 32),)),
    "siamese": lambda: (Siamese(), (torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8))),
    "mixture of experts": lambda: (Mixture(), (torch.zeros(4, 16),)),
    "DenseNet": lambda: (dense_net().eval(), (torch.zeros(2, 3, 16, 16),)),
    "graph convolution": lambda: (GraphConvolution(), (torch.zeros(6, 7), torch.eye(6))),
    "WaveNet": lambda: (WaveNet(), (torch.zeros(2, 1, 16),)),
}
"""Each with what it is called with."""
