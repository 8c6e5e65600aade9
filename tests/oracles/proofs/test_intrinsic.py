"""Makers of certificates about the metric: what they write, and what the kernel says to it."""

from fractions import Fraction
from typing import Any

import pytest

from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational
from flowlaw.oracles.proofs import inclusion, two_points, violation

Json = Any
F = Fraction


def test_families_are_named_as_the_kernel_knows_them() -> None:
    """Linear networks, their logits, and path liftings; any other model lists its laws."""
    names = {
        "linear:2-1-2": [{"family": "balance"}],
        "linear:2-1-2+logits": [{"family": "balance"}, {"family": "output-sums"}],
        "relu:1-2-1+bias": [{"family": "neuron-balance"}],
    }
    for spec, expected in names.items():
        model = parse_model(spec)
        point: list[Rational] = [1 + i for i in range(model.parameters)]
        certificate: Json = inclusion(model, None, point, [])
        assert certificate["claim"]["laws"] == expected
        judgement = verify(certificate)
        assert judgement.accepted, judgement.reason
    with pytest.raises(TypeError, match="list them as polynomials"):
        inclusion(parse_model("monomial:2"), None, [1, 1], [])


def test_laws_written_out_and_families_say_the_same() -> None:
    model = parse_model("linear:2-2-2")
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    point: list[Rational] = [F(5, 4), 0, 0, F(5, 4), F(3, 4), 0, 0, F(3, 4)]
    turned: list[tuple[int, dict[tuple[int, int], Rational]]] = [(1, {(0, 1): F(2, 3)})]
    for listed in (None, laws):
        certificate: Json = inclusion(model, listed, point, [], rotations=turned)
        assert verify(certificate).accepted
    assert certificate["witness"]["rotations"] == [[1, [[0, 1, "2/3"]]]]
    assert certificate["claim"]["kernel_dimension"] == 1


def test_vectors_are_written_without_their_zeros() -> None:
    """A3.linear2.counterexample: moving e_2 towards e_3 keeps phi and the laws, and turns M."""
    model = parse_model("linear:1-2-3")
    point: list[Rational] = [F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0]
    certificate: Json = violation(model, None, point, [0, 0, 0, 0, 0, 0, 0, F(1, 2)], (1, 2), F(1, 2))
    assert certificate["witness"] == {"vector": [[7, "1/2"]]}
    assert verify(certificate).accepted
    certificate = violation(model, None, point, [0, 0, 0, 0, 0, 0, 0, F(1, 2)], (1, 1), F(1, 2))
    assert verify(certificate).reason == "the derivative of the metric is 0, not 1/2"


def test_two_points_of_one_fibre() -> None:
    """Acceptance case 5: V V^T is diag(25/16, 1, 0) and diag(25/16, 0, 1), U U^T is 9/16 at both."""
    model = parse_model("linear:1-2-3")
    first: list[Rational] = [F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0]
    second: list[Rational] = [F(3, 4), 0, F(5, 4), 0, 0, 0, 0, 1]
    for index, metric in ((1, (F(25, 16), F(9, 16))), (2, (F(9, 16), F(25, 16)))):
        assert verify(two_points(model, None, (first, second), (index, index), metric)).accepted
    same = two_points(model, None, (first, second), (0, 0), (F(34, 16), F(34, 16)))
    assert verify(same).reason == "the metric is the same at the two points"


def test_coordinates_of_path_liftings_are_named_by_their_edges() -> None:
    model = parse_model("relu:1-1-2")
    certificate: Json = two_points(model, None, ([0, 1, 0], [0, 0, 1]), (0, 1), (0, 0))
    assert certificate["claim"]["coordinates"] == [[0, 1], [0, 2]]
    assert verify(certificate).reason == "the metric is the same at the two points"
    assert verify(two_points(model, None, ([0, 1, 0], [0, 0, 1]), (1, 1), (0, 1))).accepted


def test_a_prime_that_divides_a_denominator_is_refused() -> None:
    model = parse_model("monomial:2")
    law = Polynomial.variable(0) ** 2 - Polynomial.variable(1) ** 2
    assert verify(inclusion(model, [law], [F(1, 7), 1], [], prime=11)).accepted
    reason = verify(inclusion(model, [law], [F(1, 7), 1], [], prime=7)).reason
    assert reason == "the prime divides the denominator of the point"
