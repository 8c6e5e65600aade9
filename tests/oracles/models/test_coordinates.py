"""The coordinates of each model are what its formula says, and have the ranks that the theory lists."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.kernel._models import Paths, read_model
from flowlaw.oracles.kernel._read import Node
from flowlaw.oracles.models import (
    Block,
    Group,
    Mask,
    Model,
    PathLifting,
    PolynomialMap,
    Role,
    from_chains,
    layered,
    parse_model,
)
from flowlaw.oracles.polynomials import Polynomial, Rational

PRIME = 2**31 - 1

Rows = list[list[Rational]]


def random_point(model: Model, seed: int = 0) -> list[Rational]:
    draw = Random(seed)
    return [Fraction(draw.randint(1, 50), draw.randint(1, 9)) for _ in range(model.parameters)]


def matrices(model: Model, point: list[Rational]) -> dict[str, Rows]:
    """The blocks of ``model`` at ``point``; a block with one axis is a column."""
    found: dict[str, Rows] = {}
    start = 0
    for block in model.blocks:
        columns = prod(block.shape[1:])
        entries = point[start : start + block.size]
        found[block.name] = [entries[i : i + columns] for i in range(0, block.size, columns)]
        start += block.size
    return found


def times(a: Rows, b: Rows) -> Rows:
    return [
        [sum((x * y for x, y in zip(row, column, strict=True)), Fraction(0)) for column in zip(*b, strict=True)]
        for row in a
    ]


def values(model: Model, point: list[Rational]) -> list[Rational]:
    return [coordinate.evaluate(point) for coordinate in model.coordinates()]


def jacobian_rank(model: Model, seed: int = 0) -> int:
    """The rank of dphi at a random integer point modulo a prime: at most the generic rank, almost surely equal."""
    draw = Random(seed)
    point = [draw.randrange(1, PRIME) for _ in range(model.parameters)]
    rows: list[dict[int, int]] = []
    for coordinate in model.coordinates():
        row = {v: int(part.evaluate(point)) % PRIME for v, part in coordinate.gradient().items()}
        for pivot_row in rows:
            pivot = min(pivot_row)
            factor = row.get(pivot, 0)
            if factor:
                for column, entry in pivot_row.items():
                    row[column] = (row.get(column, 0) - factor * entry) % PRIME
            row = {column: entry for column, entry in row.items() if entry}
        if row:
            inverse = pow(row[min(row)], -1, PRIME)
            rows.append({column: entry * inverse % PRIME for column, entry in row.items()})
    return len(rows)


@pytest.mark.parametrize("spec", ["linear:3-2", "linear:4-5-2", "linear:2-3-1-2", "linear:1-1-1-1"])
def test_a_linear_network_is_the_product_of_its_blocks(spec: str) -> None:
    model = parse_model(spec)
    point = random_point(model)
    blocks = matrices(model, point)
    result = blocks.pop("U1")
    for block in blocks.values():
        result = times(result, block)
    assert values(model, point) == [entry for row in result for entry in row]


def test_logits_see_only_differences_of_outputs() -> None:
    model, full = parse_model("linear:3-2-4+logits"), parse_model("linear:3-2-4")
    point = random_point(model)
    phi = values(full, point)
    assert values(model, point) == [phi[i * 4 + j] - phi[8 + j] for i in range(2) for j in range(4)]


def test_the_coordinates_of_a_relu_network_are_its_paths() -> None:
    model = parse_model("relu:2-3-2+bias+outbias+skip0:2")
    point = random_point(model)
    w = matrices(model, point)
    paths = [w["W1"][i][j] * w["W2"][j][k] for i, j, k in product(range(2), range(3), range(2))]
    paths += [w["b1"][0][j] * w["W2"][j][k] for j, k in product(range(3), range(2))]
    paths += w["b2"][0] + [w["S0_2"][i][k] for i, k in product(range(2), range(2))]
    assert sorted(values(model, point)) == sorted(paths)


def test_on_positive_weights_and_inputs_the_paths_sum_to_the_network() -> None:
    model = parse_model("relu:2-3-3-2+bias+skip1:3")
    point = random_point(model)
    w = matrices(model, point)
    first = times([[1, 1]], w["W1"])
    first = [[a + b for a, b in zip(first[0], w["b1"][0], strict=True)]]
    second = [[a + b for a, b in zip(times(first, w["W2"])[0], w["b2"][0], strict=True)]]
    outputs = zip(times(second, w["W3"])[0], times(first, w["S1_3"])[0], strict=True)
    assert sum(values(model, point)) == sum(a + b for a, b in outputs)


def test_symmetric_diagonal_and_monomial_maps_are_their_formulas() -> None:
    model = parse_model("symmetric:3-2")
    point = random_point(model)
    u = matrices(model, point)["U"]
    gram = times(u, [list(column) for column in zip(*u, strict=True)])
    assert values(model, point) == [gram[i][k] for i in range(3) for k in range(i, 3)]
    assert values(parse_model("diagonal:2"), [5, 7, 2, 3]) == [21, 40]
    assert values(parse_model("monomial:4"), [2, 3, 5, 7]) == [210]


def test_a_homogeneous_network_has_the_coefficients_of_its_powers() -> None:
    model = parse_model("homogeneous:2-3-2+degree2")
    point = random_point(model)
    w = matrices(model, point)
    expected = [
        sum(w["U"][i][j] * w["V"][k][j] * w["V"][m][j] for j in range(3))
        for i in range(2)
        for k, m in ((0, 0), (0, 1), (1, 1))
    ]
    assert values(model, point) == expected


def test_a_strided_convolution_has_the_filter_of_the_theory() -> None:
    assert values(parse_model("conv:2-2+stride2"), [1, 2, 3, 5]) == [3, 6, 5, 10]


@pytest.mark.parametrize("spec", ["conv:3-2-2", "conv:2-3-2+stride2-3", "conv:4-2+stride3"])
def test_the_end_to_end_filter_does_what_the_layers_do(spec: str) -> None:
    model = parse_model(spec)
    point = random_point(model)
    whole = values(model, point)
    strides = {"conv:3-2-2": [1, 1, 1], "conv:2-3-2+stride2-3": [2, 3, 1], "conv:4-2+stride3": [3, 1]}[spec]
    draw = Random(1)
    signal: list[Rational] = [draw.randint(-9, 9) for _ in range(40)]
    layer = signal
    for stride, block in zip(strides, matrices(model, point).values(), strict=True):
        size = len(block)
        layer = [sum(block[j][0] * layer[i + j] for j in range(size)) for i in range(0, len(layer) - size + 1, stride)]
    step = prod(strides)
    for i in range(3):
        assert layer[i] == sum(c * signal[i * step + power] for power, c in enumerate(whole))


RANKS = [
    # A1.two-layer-linear.count: D and dim W.
    ("linear:1-1-1", 2, 1),
    ("linear:1-2-2", 6, 2),
    ("linear:2-1-2", 4, 3),
    ("linear:2-2-2", 8, 4),
    ("linear:2-2-3", 10, 6),
    ("linear:3-3-3", 18, 9),
    # A1.relu.path-lifting.count: D and rank.
    ("relu:2-3-2", 12, 9),
    ("relu:2-3-2+bias", 15, 12),
    ("relu:2-2-3-2", 16, 11),
    ("relu:2-2-3-2+bias", 21, 16),
    ("relu:2-2-2-2+skip0:3", 16, 12),
    ("relu:2-3-3-2+skip0:2+skip1:3+skip0:3+bias+outbias", 45, 39),
    ("relu:2-2-2+outbias", 10, 8),
    # A5.lcn.laws: rank of the differential.
    ("conv:2-2", 4, 3),
    ("conv:3-2", 5, 4),
    ("conv:3-3", 6, 5),
    ("conv:2-2+stride2", 4, 3),
    ("conv:3-2+stride2", 5, 4),
    ("conv:3-3+stride2", 6, 5),
    ("conv:2-3-2+stride2-2", 7, 5),
    ("conv:3-2-3+stride3-2", 8, 6),
    ("monomial:4", 4, 1),
    ("diagonal:3", 6, 3),
]


@pytest.mark.parametrize(("spec", "parameters", "rank"), RANKS)
def test_the_rank_of_the_differential_is_the_tabled_one(spec: str, parameters: int, rank: int) -> None:
    model = parse_model(spec)
    assert model.parameters == parameters
    assert jacobian_rank(model) == rank


def test_the_dag_of_the_theory_has_ninety_six_paths() -> None:
    model = layered((2, 3, 3, 2), bias=True, outbias=True, skips=((0, 2), (1, 3), (0, 3)))
    assert model.coordinate_terms() == 96 == len(model.coordinates())
    assert model.hidden == 6


SIZES = [
    *(spec for spec, _, _ in RANKS),
    "linear:3-2-4+logits",
    "homogeneous:2-3-3+degree3",
    "symmetric:3-2",
    "conv:3-2-2",
    "dag:x:2,h:3,y:1/x-h-y,x-y",
]


@pytest.mark.parametrize("spec", SIZES)
def test_the_number_of_terms_is_known_before_they_are_written(spec: str) -> None:
    model = parse_model(spec)
    coordinates = model.coordinates()
    assert sum(len(coordinate.terms) for coordinate in coordinates) == model.coordinate_terms()
    used = {variable for coordinate in coordinates for variable in coordinate.variables()}
    assert used == set(range(model.parameters))
    for coordinate in coordinates:
        for monomial in coordinate.terms:
            assert list(monomial) == sorted(monomial)


def test_kernel_forms_are_plain_data() -> None:
    assert parse_model("linear:2-3+logits").kernel_form() == {
        "kind": "linear",
        "widths": [2, 3],
        "output": "zero-sum",
    }
    assert parse_model("relu:2-3-1+bias").kernel_form() == {
        "kind": "paths",
        "groups": [
            {"size": 2, "role": "source"},
            {"size": 1, "role": "source"},
            {"size": 3, "role": "hidden"},
            {"size": 1, "role": "output"},
        ],
        "links": [[0, 2], [1, 2], [2, 3]],
    }
    half = PolynomialMap("half", (Block("x", (2,)),), (Polynomial({((0, 1), (1, 2)): Fraction(-3, 2)}),))
    assert half.kernel_form() == {
        "kind": "polynomial",
        "parameters": 2,
        "coordinates": [[["-3/2", [[0, 1], [1, 2]]]]],
    }


@pytest.mark.parametrize("spec", SIZES)
def test_the_kernel_numbers_parameters_and_coordinates_in_the_same_way(spec: str) -> None:
    model = parse_model(spec)
    form = read_model(model.kernel_form())
    assert form.parameters == model.parameters
    coordinates = model.coordinates()
    assert form.program(101).dimension == len(coordinates)
    if isinstance(form, Paths):
        assert [sorted(path) for path in form.paths] == [
            [variable for variable, _ in monomial] for (monomial,) in (phi.terms for phi in coordinates)
        ]
    else:
        read = [form.coordinate(Node(i, "a coordinate")) for i in range(len(coordinates))]
        assert [Polynomial(one.terms).scaled(Fraction(1, one.below)) for one in read] == list(coordinates)


@st.composite
def networks(draw: st.DrawFn) -> PathLifting:
    """Random DAGs of groups on paths from sources to outputs, declared in a random order."""
    count = draw(st.integers(2, 6))
    names = [f"n{i}" for i in range(count)]
    pairs = [(a, b) for b in range(count) for a in range(b)]
    links = draw(st.lists(st.sampled_from(pairs), min_size=1, unique=True))
    used = sorted({i for link in links for i in link})
    order = draw(st.permutations(used))
    sizes = {names[i]: draw(st.integers(1, 3)) for i in order}
    return from_chains(sizes, [(names[a], names[b]) for a, b in links])


@given(networks())
def test_paths_of_random_networks_are_as_many_as_counted_and_conserve(model: PathLifting) -> None:
    assert parse_model(model.spec) == model
    assert all(a < b for a, b in model.links)
    paths = list(model.paths())
    assert len(paths) == len(set(paths)) == model.coordinate_terms()
    incidence = PolynomialMap("squares", (Block("x", (model.parameters,)),), model.coordinates())
    assert jacobian_rank(incidence) == model.parameters - model.hidden


def test_a_cycle_is_refused_by_its_name() -> None:
    roles: list[Role] = ["source", "hidden", "hidden", "output"]
    groups = tuple(Group(name, 1, role) for name, role in zip("xaby", roles, strict=True))
    with pytest.raises(BadInput, match="cycle: a -> b -> a"):
        PathLifting(groups, ((0, 1), (1, 2), (2, 1), (2, 3)))


@pytest.mark.parametrize(
    ("roles", "links", "reason"),
    [
        (("source", "hidden", "output"), ((0, 1), (0, 2)), "hidden group 'h' is on no path"),
        (("source", "hidden", "output"), ((1, 2), (0, 2)), "hidden group 'h' is on no path"),
        (("source", "source", "output"), ((0, 2),), "source group 'h' is on no path"),
        (("source", "output", "output"), ((0, 2),), "output group 'h' is on no path"),
        (("source", "source", "output"), ((0, 1), (1, 2)), "source 'h' has an incoming link"),
        (("source", "output", "output"), ((0, 1), (1, 2)), "output 'h' has an outgoing link"),
        (("source", "hidden", "output"), ((0, 1), (1, 3)), "does not exist"),
    ],
)
def test_dead_structure_is_refused(roles: tuple[Role, ...], links: tuple[tuple[int, int], ...], reason: str) -> None:
    groups = tuple(Group(name, 2, role) for name, role in zip("xhy", roles, strict=True))
    with pytest.raises(BadInput, match=reason):
        PathLifting(groups, links)


def test_paths_of_a_wide_network_can_be_read_one_by_one() -> None:
    model = parse_model("relu:1000-1000-1000-1000")
    assert isinstance(model, PathLifting)
    assert model.coordinate_terms() == 10**12
    first = next(iter(model.paths()))
    assert first == ((0, 1), (1_000_000, 1), (2_000_000, 1))
    with pytest.raises(TooLarge):
        model.coordinates()


def test_a_mask_must_fit_its_block() -> None:
    with pytest.raises(BadInput, match="does not fit"):
        PolynomialMap("bad", (Block("U", (2,)),), (), (Mask("U", (2, 2), (None, 0, 0, 0)),))


def test_a_coordinate_uses_only_parameters_that_exist() -> None:
    with pytest.raises(BadInput, match="uses parameter 5"):
        PolynomialMap("bad", (Block("U", (2,)),), (Polynomial.variable(5),))
