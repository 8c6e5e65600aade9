"""Ranks, kernels and directions at exact points, against schoolbook linear algebra on the written-out model."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import Local, geometry, initialization, setting
from flowlaw.oracles.intrinsic.criterion.directions import kernel_basis, witness
from flowlaw.oracles.intrinsic.criterion.local import matrices
from flowlaw.oracles.intrinsic.criterion.probe import differing_entry, moving_entry
from flowlaw.oracles.intrinsic.criterion.residues import PRIMES, reconstructed, reduced, residue
from flowlaw.oracles.intrinsic.criterion.rotations import (
    outer_direction,
    outer_rotations,
    rotated,
    rotations,
    turned_outside,
)
from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import DeepLinear, Model, known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational, orthogonality
from flowlaw.oracles.proofs import inclusion, kernel_vectors

F = Fraction


def rank(rows: list[list[Rational]]) -> int:
    entries = [fmpq(F(x).numerator, F(x).denominator) for row in rows for x in row]
    return int(fmpq_mat(len(rows), len(rows[0]), entries).rank()) if rows else 0


def gradients(polynomials: list[Polynomial], point: list[Rational]) -> list[list[Rational]]:
    """All partial derivatives, from the polynomials alone."""
    return [[p.derivative(k).evaluate(point) for k in range(len(point))] for p in polynomials]


def laws(model: Model) -> list[Polynomial]:
    return [law for family in known_laws(model) for law in family.polynomials()]


def draw(model: Model, seed: int, zeros: bool = False) -> list[Rational]:
    random = Random(seed)
    choices = [-2, -1, 1, 2, F(1, 2), *([0] * 8 if zeros else [])]
    return [random.choice(choices) for _ in range(model.parameters)]


SPECS = (
    "linear:2-2-2",
    "linear:1-3-2",
    "linear:2-3-2+logits",
    "linear:2-2-3-2",
    "linear:1-2-2-1",
    "relu:2-2-2+bias",
    "relu:1-2-2-1",
    "conv:3-2+stride2",
    "diagonal:2",
    "monomial:3",
    "homogeneous:2-2-2+degree2",
)


@pytest.mark.parametrize("zeros", [False, True], ids=["generic", "many zeros"])
@pytest.mark.parametrize("spec", SPECS)
def test_ranks_at_a_point_are_those_of_the_written_out_derivatives(spec: str, zeros: bool) -> None:
    model = parse_model(spec)
    known = setting(model)
    deficient = 0
    for seed in range(6):
        point = draw(model, seed, zeros)
        at = geometry(known, point)
        of_phi = rank(gradients(list(model.coordinates()), point))
        of_laws = rank(gradients(laws(model), point))
        assert (at.jacobian_rank, at.law_rank) == (of_phi, of_laws)
        deficient += of_phi + of_laws < known.jacobian + known.listed
        both = rank(gradients([*model.coordinates(), *laws(model)], point))
        assert at.kernel_dimension == model.parameters - both  # the two row spaces meet in zero
    assert deficient if zeros else deficient < 6


@pytest.mark.parametrize(("u", "v"), list(product(range(3), repeat=2)))
def test_the_rank_formulas_of_two_layers_hold_at_every_pair_of_ranks(u: int, v: int) -> None:
    n, r, m = 2, 3, 2
    model = DeepLinear((n, r, m))
    random = Random(f"{u}{v}")
    U = [[random.randint(-2, 2) if i < u else 0 for _ in range(r)] for i in range(n)]
    V = [[random.randint(-2, 2) if i < v else 0 for _ in range(r)] for i in range(m)]
    point: list[Rational] = [x for row in [*U, *zip(*V, strict=True)] for x in row]
    at = geometry(setting(model), point)
    assert at.jacobian_rank == rank(gradients(list(model.coordinates()), point))
    assert at.law_rank == rank(gradients(laws(model), point))


@pytest.mark.parametrize(
    ("widths", "f"),
    [
        ((1, 4, 1), 0),
        ((3, 1, 2), 0),
        ((1, 2, 2), 1),
        ((2, 2, 2), 1),
        ((2, 3, 2), 2),
        ((1, 2, 3), 2),
        ((2, 3, 3), 3),
        ((2, 3, 4), 4),
        ((3, 3, 3), 3),
        ((2, 4, 3), 4),
        ((2, 5, 3), 4),
    ],
)
def test_the_fibre_has_its_known_dimension_at_full_ranks(widths: tuple[int, ...], f: int) -> None:
    at = geometry(setting(DeepLinear(widths)), draw(DeepLinear(widths), 3))
    assert at.fibre_dimension == at.kernel_dimension == f
    assert at.constant is True


def test_a_rank_that_falls_is_not_called_constant() -> None:
    model = parse_model("relu:2-1-1")
    assert geometry(setting(model), [1, 0, 0]).constant is False
    assert geometry(setting(model), [1, 1, 2]).constant is True


def test_the_metric_and_its_derivative_are_those_of_the_polynomials() -> None:
    for spec in SPECS:
        model = parse_model(spec)
        point, direction = draw(model, 1), draw(model, 2)
        phi = model.coordinates()
        local = Local(model, point)
        assert local.size == len(phi)
        for i, j in product(range(len(phi)), repeat=2):
            entry = orthogonality(phi[i], phi[j])
            assert local.metric(i, j) == entry.evaluate(point)
            slopes = [entry.derivative(k).evaluate(point) for k in range(model.parameters)]
            assert local.derivative(i, j, direction) == sum(a * b for a, b in zip(slopes, direction, strict=True))
        assert [local.value(i) for i in range(local.size)] == [f.evaluate(point) for f in phi]


def test_the_probe_finds_an_entry_exactly_where_the_metric_differs() -> None:
    for spec in ("linear:2-2-2", "linear:2-3-2+logits", "linear:2-2-3-2", "relu:2-2-2+bias", "diagonal:2"):
        model = parse_model(spec)
        known, local = setting(model), Local(model, draw(model, 1))
        other = Local(model, draw(model, 2))
        entry = differing_entry(known, local.point, other.point)
        assert entry is not None
        assert local.metric(*entry) != other.metric(*entry)
        assert differing_entry(known, local.point, local.point) is None
        entry = moving_entry(known, local.point, other.point)
        assert entry is not None
        assert local.derivative(*entry, other.point) != 0
        assert moving_entry(known, local.point, [0] * model.parameters) is None


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_probe_sees_the_change_of_every_layer(layer: int) -> None:
    model = DeepLinear((2, 2, 2, 2))
    point = draw(model, 1)
    direction: list[Rational] = [F(k // 4 == layer) * (k + 1) for k in range(12)]
    entry = moving_entry(setting(model), point, direction)
    assert entry is not None
    assert Local(model, point).derivative(*entry, direction) != 0


@pytest.mark.parametrize("spec", ["linear:2-2-2", "linear:1-3-2", "linear:2-3-3-2", "homogeneous:2-3-2+degree2"])
def test_a_witness_lies_in_both_kernels_and_changes_the_metric(spec: str) -> None:
    model = parse_model(spec)
    point = draw(model, 4)
    at = geometry(setting(model), point)
    seen = witness(at)
    assert seen is not None
    for row in gradients([*model.coordinates(), *laws(model)], point):
        assert sum(a * b for a, b in zip(row, seen.vector, strict=True)) == 0
    assert seen.derivative == Local(model, point).derivative(*seen.coordinates, seen.vector) != 0
    assert len(kernel_basis(at)) == at.kernel_dimension


def test_one_vector_is_lifted_where_a_basis_would_be_too_long() -> None:
    model = parse_model("linear:6-6-6")  # 72 parameters
    point = draw(model, 5)
    seen = witness(geometry(setting(model), point))
    assert seen is not None
    for row in gradients([*model.coordinates(), *laws(model)], point):
        assert sum(a * b for a, b in zip(row, seen.vector, strict=True)) == 0


# -- rotations of hidden layers


def test_rotations_are_those_that_commute_with_the_balance() -> None:
    model = DeepLinear((3, 3, 3))
    diagonal: list[Rational] = [2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert rotations(model, diagonal) == [(1, {(0, 1): 1})]  # the balance is diag(3, 3, 8)
    everything: list[Rational] = [2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert len(rotations(model, everything)) == 3
    assert rotations(model, draw(model, 0)) == []


def test_a_full_balance_matrix_has_the_rotations_of_its_eigenspaces() -> None:
    """Delta = Q diag(3, 3, 8) Q^T with a rational rotation Q: one rotation, with three entries."""
    model = DeepLinear((3, 3, 3))
    c, s = F(3, 5), F(4, 5)
    Q = [[c, -s * c, s * s], [s, c * c, -s * c], [F(0), s, c]]
    assert all(sum(Q[i][k] * Q[j][k] for k in range(3)) == (i == j) for i, j in product(range(3), repeat=2))
    sizes = (2, 2, 3)
    first = [sizes[i] * Q[j][i] for i in range(3) for j in range(3)]  # diag(sizes) Q^T
    second = [Q[i][j] for i in range(3) for j in range(3)]  # Q, so that U2 U2^T = I
    (turn,) = rotations(model, [*first, *second])
    assert len(turn[1]) == 3


def test_turning_a_hidden_layer_keeps_phi_the_laws_and_the_metric() -> None:
    model = DeepLinear((2, 2, 3))
    point: list[Rational] = [2, 0, 0, 2, 1, 0, 0, 0, 1, 0]
    (turn,) = rotations(model, point)
    moved = rotated(model, point, turn)
    assert moved != point
    for f in [*model.coordinates(), *laws(model)]:
        assert f.evaluate(moved) == f.evaluate(point)
    assert differing_entry(setting(model), point, moved) is None


def test_the_kernel_rejects_a_rotation_that_does_not_commute_with_the_balance() -> None:
    model = DeepLinear((2, 2, 2))
    good: list[Rational] = [2, 0, 0, 2, 1, 0, 0, 1]
    mutant: list[Rational] = [2, 0, 0, 3, 1, 0, 0, 1]
    turn = (1, {(0, 1): 1})
    assert verify(inclusion(model, None, good, [], rotations=[turn])).accepted
    assert not verify(inclusion(model, None, mutant, [], rotations=[turn])).accepted


@pytest.mark.parametrize(
    "spec", ["linear:3-2-3", "linear:3-3-3-3", "linear:3-3-3+logits", "linear:5-3-1+logits", "linear:1-2-3"]
)
def test_rotations_of_outputs_and_inputs_that_keep_z_keep_the_laws(spec: str) -> None:
    model = parse_model(spec)
    assert isinstance(model, DeepLinear)
    start = initialization(model, "generic").point
    rows = gradients([*model.coordinates(), *laws(model)], list(start))
    found = list(outer_rotations(model, start))
    assert any(any(outer_direction(model, matrices(model, start), pair)) for pair in found)
    for pair in found:
        direction = outer_direction(model, matrices(model, start), pair)
        assert not any(sum(a * b for a, b in zip(row, direction, strict=True)) for row in rows)
        moved = turned_outside(matrices(model, start), pair, F(1, 2))
        for f in [*model.coordinates(), *laws(model)]:
            assert f.evaluate(moved) == f.evaluate(start)


# -- kernels modulo a prime


@pytest.mark.parametrize(("rows", "columns"), [(5, 8), (8, 5), (40, 300), (300, 140)])
def test_the_reduced_kernel_is_the_kernel(rows: int, columns: int) -> None:
    draws = np.random.default_rng(rows)
    low = draws.integers(-3, 4, (rows, 4)) @ draws.integers(-3, 4, (4, columns))
    found = reduced(low, PRIMES[0])
    assert len(found.pivots) == 4
    assert sorted([*found.pivots, *found.free]) == list(range(columns))
    for vector in found.basis()[:20]:
        assert not (low @ vector % PRIMES[0]).any()
    full = reduced(draws.integers(-9, 10, (rows, columns)), PRIMES[1])
    assert len(full.pivots) == min(rows, columns)


def test_short_rational_kernel_vectors_come_back_from_residues() -> None:
    matrix: list[list[Rational]] = [[1, 2, 3, 4], [0, 5, -6, F(7, 3)]]
    exact = kernel_vectors(matrix)
    found = reduced(np.array([residue(row, PRIMES[0]) for row in matrix]), PRIMES[0])
    assert [reconstructed(vector, PRIMES[0]) for vector in found.basis()] == exact


def test_a_residue_without_a_short_fraction_is_not_made_up() -> None:
    assert reconstructed(residue([F(12345, 6789)], PRIMES[0]), PRIMES[0]) != [F(12345, 6789)]


# -- borders


def test_a_model_that_is_too_large_is_refused_before_work() -> None:
    with pytest.raises(TooLarge, match="80000 parameters"):
        setting(parse_model("linear:200-200-200"))
    large = parse_model("relu:60-60-60")
    point: list[Rational] = [1] * large.parameters
    assert geometry(setting(large), point).kernel_dimension == 0  # no weight is zero: the rule for paths
    point[0] = 0
    with pytest.raises(TooLarge, match="without zero weights"):
        geometry(setting(large), point)


def test_a_point_of_another_length_is_refused() -> None:
    with pytest.raises(BadInput, match="8 entries"):
        geometry(setting(parse_model("linear:2-2-2")), [1, 2, 3])
