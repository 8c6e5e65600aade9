"""Families against charges written out one by one."""

import numpy as np
import pytest

from flowlaw.gate import Family, Marginal, Mixing, Scalings, Shifts, Slot
from flowlaw.oracles.dynamics import SGD, Affine, Moment, Sized, find_law, magnitude, run

RNG = np.random.default_rng(0)
ONE, TWO = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3))
OTHER = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3))
INPUTS = RNG.normal(size=(4, 7))
NEURONS = np.arange(3)
ONES = np.ones(3)


def neurons() -> Scalings:
    return Scalings(
        ("neuron 0", "neuron 1", "neuron 2"),
        (Marginal(0, 0, NEURONS, NEURONS, ONES), Marginal(1, 1, NEURONS, NEURONS, -ONES)),
        "M2",
    )


def shifts() -> Shifts:
    columns = np.arange(4)
    return Shifts(tuple(f"column {j}" for j in columns), (Marginal(0, 1, columns, columns, np.ones(4)),))


def mixing(sign: int) -> Mixing:
    basis = [np.zeros((3, 3)) for _ in range(3)]
    for matrix, (i, j) in zip(basis, [(0, 1), (0, 2), (1, 2)], strict=True):
        matrix[i, j], matrix[j, i] = 1, sign
    slots = Slot(0, 0, (0, 1, 2)), Slot(1, 1, (0, 1, 2), dual=True)
    return Mixing(("01", "02", "12"), slots, np.array(basis), "quadratic" if sign == 1 else "antisymmetric")


def written_out(family: Family) -> list[Affine]:
    """The matrix and the constant of each member, read off by polarisation on unit vectors."""
    shapes = (3, 4), (2, 3)
    size = 18
    units = [
        tuple(part.reshape(shape) for part, shape in zip(np.split(row, [12]), shapes, strict=True))
        for row in np.eye(size)
    ]
    zero = tuple(np.zeros(shape) for shape in shapes)
    constant = np.array([family.pair(unit, zero) for unit in units])
    matrix = np.array([[family.pair(a, b) for b in units] for a in units]) - constant[:, None]
    return [
        Affine(
            {(i, j): matrix[i, j, m] for i in range(size) for j in range(size) if matrix[i, j, m]},
            {i: constant[i, m] for i in range(size) if constant[i, m]},
        )
        for m in range(len(family.names))
    ]


@pytest.mark.parametrize("family", [neurons(), shifts(), mixing(1), mixing(-1)], ids=["scale", "shift", "sym", "anti"])
def test_a_family_is_its_members_one_by_one(family: Family) -> None:
    members = written_out(family)
    assert [member.kind for member in members] == [family.kind] * len(family.names)
    for a, p in (((ONE, TWO), OTHER), (OTHER, (ONE, TWO))):
        assert np.allclose(family.pair(a, p), [float(member.pair(a, p)) for member in members], rtol=0, atol=1e-13)
        assert np.allclose(family.form(a, p), [float(member.form(a, p)) for member in members], rtol=0, atol=1e-13)


@pytest.mark.parametrize("family", [neurons(), shifts(), mixing(1), mixing(-1)], ids=["scale", "shift", "sym", "anti"])
def test_sizes_are_sums_of_absolute_terms(family: Family) -> None:
    a, p = (ONE, TWO), OTHER
    sized = family.pair(tuple(map(Sized.of, a)), tuple(map(Sized.of, p)))
    members = written_out(family)
    one_by_one = [member.pair(tuple(map(abs, a)), tuple(map(abs, p))) for member in map(_absolute, members)]
    assert np.allclose(sized.value, family.pair(a, p))
    assert np.allclose(sized.size, np.array([float(x) for x in one_by_one]))


def _absolute(member: Affine) -> Affine:
    return Affine({k: abs(v) for k, v in member.matrix.items()}, {k: abs(v) for k, v in member.constant.items()})


def test_the_parts_of_the_tensors_add_up() -> None:
    a, p = (ONE, TWO), OTHER
    for family in (neurons(), mixing(1)):
        assert np.allclose(sum(family.part(i, a[i], p[i]) for i in family.tensors(a)), family.pair(a, p))


def _training(k: int, point: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    hidden = np.maximum(point[0] @ INPUTS, 0)
    error = point[1] @ hidden - 1
    return (point[1].T @ error * (hidden > 0)) @ INPUTS.T, error @ hidden.T


def test_identities_run_on_whole_families() -> None:
    law = find_law("hb-two-step.quadratic")
    good = run([SGD(lr=0.01, momentum=0.9, weight_decay=0.1)] * 6, (ONE, TWO), _training)
    bad = run([SGD(lr=0.01, momentum=0.9, weight_decay=0.2)] * 6, (ONE, TWO), _training)
    told = [[Moment(m.index, m.parameters, good[0].optimizer) for m in moments] for moments in (good, bad)]
    for k in range(4):
        right, wrong = (law.residual(moments[k : k + 3], neurons()) for moments in told)
        size = magnitude(law, told[0][k : k + 3], neurons())
        assert right.shape == size.shape == (3,)
        assert (abs(right) < 100 * 2.0**-53 * size).all()
        assert (abs(wrong) > 1e-5 * size).all()
