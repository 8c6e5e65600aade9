from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from flowlaw.oracles.models import DeepLinear, PathLifting, parse_model
from flowlaw.properties import strategies as fs

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def specs(strategy: st.SearchStrategy[DeepLinear | PathLifting], tries: int = 150) -> set[str]:
    found: set[str] = set()

    @settings(max_examples=tries, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(strategy)
    def collect(model: DeepLinear | PathLifting) -> None:
        found.add(model.spec)

    collect()
    return found


@few
@given(fs.widths(layers=(2, 3), width=(2, 4), parameters=20))
def test_widths_stay_inside_their_limits(shape: tuple[int, ...]) -> None:
    assert 3 <= len(shape) <= 4
    assert all(2 <= width <= 4 for width in shape)
    assert sum(a * b for a, b in pairwise(shape)) <= 20


@few
@given(st.one_of(fs.linear_models(logits=None), fs.relu_models(), fs.dags()))
def test_every_model_is_read_back_from_its_spec(model: DeepLinear | PathLifting) -> None:
    assert parse_model(model.spec) == model
    assert model.parameters > 0


def test_linear_models_are_of_many_shapes() -> None:
    found = specs(fs.linear_models(logits=None))
    assert len(found) > 60
    assert any(spec.endswith("+logits") for spec in found)
    assert any("-1-" in spec for spec in found)
    assert {spec.count("-") for spec in found} == {2, 3, 4}


def test_logits_always_have_two_outputs() -> None:
    assert not any(re.match("linear:1-", spec) for spec in specs(fs.linear_models(logits=True)))


def test_relu_models_have_biases_and_skips_of_every_kind() -> None:
    found = specs(fs.relu_models())
    for option in ("+bias", "+outbias", "+skip0:2", "+skip1:3"):
        assert any(option in spec for spec in found), option
    assert any("+" not in spec for spec in found)


def test_options_of_relu_models_can_be_fixed() -> None:
    found = specs(fs.relu_models(bias=True, outbias=False, skips=False))
    assert all(re.fullmatch(r"relu:[0-9-]+\+bias", spec) for spec in found)


def test_graphs_are_mostly_not_layered() -> None:
    found = specs(fs.dags())
    assert len(found) > 100
    assert any("one:1" in spec for spec in found)
    assert any("x1" in spec for spec in found)
    assert any("y1" in spec for spec in found)
    assert any("h4" in spec for spec in found)
    branched = [spec for spec in found if len(spec.split("/")[1].split(",")) > spec.count(":") - 1]
    assert len(branched) > 20


@pytest.mark.once
def test_architectures_shrink_to_the_simplest() -> None:
    fixed = settings(derandomize=True, database=None, deadline=None)  # shrinking depends on where it starts
    assert find(fs.linear_models(), lambda _: True, settings=fixed).spec == "linear:1-1-1"
    assert find(fs.relu_models(), lambda _: True, settings=fixed).spec == "relu:1-1-1"
    smallest = find(fs.dags(), lambda _: True, settings=fixed)  # one path, or with a skip beside it
    assert (smallest.hidden, smallest.parameters <= 3) == (1, True)
    assert find(fs.relu_models(), lambda model: "skip" in model.spec, settings=fixed).spec == "relu:1-1-1+skip0:2"
