"""The pieces of the search: elimination, chains, flows and levels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flint import nmod_mat
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.kernel._flow import Program, brackets, solve
from flowlaw.oracles.kernel._models import read_model
from flowlaw.oracles.lie import level_ranks
from flowlaw.oracles.lie._chains import chain_types
from flowlaw.oracles.lie._flows import span
from flowlaw.oracles.lie._residues import PRIME, pivots
from flowlaw.oracles.models import DeepLinear, parse_model


@pytest.mark.parametrize("prime", [2, 101, PRIME, 65521])
@pytest.mark.parametrize(("height", "width"), [(5, 5), (70, 140), (140, 70), (1, 200)])
def test_pivots_are_a_largest_minor_that_is_not_singular(prime: int, height: int, width: int) -> None:
    generator = np.random.default_rng(height + prime)
    inner = max(1, min(height, width) // 2)
    matrix = generator.integers(0, prime, (height, inner)) @ generator.integers(0, prime, (inner, width)) % prime
    rows, columns = pivots(matrix, prime)
    full = int(nmod_mat(height, width, matrix.ravel().tolist(), prime).rank())
    assert len(rows) == len(columns) == full
    assert len(set(rows)) == len(set(columns)) == full
    minor = matrix[np.ix_(rows, columns)]
    assert int(nmod_mat(full, full, minor.ravel().tolist(), prime).rank()) == full


@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.booleans())
def test_chains_use_every_neuron_once(widths: list[int], widen_partial: bool) -> None:
    types = chain_types(widths, widen_partial=widen_partial)
    for layer, width in enumerate(widths):
        assert sum(chain[layer] * count for chain, count in types) == width
    assert all(count > 0 and min(chain) >= 0 and any(chain) for chain, count in types)
    assert len({chain for chain, _ in types}) == len(types)
    assert sum(count for chain, count in types if min(chain)) == min(widths)


@pytest.mark.parametrize("widths", [(100, 100, 100), (4096,) * 6, (784, 512, 256, 10), (5, 9, 5)])
def test_wide_networks_have_few_types_of_chains(widths: tuple[int, ...]) -> None:
    assert len(chain_types(widths, widen_partial=True)) <= 5


def followed(program: Program, start: Any, control: Any, chosen: Sequence[int], orders: int) -> list[Any]:
    """Brackets with a control, order by order."""
    covector = np.zeros((orders, program.dimension), dtype=np.int64)
    covector[: len(control)] = control[:orders]
    return list(brackets(program, solve(program, start, covector), covector, chosen))


@pytest.mark.parametrize(
    "spec", ["linear:2-2-2", "linear:5-5-2", "linear:2-5-4", "linear:2-3-3-2", "homogeneous:2-3-2+degree2"]
)
def test_a_span_names_rows_and_columns_of_a_minor_that_is_not_singular(spec: str) -> None:
    form = read_model(parse_model(spec).kernel_form())
    generator = np.random.default_rng(7)
    point = generator.integers(1, PRIME, form.parameters)
    program = form.program(PRIME)
    found = span(program, program.dimension, point, PRIME, target=form.parameters, generator=generator)
    rows: list[list[int]] = []
    for control, order, name in found.rows:
        values = followed(program, point, np.array(found.controls[control]), [name], order + 1)
        rows.append(values[order][0][found.columns].tolist())
    size = len(found.rows)
    assert size == len(found.columns) > program.dimension
    assert nmod_mat(size, size, [c for row in rows for c in row], PRIME).rank() == size
    assert 1 + max(order for _, order, _ in found.rows) == found.orders


def test_one_control_can_hide_directions_that_a_second_one_shows() -> None:
    """4-5-2 is one of the networks where the ends differ and one constant field is not enough."""
    form = read_model(DeepLinear((4, 5, 2)).kernel_form())
    generator = np.random.default_rng(0)
    point = generator.integers(1, PRIME, form.parameters)
    constant = generator.integers(1, PRIME, (1, 8))
    values = np.concatenate(followed(form.program(PRIME), point, constant, range(8), 12))
    assert len(pivots(values, PRIME)[0]) < 15
    found = span(form.program(PRIME), 8, point, PRIME, target=15, generator=generator)
    assert len(found.rows) == 15


def test_a_span_stops_where_the_rank_does() -> None:
    form = read_model(DeepLinear((2, 2, 2)).kernel_form())
    point = np.random.default_rng(0).integers(1, PRIME, 8)
    found = span(form.program(PRIME), 4, point, PRIME, target=8, generator=np.random.default_rng(1))
    assert len(found.rows) == 5


def test_levels_stop_at_the_dimension_they_are_given_or_where_they_stagnate() -> None:
    form = read_model(DeepLinear((2, 4, 5, 2)).kernel_form())
    assert level_ranks(form, 13) == [4, 8, 12, 13]
    assert level_ranks(form, 12) == [4, 8, 12]
    assert level_ranks(form, 38) == [4, 8, 12, 13, 13]


def test_levels_of_large_models_are_not_measured() -> None:
    assert level_ranks(read_model(DeepLinear((15, 15, 15)).kernel_form()), 300) is None
