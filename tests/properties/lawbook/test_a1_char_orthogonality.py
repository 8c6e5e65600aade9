from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flowlaw.properties.lawbook import a1_char_orthogonality as entry
from flowlaw.properties.strategies import OUTPUT_LOSSES, DataSet

F = Fraction


def case(loss: int) -> entry.FloatCase:
    targets = (((F(1), F(0)), (F(0), F(1))), ((F(1), F(-1)), (F(-1), F(1))), ((F(1), F(0)), (F(0), F(1))))[loss]
    data = DataSet(((F(1), F(-2)), (F(3), F(1, 2))), targets)
    spec = "relu:2-3-2+bias+outbias+skip0:2"
    size = entry.model_of(spec).parameters
    point = tuple(F((7 * k) % 11 - 5, 4) for k in range(size))
    return entry.FloatCase(spec, F(1, 8), point, data, OUTPUT_LOSSES[loss])


@pytest.mark.parametrize("loss", [0, 1, 2])
def test_torch_and_our_backpropagation_agree(loss: int) -> None:
    pytest.importorskip("torch")
    one = case(loss)
    start = np.array([float(x) for x in one.point])
    field = one.field()
    assert np.all(np.abs(entry.autograd(one, start) - field(start)) <= 2 * field.roundoff_bound(start) + 1e-15)


def test_a_gradient_that_is_off_by_more_than_rounding_is_seen() -> None:
    one = case(0)
    start = np.array([float(x) for x in one.point])
    gradient = one.field()(start)
    assert entry.rounded_check(one, gradient, start).holds
    gradient[0] *= 1 + 1e-10
    assert not entry.rounded_check(one, gradient, start).holds


def test_a_violated_bound_is_preferred_to_a_tight_one() -> None:
    assert not entry.nearest_bound([(F(1), F(1)), (F(2, 10**9), F(1, 10**9))]).holds
    assert entry.nearest_bound([(F(1), F(4)), (F(1), F(2))]).bound == 2
    assert not entry.nearest_bound([]).nontrivial
    assert not entry.nearest_bound([(F(1), F(0))]).holds
