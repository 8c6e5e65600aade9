"""Training of layered networks as something to run: exactly, in floats, or by PyTorch's modules and autograd."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from itertools import islice
from math import log2, prod
from typing import TYPE_CHECKING, Any, cast

from ..oracles.dynamics import Charge, Law, Leaves, Signed, Vector
from ._discrete import Case, exact_residual, float_residual
from ._layers import Layer, Linear, gradient
from ._theorem import Mutant, Property, Residual, Skipped

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Sample = tuple[tuple[Fraction, ...], tuple[Fraction, ...]]
Batch = tuple[Sample, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Training:
    """The loss ``sum |f(x) - y|^2 / 2`` over a batch of each step.

    Args:
        layers: the network.
        batches: samples (x, y) for each step; used in turn.
        charge: what is watched.
        modules: gradients of arrays come from PyTorch's autograd through its own modules.
    """

    layers: tuple[Layer, ...]
    batches: tuple[Batch, ...]
    charge: Charge
    modules: bool = False

    def __repr__(self) -> str:
        from .strategies import shown

        data = "; ".join(" ".join(f"{shown(x)}->{shown(y)}" for x, y in batch) for batch in self.batches)
        return f"{' - '.join(map(_name, self.layers))} on {data}"

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many entries each parameter tensor has."""
        return tuple(size for layer in self.layers for size in layer.sizes)

    @property
    def roundings(self) -> int:
        """At most so many roundings on any path from the point to an entry of the gradient."""
        return sum(layer.fan for layer in self.layers) + max(map(len, self.batches)) + 4

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """The gradients at step k: Vectors from Vectors, arrays from arrays."""
        batch = self.batches[k % len(self.batches)]
        if isinstance(point[0], Vector):
            return _exact(self.layers, batch, point)
        import numpy as np

        if self.modules:
            return _by_modules(self.layers, batch, point)
        tensors = [leaf.tolist() for leaf in point]
        with np.errstate(over="ignore"):
            return tuple(
                np.array(row, dtype=leaf.dtype)
                for row, leaf in zip(_summed(self.layers, batch, tensors, float), point, strict=True)
            )

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """The sums of the absolute terms of the gradients at an array point, whatever the activations do."""
        import numpy as np

        tensors = [abs(leaf).tolist() for leaf in point]
        batch = self.batches[k % len(self.batches)]
        rows = _summed(self.layers, batch, tensors, _size, absolute=True)
        return tuple(np.array(row, dtype=float) for row in rows)


def _size(x: Fraction) -> float:
    return abs(float(x))


def _name(layer: Layer) -> str:
    if not isinstance(layer, Linear):
        return repr(layer)
    options = [f"{name} {getattr(layer, name)}" for name in ("groups", "stride") if getattr(layer, name) != 1]
    options += ["padding"] * bool(layer.padding) + ["bias"] * layer.bias
    return f"{layer.kind}{list(layer.shape)}{''.join(f', {o}' for o in options)}"


def _summed(
    layers: Sequence[Layer], batch: Batch, tensors: Sequence[Sequence[Any]], number: Any, *, absolute: bool = False
) -> list[list[Any]]:
    total: list[list[Any]] = []
    for x, y in batch:
        rows = gradient(layers, tensors, list(map(number, x)), list(map(number, y)), absolute=absolute)
        total = (
            [[a + b for a, b in zip(p, q, strict=True)] for p, q in zip(total, rows, strict=True)] if total else rows
        )
    return total


def _exact(layers: Sequence[Layer], batch: Batch, point: Leaves) -> Leaves:
    """The gradient over the rationals; computed on flint's, which are faster than Python's."""
    tensors = [[rational(x) for x in leaf] for leaf in point]
    rows = _summed(layers, batch, tensors, rational)
    return tuple(Vector(fraction(x) for x in row) for row in rows)


def rational(x: Any) -> Any:
    """A fraction of python-flint."""
    from flint import fmpq

    return fmpq(x.numerator, x.denominator)


def fraction(x: Any) -> Fraction:
    """A fraction of Python, from one of python-flint or a whole number."""
    return Fraction(int(x.p), int(x.q)) if hasattr(x, "p") else Fraction(x)


def torch_here() -> Any:
    """PyTorch.

    Raises:
        Skipped: it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError:
        raise Skipped("torch is not installed") from None


@lru_cache(maxsize=256)
def _module(layers: tuple[Layer, ...], double: bool) -> Any:
    torch = torch_here()
    network = torch.nn.Sequential(*[layer.module(torch) for layer in layers])
    return network.to(torch.float64 if double else torch.float32)


def network_of(layers: tuple[Layer, ...], point: Leaves) -> Any:
    """The modules of PyTorch with these weights, in the precision of the weights."""
    torch = torch_here()
    network = _module(layers, str(point[0].dtype) == "float64")
    with torch.no_grad():
        for parameter, leaf in zip(network.parameters(), point, strict=True):
            parameter.copy_(torch.from_numpy(leaf).reshape(parameter.shape))
    return network


def data_of(layers: tuple[Layer, ...], batch: Batch, dtype: Any) -> tuple[Any, Any]:
    """Inputs and targets of a batch as tensors of PyTorch."""
    torch = torch_here()
    first = cast("Linear", layers[0])
    inputs = torch.tensor([[float(v) for v in x] for x, _ in batch], dtype=dtype).reshape(len(batch), *first.image)
    return inputs, torch.tensor([[float(v) for v in y] for _, y in batch], dtype=dtype)


def _by_modules(layers: tuple[Layer, ...], batch: Batch, point: Leaves) -> Leaves:
    torch = torch_here()
    network = network_of(layers, point)
    inputs, targets = data_of(layers, batch, next(network.parameters()).dtype)
    loss = ((network(inputs).reshape(len(batch), -1) - targets) ** 2).sum() / 2
    found = torch.autograd.grad(loss, list(network.parameters()))
    return tuple(g.reshape(-1).numpy().copy() for g in found)


def balance(
    sizes: Sequence[int], incoming: Mapping[int, Sequence[int]], outgoing: Mapping[int, Sequence[int]]
) -> Signed:
    """The sum of squares of the incoming entries minus that of the outgoing ones; entries by tensor."""
    weights: dict[int, Vector] = {}
    for sign, side in ((1, incoming), (-1, outgoing)):
        for tensor, entries in side.items():
            mask = list(weights.get(tensor, Vector([0] * sizes[tensor])))
            for i in entries:
                mask[i] += sign
            weights[tensor] = Vector(mask)
    return Signed(weights)


def neuron_balance(layers: Sequence[Layer], layer: int, channel: int) -> Signed:
    """The balance of an output channel of ``layers[layer]`` with the next layer that has weights."""
    first = layers[layer]
    assert isinstance(first, Linear)
    after = next(k for k in range(layer + 1, len(layers)) if isinstance(layers[k], Linear))
    second = cast("Linear", layers[after])
    positions = second.image[0] // first.channels if second.kind == "dense" else 1
    sizes = [size for each in layers for size in each.sizes]
    mine, theirs = (sum(len(each.sizes) for each in layers[:k]) for k in (layer, after))
    incoming = {mine: first.incoming(channel), **({mine + 1: [channel]} if first.bias else {})}
    return balance(sizes, incoming, {theirs: second.outgoing(channel, positions)})


def alive(case: Case) -> bool:
    """Whether the first gradient is not zero on every tensor of the charge: such a case could have failed."""
    gradients, charge = case.target.gradient(0, case.start), case.charge
    for i in charge.tensors(case.start):
        mask = charge.weights[i] if isinstance(charge, Signed) else [1] * len(gradients[i])
        if all(w == 0 or x == 0 for w, x in zip(mask, gradients[i], strict=True)):
            return False
    return True


def exact_check(laws: Sequence[Law], case: Case) -> Residual:
    """The identities along an exact run."""
    return replace(exact_residual(laws, case), nontrivial=alive(case))


def module_check(laws: Sequence[Law], case: Case, dtype: str) -> Residual:
    """The identities along a run of ``torch.optim.SGD`` on the modules of PyTorch.

    Raises:
        Skipped: torch is not installed.
    """
    torch_here()
    target = case.target
    assert isinstance(target, Training)
    residual = float_residual(laws, replace(case, target=replace(target, modules=True)), "torch", dtype)
    return replace(residual, nontrivial=alive(case))


def dyadic(count: int, *, nonzero: bool = False) -> SearchStrategy[tuple[Fraction, ...]]:
    """Multiples of 1/4 between -2 and 2."""
    from .strategies import choices, signed

    quarters = [Fraction(a, 4) for a in signed(8, nonzero=nonzero)]
    return choices(count, len(quarters)).map(lambda drawn: tuple(quarters[k] for k in drawn))


def drawn_batches(inputs: int, outputs: int, steps: int, samples: int = 2) -> SearchStrategy[tuple[Batch, ...]]:
    """A batch for each step."""
    from hypothesis import strategies as st

    def batches(drawn: tuple[tuple[Fraction, ...], tuple[Fraction, ...]]) -> tuple[Batch, ...]:
        rows = zip(_cut(drawn[0], [inputs] * samples * steps), _cut(drawn[1], [outputs] * samples * steps), strict=True)
        return tuple(tuple(islice(rows, samples)) for _ in range(steps))

    count = samples * steps
    return st.tuples(dyadic(inputs * count, nonzero=True), dyadic(outputs * count)).map(batches)


def drawn_start(sizes: Sequence[int]) -> SearchStrategy[tuple[Vector, ...]]:
    """Weights other than zero, in units of 1/4."""
    return dyadic(sum(sizes), nonzero=True).map(lambda drawn: tuple(map(Vector, _cut(drawn, sizes))))


def _cut(entries: Sequence[Fraction], sizes: Sequence[int]) -> list[tuple[Fraction, ...]]:
    """The entries in pieces of these sizes."""
    left = iter(entries)
    return [tuple(islice(left, size)) for size in sizes]


def sample_case(
    layers: Sequence[Layer],
    optimizers: Sequence[Any],
    *,
    layer: int = 0,
    channel: int = 0,
    batches: int = 1,
    samples: int = 4,
    seed: int = 0,
) -> Case:
    """The network on data and from weights that the seed fixes, multiples of 1/16; watched is one balance."""
    from random import Random

    random = Random(seed)

    def numbers(count: int, low: int = 0) -> tuple[Fraction, ...]:
        return tuple(Fraction(random.choice((-1, 1)) * random.randint(low, 16), 16) for _ in range(count))

    inputs = prod(cast("Linear", layers[0]).image)
    outputs = next(prod(last.result) for last in reversed(layers) if isinstance(last, Linear))
    data = tuple(tuple((numbers(inputs), numbers(outputs)) for _ in range(samples)) for _ in range(batches))
    start = tuple(Vector(numbers(size, 4)) for each in layers for size in each.sizes)
    return Case(Training(tuple(layers), data, neuron_balance(layers, layer, channel)), start, tuple(optimizers))


def caught(name: str, says: str, check: Callable[[Case], Residual], example: Case) -> Mutant:
    """The mutant that the exact run of an example must violate."""

    def only() -> SearchStrategy[Case]:
        from hypothesis import strategies as st

        return st.just(example)

    return Mutant(name, says, Property(name, says, "rational", only, check, [example]))


def drift_slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope between the last two points of a curve, in log-log; 0 where nothing is left."""
    (a, x), (b, y) = points[-2:]
    return log2(x / y) / log2(a / b) if x and y else 0.0
