"""The three properties and the Frobenius property at exact points: verdicts, certificates, and negative controls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest

from flowlaw.oracles.intrinsic import Initialization, Intrinsic, Local, classify_model, initialization, intrinsic
from flowlaw.oracles.intrinsic.criterion import geometry
from flowlaw.oracles.intrinsic.linear.classification import representative
from flowlaw.oracles.intrinsic.linear.matrices import inverse
from flowlaw.oracles.intrinsic.linear.matrices import product as product_of
from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import DeepLinear, Model, known_laws, parse_model
from flowlaw.oracles.polynomials import Rational

F = Fraction


def at(spec: str, name: str = "generic", seed: int = 0) -> Intrinsic:
    model = parse_model(spec)
    return intrinsic(model, initialization(model, name, seed=seed))


def verdicts(found: Intrinsic) -> str:
    """The first letters of recoverability, metric, dynamic and Frobenius."""
    return "".join(answer.verdict[0] for answer in found.answers.values())


def check_certificates(found: Intrinsic) -> None:
    for answer in found.answers.values():
        assert (answer.verdict == "UNDECIDED") == (not answer.certificates)
        for proof in answer.certificates:
            judgement = verify(proof)
            assert judgement.accepted, judgement.reason


def check_pair(found: Intrinsic) -> None:
    """By hand: the same coordinates, the same laws, another entry of the metric."""
    pair, model = found.pair, found.model
    assert pair is not None
    first, second = pair.first, pair.second
    for f in [*model.coordinates(), *(law for family in known_laws(model) for law in family.polynomials())]:
        assert f.evaluate(first) == f.evaluate(second)
    values = tuple(Local(model, point).metric(*pair.coordinates) for point in (first, second))
    assert values == pair.metric
    assert values[0] != values[1]


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        # recoverability, metric, dynamic, Frobenius
        ("linear:2-2-2", "relaxed:1", "RPPR"),
        ("linear:2-2-2", "balanced", "RPPR"),
        ("linear:2-2-2", "generic", "RRRR"),
        ("linear:1-2-3", "relaxed:-1", "RRRR"),
        ("linear:3-2-3", "relaxed:-1/3", "RPPR"),
        ("linear:3-3-2", "relaxed:1", "RPPR"),
        ("linear:2-3-2", "generic", "RRRR"),
        ("linear:2-3-2", "balanced", "RPPR"),
        ("linear:1-2-2", "generic", "RRRR"),
        ("linear:2-4-1", "generic", "RRRR"),
        ("linear:1-3-1", "generic", "PPPP"),
        ("linear:3-1-2", "generic", "PPPP"),
        ("linear:3-2", "generic", "PPPP"),
        ("linear:2-2-2-2", "relaxed:5,3", "RPPR"),
        ("linear:3-3-3-3", "relaxed:5,3", "RPPR"),
        ("linear:2-2-2-2", "generic", "RRRR"),
        ("linear:3-3-3-3", "generic", "RRRR"),
        ("linear:2-3-3-2", "balanced", "RPPR"),
        ("linear:1-2-2-1", "generic", "PPPP"),  # one of its laws is no polynomial
        ("linear:3-3-3+logits", "generic", "RRRR"),
        ("relu:2-3-2+bias", "generic", "PPPP"),
        ("relu:2-3-2+bias", "zero-weights", "RRRR"),
        ("relu:2-3-3-2", "zero-weights", "RRRR"),
        ("relu:1-3-2", "zero-weights", "RRRR"),
        ("relu:1-1-1", "zero-weights", "PPPP"),  # a single path, which two points of one level set share by sign alone
        ("dag:x:2,h:3,y:1/x-h-y,x-y", "zero-weights", "RRRR"),
        ("diagonal:3", "generic", "PPPP"),
        ("conv:3-2", "generic", "PPPP"),
        ("conv:3-2-2+stride2", "generic", "PPPP"),
        ("monomial:3", "generic", "PPPP"),
        ("symmetric:2-2", "generic", "RPPR"),  # M is linear in phi
        ("symmetric:2-3", "generic", "RPPR"),  # its laws are rational: brackets fill the orbit, phi does not
        ("symmetric:3-5", "generic", "RPPR"),
        ("symmetric:3-2", "generic", "RPPR"),
        ("symmetric:4-1", "generic", "PPPP"),
        ("homogeneous:2-3-2+degree2", "generic", "RRRR"),
    ],
)
def test_the_verdicts(spec: str, name: str, expected: str) -> None:
    found = at(spec, name)
    assert verdicts(found) == expected
    check_certificates(found)
    if found.metric.verdict == "REFUTED":
        assert found.pair is not None or found.witness is not None
        assert found.closed_form is None
    if found.pair is not None:
        check_pair(found)


@pytest.mark.parametrize("widths", [*product((1, 2, 3), (1, 2, 3, 4), (1, 2, 3)), (2, 5, 2), (1, 6, 2), (4, 2, 3)])
def test_a_generic_point_agrees_with_the_classification(widths: tuple[int, int, int]) -> None:
    model = DeepLinear(widths)
    start = initialization(model, "generic")
    found = intrinsic(model, start)
    classified = classify_model(model, start.point)
    assert found.metric.verdict == ("PROVED" if classified.holds else "REFUTED")
    assert found.dynamic.verdict == found.metric.verdict
    assert found.geometry.fibre_dimension == classified.fibre_dimension
    assert len(found.rotations) == classified.commutant_dimension
    if not classified.holds:
        check_pair(found)  # a generic point of a linear network comes with a second one


def structured() -> list[tuple[int, int, int, tuple[int, int, int], bool]]:
    """Points of the classification of every inertia, with equal and with distinct eigenvalues."""
    out: list[tuple[int, int, int, tuple[int, int, int], bool]] = []
    for n, m, r in product((1, 2, 3), (1, 2, 3), (1, 2, 3, 4)):
        rho = min(r, n + m)
        out += [
            (n, m, r, (p, rho - p - z, z), distinct)
            for z in range(min(n, m, rho) + 1)
            for p in range(min(n - z, rho - z) + 1)
            if rho - p - z <= m - z
            for distinct in (False, True)
        ]
    return out


def test_the_kernel_criterion_agrees_with_the_classification_at_structured_points() -> None:
    seen = {"PROVED": 0, "REFUTED": 0}
    for n, m, r, inertia, distinct in structured()[::3]:
        U, V = representative(n, m, r, inertia, distinct=distinct)
        model = DeepLinear((n, r, m))
        point: list[Rational] = [*(x for row in U for x in row), *(x for row in zip(*V, strict=True) for x in row)]
        classified = classify_model(model, point)
        found = intrinsic(model, point)
        assert found.metric.verdict == ("PROVED" if classified.holds else "REFUTED"), (n, m, r, inertia, distinct)
        seen[found.metric.verdict] += 1
    assert min(seen.values()) > 20


def test_a_perturbed_eigenvalue_of_the_balance_destroys_the_metric_property() -> None:
    """A3.linear2.converse, case 6: Delta = diag(4, -1, -1) and its negative control diag(4, -1, -121/100)."""
    model = DeepLinear((1, 3, 2))
    point: list[Rational] = [F(10, 3), F(4, 3), 0, F(8, 3), 0, F(5, 3), 0, 0, 1]
    found = intrinsic(model, point)
    assert found.metric.verdict == "PROVED"
    assert found.geometry.kernel_dimension == 1
    assert found.closed_form is not None
    mutant = intrinsic(model, [*point[:-1], F(11, 10)])
    assert mutant.metric.verdict == "REFUTED"
    assert mutant.geometry.kernel_dimension == 1
    assert mutant.witness is not None
    assert mutant.dynamic.verdict == "REFUTED"
    check_certificates(mutant)


def test_perturbed_relaxed_balance_is_refuted_in_depth_three() -> None:
    model = parse_model("linear:2-2-2-2")
    start = initialization(model, "relaxed:5,3")
    assert intrinsic(model, start).metric.verdict == "PROVED"
    point = [*start.point[:-1], start.point[-1] + F(1, 10)]
    mutant = intrinsic(model, point)
    assert mutant.metric.verdict == "REFUTED"
    check_certificates(mutant)


@pytest.mark.parametrize("seed", [1, 2])
def test_verdicts_do_not_depend_on_rotations_of_the_initialization(seed: int) -> None:
    assert verdicts(at("linear:2-2-2", "relaxed:1", seed)) == "RPPR"
    assert verdicts(at("linear:1-2-3", "relaxed:-1", seed)) == "RRRR"


def test_the_counterexample_is_refuted_by_the_two_points_of_the_theory() -> None:
    """A3.linear2.counterexample: Z' = -(25/16) e_2 or -(9/16) e_2 for G = e_2; e_3 up to its sign."""
    found = at("linear:1-2-3", "relaxed:-1")
    assert found.pair is not None
    assert found.pair.first == (F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0)
    assert found.pair.second == (F(3, 4), 0, F(5, 4), 0, 0, 0, 0, -1)
    assert found.pair.coordinates == (1, 1)
    assert found.pair.metric == (F(25, 16), F(9, 16))
    assert found.geometry.kernel_dimension == 2
    assert found.pair.orbit


def test_zero_weights_of_the_theory_are_refuted() -> None:
    """A3.zero-weights: phi = (u v_1, u v_2) at (0; 1, 0) and (0; 0, 1), M = diag(1, 0) and diag(0, 1)."""
    model = parse_model("relu:2-1-1")
    found = intrinsic(model, [1, 0, 0])
    assert verdicts(found) == "RRRR"
    assert found.geometry.constant is False
    assert found.pair is not None
    assert found.pair.second == (0, 1, 0)
    assert found.pair.metric == (1, 0)
    assert "not constant near this point" in found.frobenius.reason
    assert verdicts(intrinsic(model, [1, 0, 3])) == "PPPP"  # one zero weight among those that stay recoverable


def test_a_zero_weight_whose_neuron_has_no_way_on_is_left_undecided_or_proved_but_not_refuted() -> None:
    """Downstream all weights vanish too, so the bracket that would turn the weights is zero."""
    model = parse_model("relu:2-1-1-1")
    found = intrinsic(model, [1, 2, 0, 0])
    assert found.pair is None


@pytest.mark.parametrize(
    ("spec", "point"),
    [
        ("linear:2-2-2", [-1, 1, -1, 1, 0, 0, 1, 1]),
        ("linear:1-2-2-2", [2, 0, 0, -1, 0, 0, 1, 0, 0, -1]),
        ("relu:2-2-2-1", [0, 1, 1, 0, 0, 1, 1, 2, 1, 0]),
        ("conv:2-2", [1, 0, 2, 0]),  # a common root at infinity
        ("homogeneous:2-2-2+degree2", [0, 0, 0, 2, 1, 1, 0, 0]),
    ],
)
def test_a_direction_that_changes_m_refutes_nothing_where_the_rank_falls(spec: str, point: list[Rational]) -> None:
    found = intrinsic(parse_model(spec), point)
    assert found.witness is not None
    assert found.geometry.constant is False
    assert verdicts(found) == "UUUR"
    assert "larger at points near by" in found.metric.reason


def test_a_symmetric_factor_is_not_recovered_from_phi_and_its_row_space() -> None:
    """All laws of symmetric:2-3 are functions of the row space; the verdict shows no second point, this test does."""
    model = parse_model("symmetric:2-3")
    start = initialization(model, "generic")
    U = [list(start.point[:3]), list(start.point[3:])]
    S = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in U] for a in U]
    # B = (I - A S^-1)^-1 (I + A S^-1), A skew, keeps S = B S B^T
    below = S[0][0] * S[1][1] - S[0][1] ** 2
    skew = [[F(-S[1][0], below), F(S[0][0], below)], [F(-S[1][1], below), F(S[0][1], below)]]
    plus, minus = ([[F(i == j) + sign * skew[i][j] for j in range(2)] for i in range(2)] for sign in (1, -1))
    B = product_of(inverse(minus), plus)
    other = [value for row in product_of(B, U) for value in row]
    assert other != list(start.point)
    assert all(f.evaluate(other) == f.evaluate(start.point) for f in model.coordinates())
    assert verdicts(intrinsic(model, start.point)) == "RPPR"
    assert verdicts(intrinsic(model, [1, 1, 1, 2, 2, 2]))[0] == "U"  # of rank 1: nothing is known near it


def test_a_dead_neuron_is_found_among_living_ones() -> None:
    found = intrinsic(parse_model("relu:2-2-1"), [1, 2, 3, 4, 5, 0])
    assert verdicts(found) == "RRRR"
    check_pair(found)


def test_two_points_that_are_not_known_to_share_an_orbit_leave_the_dynamic_property_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert verdicts(at("linear:12-12-12-12")) == "RRRR"
    monkeypatch.setattr(geometry, "_BRACKETS", 0)  # too expensive to evaluate brackets at the point
    found = at("linear:12-12-12-12")
    assert verdicts(found) == "RRUR"
    assert found.pair is not None
    assert not found.pair.orbit


def test_a_partner_that_is_on_no_fibre_of_the_point_is_not_believed() -> None:
    model = parse_model("linear:1-2-2")
    start = initialization(model, "generic")
    assert start.partner is not None
    wrong: Sequence[Rational] = [*start.partner[:-1], start.partner[-1] + 1]
    found = intrinsic(model, Initialization("wrong", start.point, "", tuple(wrong), "said so"))
    for answer in found.answers.values():
        for proof in answer.certificates:
            assert verify(proof).accepted
            claim = proof["claim"]
            assert isinstance(claim, dict)
            assert claim["kind"] != "fibre"


def test_large_path_liftings_are_proved_by_the_rule_for_paths() -> None:
    found = at("relu:20-25-20-5")
    assert verdicts(found) == "PPPP"
    check_certificates(found)


def test_a_map_of_ones_own_is_decided_by_its_own_laws() -> None:
    from flowlaw.oracles.models import Block, PolynomialMap
    from flowlaw.oracles.polynomials import Polynomial

    x, y, z = (Polynomial.variable(i) for i in range(3))
    model: Model = PolynomialMap("own", (Block("x", (3,)),), (x * y, y * z))
    found = intrinsic(model, [1, 2, 3])
    assert found.geometry.setting.laws
    assert found.metric.verdict == "PROVED"
    check_certificates(found)
