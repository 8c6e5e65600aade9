"""Complete sets of laws: the tables of the theory, each proved by a certificate that the kernel accepts."""

import csv
from pathlib import Path
from typing import Any

import pytest

import flowlaw
from flowlaw.oracles.certificates import canonical
from flowlaw.oracles.errors import FlowlawError, TooLarge
from flowlaw.oracles.kernel import verify_text
from flowlaw.oracles.lie import Completeness, balance_rank, find_completeness
from flowlaw.oracles.models import Block, DeepLinear, PolynomialMap, layered, parse_model
from flowlaw.oracles.polynomials import Polynomial

assert flowlaw.__file__ is not None
CASES = Path(flowlaw.__file__).parent / "properties" / "lawbook" / "data" / "a1-notebook-cases.csv"
ROWS = list(csv.DictReader(CASES.read_text(encoding="utf-8").splitlines()))


def proved(found: Completeness) -> bool:
    """Whether a certificate is there and the kernel accepts its text, saying the same numbers."""
    if found.certificate is None:
        return False
    claim: Any = found.certificate["claim"]
    assert claim["parameters"] == found.parameters
    assert claim["independent_laws"] == found.independent_laws == found.parameters - found.lie_dimension
    assert claim["lie_dimension"] == found.lie_dimension
    return verify_text(canonical(found.certificate)).accepted


def test_all_120_networks_of_the_notebooks_are_there() -> None:
    assert len(ROWS) == 120


@pytest.mark.parametrize("number", range(120))
def test_a_network_of_the_notebooks_has_its_known_laws_and_no_others(number: int) -> None:
    row = ROWS[number]
    widths = [int(width) for width in row["list_dim"].split("-")]
    if row["kind"].startswith("linear"):
        model = DeepLinear(tuple(widths))
    else:
        model = layered(tuple(widths[::-1]), bias=row["bias"] == "1")  # the list names the output first
    found = find_completeness(model, levels=False)
    assert proved(found)
    assert found.rule == ("local" if row["kind"].startswith("linear") else "paths")
    assert (found.parameters, found.independent_laws) == (int(row["D"]), int(row["known_laws"]))


TWO_LAYER = """
1 1 1 2 1 1 1 | 1 1 2 4 1 1 3 | 1 1 3 6 1 1 5 | 1 1 4 8 1 1 7 | 1 2 1 3 2 2 1 | 1 2 2 6 2 3 3 | 1 2 3 9 2 3 6
1 2 4 12 2 3 9 | 1 2 5 15 2 3 12 | 1 2 6 18 2 3 15 | 2 2 1 4 3 3 1 | 2 2 2 8 4 5 3 | 2 2 3 12 4 6 6 | 2 2 4 16 4 6 10
2 2 5 20 4 6 14 | 1 3 2 8 3 5 3 | 1 3 4 16 3 6 10 | 1 3 5 20 3 6 14 | 2 3 2 10 6 7 3 | 2 3 4 20 6 10 10
3 3 3 18 9 12 6
"""
TWO_LAYER_ROWS = [tuple(map(int, row.split())) for line in TWO_LAYER.strip().splitlines() for row in line.split("|")]


@pytest.mark.parametrize("structure", [True, False], ids=["rules", "dense"])
@pytest.mark.parametrize("row", TWO_LAYER_ROWS, ids=lambda row: "-".join(map(str, row[:3])))
def test_two_layer_linear_networks_have_the_counts_of_the_table(row: tuple[int, ...], structure: bool) -> None:
    """A1.two-layer-linear.count: n, m, r, D, dim W, dim Lie, laws."""
    n, m, r, *expected = row
    found = find_completeness(DeepLinear((n, r, m)), structure=structure)
    assert proved(found)
    assert [found.parameters, found.w_dimension, found.lie_dimension, found.independent_laws] == expected


@pytest.mark.parametrize(
    ("n", "m", "r", "laws"),
    [(2, 1, 1, 2), (2, 2, 1, 2), (2, 2, 2, 5), (3, 2, 2, 5), (3, 1, 2, 5), (2, 1, 3, 8), (2, 2, 3, 9)],
)
def test_cross_entropy_on_logits_adds_the_column_sums(n: int, m: int, r: int, laws: int) -> None:
    """A1.two-layer-linear.logit-ce."""
    found = find_completeness(DeepLinear((n, r, m), logits=True))
    assert proved(found)
    assert found.independent_laws == laws


@pytest.mark.parametrize(("n", "m"), [(2, 1), (2, 3), (4, 2)])
def test_one_layer_with_logits_keeps_its_column_sums_only(n: int, m: int) -> None:
    found = find_completeness(DeepLinear((n, m), logits=True))
    assert proved(found)
    assert found.independent_laws == m


@pytest.mark.parametrize("spec", ["linear:3-4", "relu:2-3+outbias", "linear:1-1"])
def test_a_single_layer_has_no_law(spec: str) -> None:
    found = find_completeness(parse_model(spec))
    assert proved(found)
    assert found.independent_laws == 0


@pytest.mark.parametrize(
    ("spec", "size", "rank", "laws"),
    [
        # A1.relu.path-lifting.count
        ("relu:2-3-2", 12, 9, 3),
        ("relu:2-3-2+bias", 15, 12, 3),
        ("relu:2-2-3-2", 16, 11, 5),
        ("relu:2-2-3-2+bias", 21, 16, 5),
        ("relu:2-2-2-2+skip0:3", 16, 12, 4),
        ("relu:2-3-3-2+bias+outbias+skip0:2+skip1:3+skip0:3", 45, 39, 6),
        ("relu:2-2-2+outbias", 10, 8, 2),
    ],
)
@pytest.mark.parametrize("structure", [True, False], ids=["rules", "dense"])
def test_relu_networks_have_one_law_a_hidden_neuron(
    spec: str, size: int, rank: int, laws: int, structure: bool
) -> None:
    found = find_completeness(parse_model(spec), structure=structure)
    assert proved(found)
    assert (found.parameters, found.w_dimension, found.lie_dimension, found.independent_laws) == (
        size,
        rank,
        rank,
        laws,
    )


SQUARE_WIDTHS = ((1, 2, (1, 2, 3)), (2, 1, (2,)), (2, 2, (1, 2, 3)), (1, 3, (2,)), (3, 1, (2, 3)), (1, 1, (2, 3)))


@pytest.mark.parametrize(
    ("spec", "laws"),
    [
        # A1.homogeneous-activation, A1.symmetric-and-diagonal-factorisations
        *[(f"homogeneous:{n}-{r}-{m}+degree2", 2 * r - 1 if n == m == 1 else r)
          for n, m, rs in SQUARE_WIDTHS
          for r in rs],
        *[(f"diagonal:{r}", r) for r in (1, 2, 5)],
        *[(f"monomial:{n}", n - 1) for n in (1, 2, 3, 6)],
        *[(f"symmetric:{n}-{r}", n * max(0, r - n)) for n, r in ((1, 2), (2, 2), (2, 3), (2, 5), (3, 2), (3, 4))],
    ],
)  # fmt: skip
def test_other_factorisations_have_the_counts_of_the_theory(spec: str, laws: int) -> None:
    found = find_completeness(parse_model(spec))
    assert proved(found)
    assert found.independent_laws == laws


@pytest.mark.parametrize(
    ("widths", "levels"),
    [
        # A1.alg.lie-trace
        ((5, 5, 4, 4, 5), (24, 46)),
        ((2, 4, 5, 2, 2), (4, 9, 13, 14)),
        ((2, 4, 5, 2), (4, 8, 12, 13)),
        ((4, 5, 2), (8, 15)),
    ],
)
def test_ranks_grow_level_by_level_as_published(widths: tuple[int, ...], levels: tuple[int, ...]) -> None:
    """4-5-2 is the network on which the authors' shortcut stagnates at 14 of 15."""
    found = find_completeness(DeepLinear(widths))
    assert found.level_ranks == levels
    assert found.lie_dimension == levels[-1]
    assert proved(found)


@pytest.mark.parametrize("widths", [(2, 3, 2), (1, 5, 1), (2, 6, 1, 3), (4, 2, 7, 2), (1, 1, 1)])
def test_the_balances_have_their_known_rank(widths: tuple[int, ...]) -> None:
    """A1.deep-linear.known-laws, by the exact rank of the gradients at a random point."""
    from random import Random

    from flint import fmpz_mat

    model, draw = DeepLinear(widths), Random(0)
    point = [draw.randint(-99, 99) for _ in range(model.parameters)]
    rows = [
        [int(law.derivative(v).evaluate(point)) for v in range(model.parameters)]
        for family in model.known_laws()
        for law in family.polynomials()
    ]
    assert fmpz_mat(rows).rank() == balance_rank(widths)


X = [Polynomial.variable(i) for i in range(3)]
NEURON = PolynomialMap("neuron", (Block("u", (1,)), Block("v", (2,))), (X[0] * X[1], X[0] * X[2]))


def test_a_set_that_lacks_a_law_is_not_called_complete() -> None:
    """One neuron u v^T as a user's own map, of which no law is declared."""
    found = find_completeness(NEURON)
    assert not found.complete
    assert found.certificate is None
    assert (found.rule, found.lie_dimension, found.independent_laws) == ("none", 2, 0)


def test_a_law_found_elsewhere_completes_the_set() -> None:
    found = find_completeness(NEURON, [X[0] ** 2 - X[1] ** 2 - X[2] ** 2])
    assert proved(found)
    assert (found.rule, found.independent_laws) == ("dense", 1)


def test_a_polynomial_that_is_no_law_never_enters_a_certificate() -> None:
    with pytest.raises(FlowlawError, match="does not accept it: a law is not orthogonal"):
        find_completeness(NEURON, [X[0] ** 2 - X[1] ** 2 + X[2] ** 2])


def test_one_seed_gives_one_certificate() -> None:
    for spec in ("linear:4-5-2", "linear:1-2-2-1", "symmetric:2-3", "homogeneous:2-3-2+degree2"):
        texts = {canonical(find_completeness(parse_model(spec), seed=5).certificate or {}) for _ in range(2)}
        assert len(texts) == 1


def test_networks_of_millions_of_parameters_are_proved_by_structure() -> None:
    for spec, size in (("linear:1000-1000-1000-1000", 3 * 10**6), ("relu:1000-1000-1000-10+bias", 2_012_000)):
        found = find_completeness(parse_model(spec), levels=False)
        assert proved(found)
        assert found.parameters == size
        assert len(canonical(found.certificate or {})) < 100_000


def test_a_dense_certificate_of_a_large_network_is_refused_before_it_starts() -> None:
    with pytest.raises(TooLarge):
        find_completeness(parse_model("relu:50-50-50-50"), structure=False, levels=False)


def test_narrow_ends_need_deep_brackets() -> None:
    """2-20-20-2: sixty directions from four generators; brackets of depth 20 and more."""
    found = find_completeness(parse_model("linear:2-20-20-2"), structure=False, levels=False)
    assert proved(found)
    assert (found.parameters, found.lie_dimension) == (480, 60)
    witness: Any = (found.certificate or {})["witness"]
    assert witness["orders"] >= 20
