"""Layered networks as torch modules: what autograd computed, as the fractions that its numbers are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from ._layered import Layer, Net, Pass
from ._theorem import Property, Residual, Skipped

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def by_autograd(
    says: str,
    cases: Callable[[], SearchStrategy[Net]],
    check: Callable[[Net, str], Residual],
    example: Net,
    share: float = 0.5,
) -> tuple[Property, Property]:
    """The same check of what autograd computed, in float64 and in float32."""

    def of(name: str, words: str, dtype: Literal["float64", "float32"]) -> Property:
        def checked(net: Net) -> Residual:
            return check(net, dtype)

        return Property(name, words, dtype, cases, checked, examples=[example], share=share)

    return of("torch-float64", says, "float64"), of("torch-float32", "The same in float32.", "float32")


def torch_network(net: Net, dtype: str) -> Any:
    """``torch.nn.Sequential`` of ``Linear`` and ``LeakyReLU`` (``ReLU`` where the leak is 0).

    Raises:
        Skipped: torch is not installed.
    """
    torch = torch_module()
    parts: list[Any] = []
    for layer in net.layers(float):
        rows = torch.tensor(layer.weights, dtype=getattr(torch, dtype))
        linear = torch.nn.Linear(rows.shape[1], rows.shape[0], bias=bool(layer.bias), dtype=rows.dtype)
        with torch.no_grad():
            linear.weight.copy_(rows)
            if layer.bias:
                linear.bias.copy_(torch.tensor(layer.bias, dtype=rows.dtype))
        parts += [linear, torch.nn.LeakyReLU(float(net.leak)) if net.leak else torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


def torch_pass(net: Net, dtype: str) -> Pass:
    """Autograd through ``torch_network``; what it computed, as the fractions that its numbers are."""
    torch = torch_module()
    network = torch_network(net, dtype)
    kind = getattr(torch, dtype)
    x = torch.tensor([[float(v) for v in row] for row in net.inputs], dtype=kind, requires_grad=True)
    y = network(x)
    y.retain_grad()
    linear = torch.tensor([[float(v) for v in row] for row in net.linear], dtype=kind)
    ((linear * y).sum() + float(net.curvature) / 2 * (y * y).sum()).backward()
    linears = [part for part in network if isinstance(part, torch.nn.Linear)]

    def layer(weight: Any, bias: Any) -> Layer:
        return Layer(exact(weight), [] if bias is None else exact(bias))

    return Pass(
        [layer(part.weight, part.bias) for part in linears],
        [layer(part.weight.grad, None if part.bias is None else part.bias.grad) for part in linears],
        exact(x),
        exact(x.grad),
        exact(y),
        exact(y.grad),
    )


def torch_module() -> Any:
    """torch.

    Raises:
        Skipped: it is not installed.
    """
    try:
        return import_module("torch")
    except ImportError:
        raise Skipped("torch is not installed") from None


def exact(tensor: Any) -> Any:
    """A tensor as nested lists of the fractions that its entries are."""

    def convert(x: Any, depth: int) -> Any:
        return [convert(y, depth - 1) for y in x] if depth else Fraction(x)

    return convert(tensor.detach().tolist(), tensor.ndim)
