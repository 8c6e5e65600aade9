"""Known laws: each is a law, agrees with its matrix form, and stops being one when a sign is changed."""

from __future__ import annotations

import pickle

import pytest

from flowlaw.oracles.errors import TooLarge
from flowlaw.oracles.expressions import evaluate, parse
from flowlaw.oracles.models import Block, PolynomialMap, known_laws, law_tex, law_text, parameter_name, parse_model
from flowlaw.oracles.polynomials import Polynomial, orthogonality

FAMILIES: list[tuple[str, dict[str, int]]] = [
    ("linear:4-5-2", {"balance": 15}),
    ("linear:2-3-2-1", {"balance": 9}),
    ("linear:3-4+logits", {"output-sums": 4}),
    ("linear:2-2-2+logits", {"output-sums": 2, "balance": 3}),
    ("linear:3-2-2-2+logits", {"output-sums": 2, "balance": 6}),
    ("relu:2-1", {}),
    ("relu:3-5-2+bias", {"neuron-balance": 5}),
    ("relu:2-3-3-2+bias+outbias+skip0:2+skip1:3", {"neuron-balance": 6}),
    ("dag:x:2,h:3,k:2,y:1/x-h-y,x-k-y,h-k", {"neuron-balance": 5}),
    ("monomial:4", {"balance": 3}),
    ("monomial:1", {}),
    ("symmetric:2-3", {}),
    ("diagonal:3", {"products": 3}),
    ("homogeneous:2-3-2+degree1", {"neuron-balance": 3}),
    ("homogeneous:2-3-2+degree2", {"neuron-balance": 3}),
    ("homogeneous:1-2-3+degree3", {"neuron-balance": 2}),
    ("conv:3-2-2", {"filter-balance": 2}),
    ("conv:3-2+stride2", {"filter-balance": 1}),
]


@pytest.mark.parametrize(("spec", "counts"), FAMILIES)
def test_each_known_law_is_orthogonal_to_every_coordinate(spec: str, counts: dict[str, int]) -> None:
    model = parse_model(spec)
    found: dict[str, int] = {}
    for family in known_laws(model):
        laws = family.polynomials()
        found[family.name] = found.get(family.name, 0) + len(laws)
        assert len(laws) == len(set(laws)) == family.count
        assert sum(len(law.terms) for law in laws) <= family.terms
        for law in laws:
            assert law.degree >= 1
            assert not any(orthogonality(law, coordinate) for coordinate in model.coordinates())
    assert found == counts


@pytest.mark.parametrize(("spec", "counts"), FAMILIES)
def test_the_matrix_form_of_a_family_spells_its_polynomials(spec: str, counts: dict[str, int]) -> None:
    model = parse_model(spec)
    for family in known_laws(model):
        entries = evaluate(parse(family.matrix_form), model).entries
        assert {entry for entry in entries if entry} == set(family.polynomials())
        assert family.says
        assert family.tex
        assert pickle.loads(pickle.dumps(family)).polynomials() == family.polynomials()
    assert bool(counts) == bool(known_laws(model))


@pytest.mark.parametrize(("spec", "counts"), [pair for pair in FAMILIES if pair[1]])
def test_a_known_law_with_one_sign_changed_is_no_law(spec: str, counts: dict[str, int]) -> None:
    model = parse_model(spec)
    law = known_laws(model)[-1].polynomials()[-1]
    monomial, c = next(iter(law.terms.items()))
    wrong = Polynomial({**law.terms, monomial: -c}) if len(law.terms) > 1 else law * law + Polynomial.variable(0)
    assert counts
    assert any(orthogonality(wrong, coordinate) for coordinate in model.coordinates())


def test_column_sums_are_laws_of_logits_only() -> None:
    sums = known_laws(parse_model("linear:3-2-2+logits"))[0].polynomials()
    full = parse_model("linear:3-2-2").coordinates()
    assert any(orthogonality(law, coordinate) for law in sums for coordinate in full)


def test_leaving_out_the_bias_breaks_the_balance_of_a_biased_neuron() -> None:
    model = parse_model("relu:2-2-1+bias")
    law = evaluate(parse("diag(W1.T*W1) - diag(W2*W2.T)"), model).entries[0]
    assert any(orthogonality(law, coordinate) for coordinate in model.coordinates())


def test_laws_of_a_wide_network_are_counted_without_being_written() -> None:
    (family,) = known_laws(parse_model("linear:10-100000-10"))
    assert family.count == 100_000 * 100_001 // 2
    with pytest.raises(TooLarge, match="terms"):
        family.polynomials()


def test_a_map_of_which_nothing_is_known_declares_nothing() -> None:
    assert known_laws(PolynomialMap("any", (Block("x", (2,)),), (Polynomial.variable(0),))) == ()


@pytest.mark.parametrize(("spec", "counts"), FAMILIES)
def test_the_text_of_a_law_is_read_back_as_the_same_law(spec: str, counts: dict[str, int]) -> None:
    del counts
    model = parse_model(spec)
    for polynomial in (*model.coordinates(), *(law for f in known_laws(model) for law in f.polynomials())):
        text = law_text(polynomial, model)
        assert evaluate(parse(text), model).entries == (polynomial,)
        assert law_tex(polynomial, model)


def test_laws_read_as_a_person_would_write_them() -> None:
    model = parse_model("linear:1-2-1")
    first, mixed, _ = known_laws(model)[0].polynomials()
    assert law_text(first, model) == "U1[1,1]^2 - U2[1,1]^2"
    assert law_text(mixed, model) == "U1[1,1]*U1[1,2] - U2[1,1]*U2[2,1]"
    assert law_tex(first, model) == "(U_{1})_{1,1}^{2} - (U_{2})_{1,1}^{2}"
    half = mixed.scaled(-3).scaled(1) + Polynomial.constant(7)
    assert law_text(half, model) == "-3*U1[1,1]*U1[1,2] + 3*U2[1,1]*U2[2,1] + 7"
    assert law_text(Polynomial(), model) == "0"


def test_parameters_are_named_by_block_and_indices_from_one() -> None:
    model = parse_model("relu:2-3-1+bias")
    assert parameter_name(model, 0) == "W1[1,1]"
    assert parameter_name(model, 5) == "W1[2,3]"
    assert parameter_name(model, 6) == "b1[1,1]"
    assert parameter_name(parse_model("monomial:3"), 2) == "x[3]"
    with pytest.raises(IndexError):
        parameter_name(model, model.parameters)
