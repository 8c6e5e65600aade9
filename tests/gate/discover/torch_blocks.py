"""The rows of the table of building blocks as torch modules, each with what discovery must find, and must not.

``found`` counts members by row and kind. A control is a case whose law is gone: it finds less, often nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

TINY = 1e-30
"""An epsilon that float64 does not see; torch refuses 0."""


def mse(y: Any, generator: Any) -> Any:
    return ((y - torch.randn(y.shape, generator=generator, dtype=y.dtype)) ** 2).mean()


def cross_entropy(y: Any, generator: Any) -> Any:
    flat = y.reshape(-1, y.shape[-1])
    return functional.cross_entropy(flat, torch.randint(0, y.shape[-1], flat.shape[:1], generator=generator))


def smoothed(y: Any, generator: Any) -> Any:
    labels = torch.randint(0, y.shape[-1], y.shape[:1], generator=generator)
    return functional.cross_entropy(y, labels, label_smoothing=0.1, weight=torch.arange(1.0, y.shape[-1] + 1).double())


def margin(y: Any, generator: Any) -> Any:
    return functional.multi_margin_loss(y, torch.randint(0, y.shape[-1], y.shape[:1], generator=generator))


def binary(y: Any, generator: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(y, torch.rand(y.shape, generator=generator, dtype=y.dtype))


def capped(y: Any, generator: Any) -> Any:
    return cross_entropy(2 * torch.tanh(y / 2), generator)


def normal(*shape: int) -> Callable[[Any], tuple[Any, ...]]:
    return lambda generator: (torch.randn(*shape, generator=generator, dtype=torch.float64),)


def tokens(vocabulary: int, *shape: int) -> Callable[[Any], tuple[Any, ...]]:
    return lambda generator: (torch.randint(0, vocabulary, shape, generator=generator),)


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def mlp(*between: Any, widths: tuple[int, int, int] = (6, 5, 4), bias: bool = True) -> Any:
    a, b, c = widths
    return nn.Sequential(nn.Linear(a, b, bias=bias), *between, nn.Linear(b, c, bias=bias))


class Attention(nn.Module):
    """``nn.MultiheadAttention`` and a linear layer."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True, **options)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.attention(x, x, x, need_weights=False)[0])


class Heads(nn.Module):
    """Attention written out: groups of query heads, rotary positions, norms of queries and keys."""

    def __init__(
        self, heads: int, groups: int, size: int, *, rotary: str = "", norm: float | None = None, gain: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.groups, self.size, self.rotary, self.norm = heads, groups, size, rotary, norm
        width = 5
        self.q = nn.Linear(width, heads * size, bias=False)
        self.k = nn.Linear(width, groups * size, bias=False)
        self.v = nn.Linear(width, groups * size, bias=False)
        self.o = nn.Linear(heads * size, 3, bias=False)
        self.gain = nn.Parameter(torch.ones(size)) if gain else None

    def turned(self, x: Any) -> Any:
        half = self.size // 2
        angle = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.3], dtype=x.dtype)[:half]
        if self.rotary == "halves":
            cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
            return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin
        pairs = x.reshape(*x.shape[:-1], half, 2)
        a, b = pairs[..., 0], pairs[..., 1]
        return torch.stack([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], -1).flatten(-2)

    def forward(self, x: Any) -> Any:
        batch, length, _ = x.shape
        q = self.q(x).view(batch, length, self.heads, self.size).transpose(1, 2)
        k = self.k(x).view(batch, length, self.groups, self.size).transpose(1, 2)
        v = self.v(x).view(batch, length, self.groups, self.size).transpose(1, 2)
        if self.norm is not None:
            q, k = (functional.rms_norm(y, (self.size,), self.gain, self.norm) for y in (q, k))
        if self.rotary:
            q, k = self.turned(q), self.turned(k)
        k, v = (y.repeat_interleave(self.heads // self.groups, dim=1) for y in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(batch, length, -1))


class Gated(nn.Module):
    def __init__(self, act: Callable[[Any], Any]) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 3)
        self.act = act

    def forward(self, x: Any) -> Any:
        return self.down(self.act(self.gate(x)) * self.up(x))


class Residual(nn.Module):
    """A stream of 5 channels and a block of 7 neurons."""

    def __init__(self, stream: Callable[[Any], Any], act: Callable[[Any], Any] = torch.relu) -> None:
        super().__init__()
        self.stem, self.into, self.out, self.head = (
            nn.Linear(4, 5),
            nn.Linear(5, 7),
            nn.Linear(7, 5),
            nn.Linear(5, 3),
        )
        self.stream, self.act = stream, act

    def forward(self, x: Any) -> Any:
        x = self.stream(self.stem(x))
        x = self.stream(x + self.out(self.act(self.into(x))))
        return self.head(x)


class PreNorm(nn.Module):
    """Embedding, a block of GELU neurons on a stream, a norm before each reader, an unembedding."""

    def __init__(
        self, norm: Callable[[], Any], *, tied: bool = False, stream: Callable[[Any], Any] = lambda x: x
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 4)
        self.norm, self.last = norm(), norm()
        self.into, self.out = nn.Linear(4, 5), nn.Linear(5, 4)
        self.head = nn.Linear(4, 6, bias=False)
        self.stream = stream
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, t: Any) -> Any:
        x = self.stream(self.embed(t))
        x = self.stream(x + self.out(functional.gelu(self.into(self.norm(x)))))
        return self.head(self.last(x))


class Recurrent(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind in {"relu", "tanh"}:
            self.cell: Any = nn.RNN(4, 5, nonlinearity=kind, batch_first=True)
        else:
            self.cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](2, 2, batch_first=True)
        self.head = nn.Linear(self.cell.hidden_size, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.cell(x)[0])


class TiedAutoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(5, 4)

    def forward(self, x: Any) -> Any:
        return torch.relu(self.encoder(x)) @ self.encoder.weight


class Twins(nn.Module):
    """Two networks of one architecture: permutations and swaps, nothing continuous."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = mlp(nn.Tanh()), mlp(nn.Tanh())

    def forward(self, x: Any) -> Any:
        return self.one(x) + torch.tanh(self.two(x))


def weight_normed(act: Any) -> Any:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)), act, nn.Linear(5, 3))


def frozen(module: Any) -> Any:
    """In evaluation mode, with running statistics that are not trivial."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            statistics: Any = part
            statistics.running_mean.copy_(torch.linspace(0.5, 1.5, 5))
            statistics.running_var.copy_(torch.linspace(0.5, 2, 5))
    return module.eval()


def images(channels: int) -> Callable[[Any], tuple[Any, ...]]:
    return normal(3, channels, 6, 6)


def convolutions(*between: Any, first: Any = None, last: Any = None) -> Any:
    return nn.Sequential(first or nn.Conv2d(2, 4, 3), *between, last or nn.Conv2d(4, 3, 2))


@dataclass(frozen=True, slots=True)
class Case:
    """One module of the table.

    Args:
        row: the row it is about.
        name: of the case.
        module: makes it.
        inputs: a minibatch from a generator.
        found: members by row and kind, all of them.
        loss: of output and generator.
        control: whether it is a negative control of the row.
        near: rows of the near-laws.
        untraced: members by kind without a trace, where they are not the same.
        prepare: changes freshly drawn parameters.
    """

    row: str
    name: str
    module: Callable[[], Any]
    inputs: Callable[[Any], tuple[Any, ...]]
    found: Mapping[str, int]
    loss: Callable[[Any, Any], Any] | None = None
    control: bool = False
    near: tuple[str, ...] = ()
    untraced: Mapping[str, int] | None = None
    prepare: Callable[[dict[str, Any]], None] = field(default=lambda tensors: None)

    @property
    def id(self) -> str:
        return f"{self.row}-{self.name}"


def table() -> tuple[Case, ...]:
    """All cases; torch must be there."""
    x6, x5, x4 = normal(8, 6), normal(8, 5), normal(8, 4)
    sequence = normal(3, 4, 5)
    gl5 = {"M1 scaling": 5, "M1 mixing": 10, "M1 rotation": 10, "M1 shear": 5}
    heads = {"M19 scaling": 6, "M19 mixing": 6, "M19 rotation": 6}
    keys = {"M18 scaling": 6, "M18 mixing": 6, "M18 rotation": 6}
    outer = {"M1 scaling": 6, "M1 mixing": 15, "M1 rotation": 15, "M1 shear": 6}

    def batch_normed(eps: float, act: Any = nn.ReLU) -> Any:
        return mlp(nn.BatchNorm1d(5, eps=eps), act(), widths=(5, 5, 3))

    def layer_normed(eps: float) -> Any:
        return mlp(nn.LayerNorm(5, eps=eps), nn.ReLU(), widths=(5, 5, 3))

    def rms_normed(eps: float | None, gain: bool = True, act: Any = nn.ReLU) -> Any:
        return mlp(nn.RMSNorm(5, eps=eps, elementwise_affine=gain), act(), widths=(4, 5, 3))

    def scaled_pad(tensors: dict[str, Any]) -> None:
        tensors["0.weight"][0] = np.arange(1.0, 5.0)

    return (
        Case("M1", "linear", lambda: mlp(), x6, gl5),
        Case("M1", "dropout between", lambda: mlp(nn.Dropout(0.3)), x6, {"M6 scaling": 5}, control=True),
        Case("M2", "ReLU", lambda: mlp(nn.ReLU()), x6, {"M2 scaling": 5}),
        Case("M2", "LeakyReLU", lambda: mlp(nn.LeakyReLU(0.1)), x6, {"M2 scaling": 5}),
        Case("M2", "PReLU", lambda: mlp(nn.PReLU()), x6, {"M2 scaling": 5}),
        Case("M2", "RReLU", lambda: mlp(nn.RReLU()), x6, {"M2 scaling": 5}),
        Case("M2", "without bias", lambda: mlp(nn.ReLU(), bias=False), x6, {"M2 scaling": 5}),
        *(
            Case("M2", name, lambda act=act: mlp(act()), x6, {}, control=True)
            for name, act in (
                ("GELU", nn.GELU),
                ("SiLU", nn.SiLU),
                ("tanh", nn.Tanh),
                ("ELU", nn.ELU),
                ("sigmoid", nn.Sigmoid),
            )
        ),
        Case("M3", "squared ReLU", lambda: mlp(Apply(lambda x: torch.relu(x) ** 2)), x6, {"M3 scaling": 5}),
        Case("M3", "x relu(x)", lambda: mlp(Apply(lambda x: x * torch.relu(x))), x6, {"M3 scaling": 5}),
        Case(
            "M3", "two degrees", lambda: mlp(Apply(lambda x: torch.relu(x) ** 2 + torch.relu(x))), x6, {}, control=True
        ),
        Case("M4", "ReLU6", lambda: mlp(nn.ReLU6()), x6, {}, control=True),
        Case("M4", "Hardtanh", lambda: mlp(nn.Hardtanh()), x6, {}, control=True),
        Case("M4", "Hardswish", lambda: mlp(nn.Hardswish()), x6, {}, control=True),
        Case("M4", "clamp", lambda: mlp(Apply(lambda x: x.clamp(-1, 2))), x6, {}, control=True),
        Case("M5", "convolutions", lambda: convolutions(nn.ReLU()), images(2), {"M5 scaling": 4}),
        Case(
            "M5",
            "stride and padding",
            lambda: convolutions(nn.ReLU(), first=nn.Conv2d(2, 4, 3, stride=2, padding=1)),
            images(2),
            {"M5 scaling": 4},
        ),
        Case(
            "M5",
            "groups",
            lambda: convolutions(nn.ReLU(), last=nn.Conv2d(4, 4, 2, groups=2)),
            images(2),
            {"M5 scaling": 4},
        ),
        Case(
            "M5",
            "depthwise",
            lambda: convolutions(nn.ReLU(), nn.Conv2d(4, 4, 2, groups=4), nn.ReLU()),
            images(2),
            {"M5 scaling": 8},
        ),
        Case(
            "M5",
            "transposed",
            lambda: convolutions(nn.ReLU(), last=nn.ConvTranspose2d(4, 3, 2)),
            images(2),
            {"M5 scaling": 4},
        ),
        Case("M5", "GELU", lambda: convolutions(nn.GELU()), images(2), {}, control=True),
        *(
            Case("M6", name, lambda between=between: convolutions(nn.ReLU(), between()), images(2), {"M6 scaling": 4})
            for name, between in (
                ("max pool", lambda: nn.MaxPool2d(2)),
                ("average pool", lambda: nn.AvgPool2d(2)),
                ("adaptive pool", lambda: nn.AdaptiveAvgPool2d(2)),
                ("upsample", lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
                ("dropout", lambda: nn.Dropout(0.2)),
            )
        ),
        Case(
            "M6",
            "flatten",
            lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)),
            images(2),
            {"M6 scaling": 3},
        ),
        Case(
            "M6",
            "log-sum-exp pool",
            lambda: convolutions(
                nn.ReLU(), Apply(lambda x: torch.logsumexp(x, -1, keepdim=True)), last=nn.Conv2d(4, 3, (2, 1))
            ),
            images(2),
            {},
            control=True,
        ),
        Case(
            "M7", "batch norm", lambda: batch_normed(TINY), x5, {"M7 scaling": 5, "M8 translation": 5, "M9 scaling": 5}
        ),
        Case(
            "M7",
            "epsilon",
            lambda: batch_normed(1e-3),
            x5,
            {"M8 translation": 5, "M9 scaling": 5},
            control=True,
            near=("M7",),
        ),
        Case(
            "M8",
            "bias before instance norm",
            lambda: convolutions(nn.InstanceNorm2d(4), nn.ReLU()),
            images(2),
            {"M15 translation": 4},
            near=("M15",),
        ),
        Case(
            "M9",
            "affine of batch norm",
            lambda: batch_normed(1e-2),
            x5,
            {"M8 translation": 5, "M9 scaling": 5},
            near=("M7",),
        ),
        Case(
            "M9",
            "before GELU",
            lambda: batch_normed(1e-2, nn.GELU),
            x5,
            {"M8 translation": 5},
            control=True,
            near=("M7",),
        ),
        Case("M10", "batch norm in eval mode", lambda: frozen(batch_normed(TINY)), x5, {"M9 scaling": 5}, control=True),
        Case(
            "M11",
            "layer norm",
            lambda: layer_normed(TINY),
            x5,
            {"M9 scaling": 5, "M11 scaling": 1, "M11 translation": 6},
        ),
        Case(
            "M11",
            "epsilon",
            lambda: layer_normed(1e-5),
            x5,
            {"M9 scaling": 5, "M11 translation": 6},
            control=True,
            near=("M11",),
        ),
        Case("M12", "RMS norm", lambda: rms_normed(TINY), x4, {"M9 scaling": 5, "M12 scaling": 1}),
        Case("M12", "epsilon", lambda: rms_normed(1e-2), x4, {"M9 scaling": 5}, control=True, near=("M12",)),
        Case(
            "M13",
            "RMS norm without gain",
            lambda: rms_normed(1e-2, False, nn.Identity),
            x4,
            {"M13 rotation": 10},
            near=("M12",),
        ),
        Case(
            "M13",
            "with gain",
            lambda: rms_normed(1e-2, True, nn.Identity),
            x4,
            {"M9 scaling": 5},
            control=True,
            near=("M12",),
        ),
        Case(
            "M14",
            "group norm after linear",
            lambda: mlp(nn.GroupNorm(2, 6, eps=TINY), nn.ReLU(), widths=(3, 6, 2)),
            normal(8, 3),
            {"M9 scaling": 6, "M14 scaling": 2, "M14 translation": 8},
        ),
        Case(
            "M14",
            "group norm after convolution",
            lambda: convolutions(nn.GroupNorm(2, 4, eps=TINY), nn.ReLU()),
            images(2),
            {"M9 scaling": 4, "M14 scaling": 2, "M14 translation": 2},
        ),
        Case(
            "M14",
            "epsilon",
            lambda: convolutions(nn.GroupNorm(2, 4, eps=1e-3), nn.ReLU()),
            images(2),
            {"M9 scaling": 4, "M14 translation": 2},
            control=True,
            near=("M14",),
        ),
        Case(
            "M15",
            "instance norm",
            lambda: convolutions(nn.InstanceNorm2d(4, eps=TINY), nn.ReLU()),
            images(2),
            {"M15 scaling": 4, "M15 translation": 4},
        ),
        Case("M16", "weight norm", lambda: weight_normed(nn.ReLU()), x4, {"M16 scaling": 10}),
        Case("M16", "before tanh", lambda: weight_normed(nn.Tanh()), x4, {"M16 scaling": 5}, control=True),
        Case("M17", "cross entropy", lambda: mlp(nn.Tanh()), x6, {"M17 translation": 6}, cross_entropy),
        Case("M17", "label smoothing and class weights", lambda: mlp(nn.Tanh()), x6, {"M17 translation": 6}, smoothed),
        Case("M17", "multi-margin loss", lambda: mlp(nn.Tanh()), x6, {"M17 translation": 6}, margin),
        Case("M17", "binary cross entropy", lambda: mlp(nn.Tanh()), x6, {}, binary, control=True),
        Case("M17", "soft-capped logits", lambda: mlp(nn.Tanh()), x6, {}, capped, control=True),
        Case(
            "M18",
            "attention",
            lambda: Attention(),
            normal(3, 4, 6),
            {**keys, **heads, **outer, "M20 translation": 6, "M21 shear": 6},
        ),
        Case(
            "M21",
            "attention dropout",
            lambda: Attention(dropout=0.3),
            normal(3, 4, 6),
            {**keys, **heads, **outer, "M20 translation": 6},
            control=True,
        ),
        Case(
            "M20",
            "bias for keys and values",
            lambda: Attention(add_bias_kv=True),
            normal(3, 4, 6),
            # not b_K alone: the same shift of b_K and of the key that is added
            {**keys, **heads, **outer, "M20 translation": 6},
            control=True,
        ),
        Case(
            "M22",
            "rotary, halves",
            lambda: Heads(2, 2, 4, rotary="halves"),
            sequence,
            {"M22 scaling": 4, "M22 rotation": 4, "M19 scaling": 8, "M19 mixing": 12, "M19 rotation": 12},
        ),
        Case(
            "M22",
            "rotary, interleaved",
            lambda: Heads(2, 2, 4, rotary="pairs"),
            sequence,
            {"M22 scaling": 4, "M22 rotation": 4, "M19 scaling": 8, "M19 mixing": 12, "M19 rotation": 12},
        ),
        Case(
            "M23",
            "grouped queries",
            lambda: Heads(4, 2, 2),
            sequence,
            {"M23 scaling": 8, "M23 mixing": 4, "M23 rotation": 4},
        ),
        Case(
            "M23",
            "grouped queries, rotary",
            lambda: Heads(4, 2, 2, rotary="halves"),
            sequence,
            {"M22 scaling": 2, "M22 rotation": 2, "M23 scaling": 4, "M23 mixing": 2, "M23 rotation": 2},
        ),
        Case(
            "M24",
            "norm of queries and keys",
            lambda: Heads(2, 2, 3, norm=TINY, gain=True),
            sequence,
            {"M24 scaling": 4, "M19 scaling": 6, "M19 mixing": 6, "M19 rotation": 6},
        ),
        Case(
            "M24",
            "epsilon",
            lambda: Heads(2, 2, 3, norm=1e-2, gain=True),
            sequence,
            {"M19 scaling": 6, "M19 mixing": 6, "M19 rotation": 6},
            control=True,
            near=("M24",),
        ),
        Case("M25", "SwiGLU", lambda: Gated(functional.silu), x4, {"M25 scaling": 5}),
        Case("M25", "ReGLU", lambda: Gated(torch.relu), x4, {"M25 scaling": 10}),
        Case("M25", "bilinear", lambda: Gated(lambda x: x), x4, {"M25 scaling": 10}),
        Case("M26", "ReLU stream", lambda: Residual(torch.relu), x4, {"M26 scaling": 5, "M2 scaling": 7}),
        Case(
            "M26",
            "linear stream",
            lambda: Residual(lambda x: x),
            x4,
            {"M26 scaling": 5, "M26 mixing": 10, "M26 rotation": 10, "M2 scaling": 7},
        ),
        Case("M26", "GELU on the stream", lambda: Residual(functional.gelu), x4, {"M2 scaling": 7}, control=True),
        Case(
            "M27",
            "pre-norm stream",
            lambda: PreNorm(lambda: nn.LayerNorm(4, eps=1e-2)),
            tokens(6, 5, 8),
            {"M27 translation": 12, "M17 translation": 4, "M9 scaling": 8},
            cross_entropy,
            near=("M11",),
        ),
        Case(
            "M27",
            "RMS norm",
            lambda: PreNorm(lambda: nn.RMSNorm(4, eps=1e-2)),
            tokens(6, 5, 8),
            {"M17 translation": 4, "M9 scaling": 8},
            cross_entropy,
            control=True,
            near=("M12",),
        ),
        Case(
            "M27",
            "ReLU on the stream",
            lambda: PreNorm(lambda: nn.LayerNorm(4, eps=1e-2), stream=torch.relu),
            tokens(6, 5, 8),
            {"M17 translation": 4, "M9 scaling": 8},
            cross_entropy,
            control=True,
            near=("M11",),
        ),
        Case(
            "M28",
            "embedding",
            lambda: nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 3, bias=False)),
            tokens(6, 12),
            {"M28 scaling": 4, "M28 mixing": 6, "M28 rotation": 6},
        ),
        Case(
            "M28",
            "padding row",
            lambda: nn.Sequential(nn.Embedding(6, 4, padding_idx=0), nn.Linear(4, 3, bias=False)),
            tokens(6, 12),
            {},
            control=True,
            prepare=scaled_pad,
        ),
        Case(
            "M28",
            "scaled by frequency",
            lambda: nn.Sequential(nn.Embedding(6, 4, scale_grad_by_freq=True), nn.Linear(4, 3, bias=False)),
            tokens(6, 12),
            {},
            control=True,
        ),
        Case(
            "M29",
            "tied embedding",
            lambda: PreNorm(lambda: nn.LayerNorm(4, eps=1e-2), tied=True),
            tokens(6, 5, 8),
            {"M27 translation": 6, "M29 translation": 1, "M9 scaling": 4},
            cross_entropy,
            near=("M26",),
        ),
        Case(
            "M30",
            "ReLU recurrence",
            lambda: Recurrent("relu"),
            normal(3, 4, 4),
            {"M30 scaling": 5, "M30 translation": 5},
        ),
        Case(
            "M30", "tanh recurrence", lambda: Recurrent("tanh"), normal(3, 4, 4), {"M30 translation": 5}, control=True
        ),
        Case("M30", "LSTM", lambda: Recurrent("lstm"), normal(3, 4, 2), {"M30 translation": 8}, control=True),
        Case("M31", "tied autoencoder", lambda: TiedAutoencoder(), x5, {}, control=True),
        Case("M32", "twins", lambda: Twins(), x6, {}, control=True),
    )
