"""The layers that entries of B4 train: the same numbers as by hand, and charges on the right weights."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flowlaw.properties import _between as between
from flowlaw.properties import _layers as layers
from flowlaw.properties import _training as training

X = [Fraction(x) for x in (1, 2, 3, 4)]


def test_a_convolution_slides_its_filter() -> None:
    layer = layers.conv((1, 1, 4), 1, (1, 2), stride=2, bias=False)
    assert layer.forward([[10, 1]], X) == [12, 34]
    padded = layers.conv((1, 1, 4), 1, (1, 2), padding=0, bias=True)
    assert padded.forward([[10, 1], [100]], X) == [112, 123, 134]


def test_a_transposed_convolution_is_the_transpose() -> None:
    up = layers.transposed((1, 1, 2), 1, (1, 2), bias=False)
    down = layers.conv((1, 1, 3), 1, (1, 2), bias=False)
    assert up.forward([[10, 1]], [1, 2]) == [10, 21, 2]
    assert down.backward([[10, 1]], X[:3], [1, 2])[1] == [10, 21, 2]


def test_backward_is_the_transpose_of_forward() -> None:
    layer = layers.conv((2, 2, 3), 4, (2, 2), padding=1, groups=2, bias=False)
    weights = [[Fraction(k + 1, 3) for k in range(layer.sizes[0])]]
    values = [Fraction(k - 5) for k in range(12)]
    slopes = [Fraction(k % 7 - 3) for k in range(len(layer.forward(weights, values)))]
    of_weights, of_values = layer.backward(weights, values, slopes)
    work = sum(a * b for a, b in zip(layer.forward(weights, values), slopes, strict=True))
    assert work == sum(a * b for a, b in zip(values, of_values, strict=True))
    assert work == sum(a * b for a, b in zip(weights[0], of_weights[0], strict=True))


def test_a_group_reads_its_own_channels() -> None:
    layer = layers.conv((4, 1, 1), 4, (1, 1), groups=2)
    assert layer.outgoing(0) == [0, 2]
    assert layer.outgoing(3) == [5, 7]
    assert layers.dense(6, 1).outgoing(1, positions=3) == [3, 4, 5]
    assert layers.transposed((2, 1, 1), 3, (1, 1)).outgoing(1) == [3, 4, 5]
    assert layers.transposed((2, 1, 1), 3, (1, 1)).incoming(1) == [1, 4]


def test_the_first_of_equal_entries_wins_a_pool() -> None:
    pool, shape = between.pooling("max", (1, 1, 4), 2)
    assert shape == (1, 1, 2)
    assert pool.backward([], [2, 2, 1, 3], [5, 7])[1] == [5, 0, 0, 7]


def test_sizes_bound_the_gradient_of_any_activation() -> None:
    case = training.sample_case((layers.dense(2, 3), between.SOFTSIGN, layers.dense(3, 1)), (), seed=5)
    arrays = pytest.importorskip("numpy")
    point = tuple(arrays.array([float(x) for x in leaf]) for leaf in case.start)
    for slopes, sizes in zip(case.target.gradient(0, point), case.target.gradient_sizes(0, point), strict=True):
        assert (abs(slopes) <= sizes).all()
