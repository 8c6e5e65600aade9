"""The sparse search: against a schoolbook solution, and against its own mutants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import combinations_with_replacement
from math import gcd
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import FlowlawError
from flowlaw.oracles.laws import _identity, _search, _solve, _system, functional_rank, polynomial_laws, up_to
from flowlaw.oracles.laws._flat import flatten
from flowlaw.oracles.laws._gradings import classes, sign_codes
from flowlaw.oracles.laws._system import Entries, equations, monomials
from flowlaw.oracles.models import Block, Model, PolynomialMap, parse_model
from flowlaw.oracles.polynomials import Monomial, Polynomial, Rational, orthogonality


def rank(vectors: Sequence[dict[Any, Rational]]) -> int:
    """Schoolbook elimination over Q."""
    pivots: dict[Any, dict[Any, Fraction]] = {}
    for vector in vectors:
        row = {key: Fraction(c) for key, c in vector.items() if c}
        while row:
            key = min(row)
            if key not in pivots:
                pivots[key] = {k: c / row[key] for k, c in row.items()}
                break
            factor = row[key]
            for k, c in pivots[key].items():
                row[k] = row.get(k, Fraction(0)) - factor * c
                if not row[k]:
                    del row[k]
    return len(pivots)


def words(parameters: int, degree: int) -> list[Monomial]:
    found: list[Monomial] = []
    for variables in combinations_with_replacement(range(parameters), degree):
        found.append(tuple((v, variables.count(v)) for v in sorted(set(variables))))
    return found


def schoolbook_dimension(model: Model, degrees: Sequence[int]) -> int:
    """The number of unknowns minus the rank of the system, both by the definitions."""
    unknowns = [word for degree in degrees for word in words(model.parameters, degree)]
    columns = [
        {
            (j, word): c
            for j, coordinate in enumerate(model.coordinates())
            for word, c in orthogonality(Polynomial({unknown: 1}), coordinate).terms.items()
        }
        for unknown in unknowns
    ]
    return len(unknowns) - rank(columns)


def custom(parameters: int, coordinates: Sequence[Polynomial]) -> PolynomialMap:
    return PolynomialMap("custom", (Block("x", (parameters,)),), tuple(coordinates))


@st.composite
def maps(draw: st.DrawFn) -> tuple[PolynomialMap, int]:
    parameters = draw(st.integers(1, 4))
    homogeneous = draw(st.booleans())
    coefficient = st.one_of(
        st.integers(-3, 3), st.fractions(min_value=-3, max_value=3, max_denominator=4), st.just(10**30 + 1)
    )
    coordinates: list[Polynomial] = []
    for _ in range(draw(st.integers(0, 2))):
        degree = draw(st.integers(1, 3))
        degrees = [degree] if homogeneous else list(range(degree + 1))
        choices = [word for k in degrees for word in words(parameters, k)]
        coordinates.append(Polynomial(draw(st.dictionaries(st.sampled_from(choices), coefficient, max_size=4))))
    return custom(parameters, coordinates), draw(st.integers(1, 3))


@given(maps())
@settings(max_examples=300)
def test_the_search_finds_the_space_that_the_definition_gives(case: tuple[PolynomialMap, int]) -> None:
    model, degree = case
    laws = polynomial_laws(model, degree, rules=())
    degrees = [degree] if laws.homogeneous else list(range(1, degree + 1))
    assert laws.kernel_dimension == len(laws.basis) == schoolbook_dimension(model, degrees)
    assert rank([law.terms for law in laws.basis]) == len(laws.basis)
    assert all({sum(e for _, e in monomial) for monomial in law.terms} <= set(degrees) for law in laws.basis)
    assert not any(orthogonality(law, coordinate) for law in laws.basis for coordinate in model.coordinates())


@pytest.mark.parametrize(
    ("spec", "degree"),
    [("linear:2-2-2", 4), ("linear:2-3-2", 3), ("homogeneous:1-2-2+degree2", 3), ("symmetric:1-3", 3), ("conv:2-3", 4)],
)
def test_the_search_agrees_with_the_definition_on_models(spec: str, degree: int) -> None:
    model = parse_model(spec)
    assert polynomial_laws(model, degree, rules=()).kernel_dimension == schoolbook_dimension(model, [degree])


def test_no_parameter_is_seen_and_all_monomials_are_laws() -> None:
    laws = up_to(custom(2, [Polynomial.constant(3)]), 3)
    assert [law.kernel_dimension for law in laws] == [2, 3, 4]
    assert [len(law.new_generators) for law in laws] == [2, 0, 0]


def test_laws_of_mixed_degree_are_found_where_a_coordinate_mixes_degrees() -> None:
    x, y = Polynomial.variable(0), Polynomial.variable(1)
    real, imaginary = x + x * x - y * y, y + (x * y).scaled(2)
    laws = up_to(custom(2, [real]), 4)
    assert not any(law.homogeneous for law in laws)
    assert [law.kernel_dimension for law in laws] == [0, 1, 1, 2]
    assert [len(law.new_generators) for law in laws] == [0, 1, 0, 0]
    assert laws[1].basis == (imaginary,)
    assert functional_rank(laws[3].basis, 2) == 1


def test_coefficients_beyond_machine_integers_stay_exact() -> None:
    x, y, z = (Polynomial.variable(i) for i in range(3))
    large = 10**25 + 13
    laws = polynomial_laws(custom(3, [x * x + (y * y).scaled(large), z * z]), 2)
    assert laws.kernel_dimension == 0
    laws = polynomial_laws(custom(2, [x + y.scaled(large)]), 1)
    assert laws.basis == (x.scaled(large) - y,)


def test_laws_are_primitive_and_come_in_a_fixed_order() -> None:
    for spec, degree in [("linear:3-3-3", 4), ("linear:1-3-1", 4), ("linear:2-2-2+logits", 3)]:
        laws = polynomial_laws(parse_model(spec), degree, rules=()).basis
        assert laws == polynomial_laws(parse_model(spec), degree, rules=()).basis
        for law in laws:
            values = [c for c in law.terms.values() if isinstance(c, int)]
            assert len(values) == len(law.terms)
            assert gcd(*values) == 1
            assert values[0] > 0


@pytest.mark.parametrize(("spec", "degree"), [("linear:3-4-3-4", 2), ("linear:2-2-3", 4), ("linear:2-2-2+logits", 3)])
def test_the_system_may_be_split_by_signs_without_a_change(
    spec: str, degree: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = parse_model(spec)
    whole = polynomial_laws(model, degree, rules=())
    monkeypatch.setattr(_solve, "CHUNK", 50)
    assert polynomial_laws(model, degree, rules=()).basis == whole.basis


@pytest.mark.parametrize(
    "spec", ["linear:2-3-2", "linear:3-2-2+logits", "homogeneous:2-2-2+degree2", "relu:2-2-2+bias"]
)
def test_each_equation_lies_in_one_class_of_signs(spec: str) -> None:
    model = parse_model(spec)
    flat = flatten(model.coordinates(), model.parameters)
    columns = monomials(model.parameters, 3)
    order, begin = classes(columns, flat)
    of_monomial = np.empty(columns.shape[1], dtype=np.int64)
    of_monomial[order] = np.searchsorted(begin, np.arange(len(order)), side="right")
    entries = equations(columns, flat, seed=0)
    classes_of_rows: dict[int, set[int]] = {}
    for row, unknown in zip(entries.row.tolist(), entries.unknown.tolist(), strict=True):
        classes_of_rows.setdefault(row, set()).add(int(of_monomial[unknown]))
    assert {len(found) for found in classes_of_rows.values()} == {1}
    assert len(begin) > 5


def test_a_network_without_logits_has_a_sign_for_each_neuron() -> None:
    model = parse_model("linear:2-3-2")
    codes = sign_codes(flatten(model.coordinates(), model.parameters)).tolist()
    first = np.array(codes[:6], dtype=np.uint64).reshape(2, 3)
    assert len(set(codes)) == 12
    assert (first[0] ^ first[1]).tolist() == [int(first[0, 0] ^ first[1, 0])] * 3


def test_a_polynomial_that_is_no_law_is_named() -> None:
    model = parse_model("linear:2-2-2")
    flat = flatten(model.coordinates(), model.parameters)
    columns = monomials(8, 2)
    vectors = _search.kernel(equations(columns, flat, 0), columns.shape[1], 0)
    assert _identity.violations(columns, vectors, flat, 0) == []
    for entry in range(len(vectors.value)):
        value = vectors.value.copy()
        value[entry] += 1
        wrong = _search.Vectors(vectors.vector, vectors.unknown, value, vectors.count)
        assert _identity.violations(columns, wrong, flat, 0) == [int(vectors.vector[entry])]


def test_the_check_finds_wrong_polynomials_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    model = parse_model("linear:2-2-2")
    flat = flatten(model.coordinates(), model.parameters)
    columns = monomials(8, 2)
    vectors = _search.kernel(equations(columns, flat, 0), columns.shape[1], 0)
    value = vectors.value.copy()
    value[[0, -1]] += 1
    monkeypatch.setattr(_identity, "_ITEMS", 10)
    wrong = _search.Vectors(vectors.vector, vectors.unknown, value, vectors.count)
    assert _identity.violations(columns, wrong, flat, 0) == [0, vectors.count - 1]


@pytest.mark.parametrize("spec", ["linear:2-2-2", "linear:2-3-2", "homogeneous:2-2-2+degree2"])
def test_a_system_without_any_equation_is_noticed(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(*arguments: Any) -> Entries:
        entries = equations(*arguments)
        return Entries(entries.row[:0], entries.unknown[:0], entries.value[:0])

    monkeypatch.setattr(_solve, "equations", empty)
    with pytest.raises(FlowlawError, match=r"Nothing is claimed"):
        polynomial_laws(parse_model(spec), 2, rules=())


def one_entry_changed(entries: Entries, number: int) -> Entries:
    value = entries.value.copy()
    value[number * len(value) // 40] *= 3 if number % 2 else -1
    return Entries(entries.row, entries.unknown, value)


def most_equations_lost(entries: Entries, number: int) -> Entries:
    kept = np.random.default_rng(number).random(int(np.unique(entries.row).size)) < 0.3
    mine = kept[np.cumsum(_system.starts(entries.row)) - 1]
    return Entries(entries.row[mine], entries.unknown[mine], entries.value[mine])


@pytest.mark.parametrize("mutate", [one_entry_changed, most_equations_lost])
def test_a_mutated_system_is_noticed_and_never_gives_a_wrong_law(
    mutate: Callable[[Entries, int], Entries], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of the laws notices a kernel that is too large; one too small shows in the dimension."""
    refused = missing = 0
    for spec in ("homogeneous:2-2-2+degree2", "linear:1-2-1", "conv:3-2", "symmetric:1-3"):
        model = parse_model(spec)
        expected = schoolbook_dimension(model, [2])
        for number in range(40):

            def mutated(*arguments: Any, number: int = number) -> Entries:
                return mutate(equations(*arguments), number)

            monkeypatch.setattr(_solve, "equations", mutated)
            try:
                laws = polynomial_laws(model, 2, rules=()).basis
            except FlowlawError:
                refused += 1
                continue
            assert not any(orthogonality(law, coordinate) for law in laws for coordinate in model.coordinates())
            assert len(laws) <= expected
            missing += len(laws) < expected
    assert refused + missing > 30


@pytest.mark.parametrize("bits", [0, 3, 6, 12])
def test_colliding_names_give_the_right_laws_or_none(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = _system.random_names

    def short(flat: Any, seed: int) -> _system.Names:
        names = honest(flat, seed)
        factor = np.uint64(2 ** (64 - bits) % 2**64)
        return _system.Names(names.variable * factor, names.occurrence * factor)

    expected = polynomial_laws(parse_model("linear:2-2-2"), 2, rules=()).basis
    monkeypatch.setattr(_system, "random_names", short)
    monkeypatch.setattr(_identity, "random_names", short)
    try:
        found = polynomial_laws(parse_model("linear:2-2-2"), 2, rules=()).basis
    except FlowlawError:
        return
    assert found == expected


def test_blocks_that_only_seem_equal_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search, "_MIX", np.uint64(0))
    x = [Polynomial.variable(i) for i in range(8)]
    squares = [v * v for v in x]
    model = custom(8, [squares[0] + squares[1].scaled(2) + squares[2], x[0], squares[3] + squares[4].scaled(3), x[7]])
    expected = schoolbook_dimension(model, [2])
    with suppress(FlowlawError):
        assert polynomial_laws(model, 2, rules=()).kernel_dimension == expected
