"""The layered networks that scores and Hessians are computed on."""

from __future__ import annotations

from fractions import Fraction

from flowlaw.properties._layered import Layers, Net, cut_sums, neurons, random_net, size_of
from flowlaw.properties._layered_hessian import exact_along, sized_along

F = Fraction
NET = random_net((2, 3, 3, 2), samples=2)


def value(net: Net) -> F:
    """R, from the outputs."""
    outputs = net.passed().outputs
    linear = sum(a * y for row, out in zip(net.linear, outputs, strict=True) for a, y in zip(row, out, strict=True))
    return F(linear + net.curvature / 2 * sum(y * y for out in outputs for y in out))


def moved(net: Net, layer: int, entry: int, step: F) -> Net:
    """The same with one weight changed."""
    weights = [list(W) for W in net.weights]
    weights[layer][entry] += step
    return Net(net.widths, tuple(map(tuple, weights)), net.biases, net.leak, net.inputs, net.linear, net.curvature)


def test_gradients_are_exact_difference_quotients() -> None:
    # inside one activation pattern R is a polynomial of degree 2 in a weight, so central differences are exact
    step, gradients = F(1, 2**40), NET.passed().gradients
    for layer in range(3):
        quotient = (value(moved(NET, layer, 1, step)) - value(moved(NET, layer, 1, -step))) / (2 * step)
        assert quotient == gradients[layer].weights[0][1] != 0


def test_hessians_are_exact_difference_quotients() -> None:
    # every gradient is a polynomial of degree 2 in a weight of the last layer, so central differences are exact
    step = F(1, 2**40)

    def unit(layers: Layers, gradient: Layers) -> Layers:
        zero = [layer.map(lambda x, _: 0 * x, layer) for layer in layers]
        zero[2].weights[0][1] = F(1)
        return zero

    _, _, image = exact_along(NET, unit)
    after, before = (moved(NET, 2, 1, way).passed().gradients for way in (step, -step))
    for k in range(3):
        rows = zip(after[k].entries(), before[k].entries(), image[k].entries(), strict=True)
        assert all(a - b == 2 * step * h for a, b, h in rows)


def test_sizes_are_at_least_absolute_values() -> None:
    exact = exact_along(NET, lambda layers, gradient: gradient)
    sized = sized_along(NET, lambda layers, gradient: gradient)
    for left, right in zip(exact, sized, strict=True):
        for a, b in zip(left, right, strict=True):
            assert all(abs(x) <= size_of(y) * (1 + 2.0**-40) for x, y in zip(a.entries(), b.entries(), strict=True))


def test_scores_balance_at_neurons_and_across_cuts() -> None:
    scores = NET.passed().scores
    assert all(a == b for a, b in neurons(scores))
    assert len(set(cut_sums(scores))) == 1
