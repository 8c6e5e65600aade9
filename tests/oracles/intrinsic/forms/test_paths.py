"""Recovery of squares over Q, pieces of path liftings, and what their closed forms claim and refuse."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import NotClaimed, closed_form
from flowlaw.oracles.intrinsic.forms import paths as forms
from flowlaw.oracles.intrinsic.paths import recover as recovery
from flowlaw.oracles.intrinsic.paths.recover import Recovered, law_values, recover_squares, squares_of
from flowlaw.oracles.intrinsic.paths.representative import representative
from flowlaw.oracles.intrinsic.paths.wiring import neuron_names, pieces, wiring
from flowlaw.oracles.models import PathLifting, parse_model

F = Fraction
SPECS = (
    "relu:1-1-1-1",
    "relu:2-3-2+bias+outbias",
    "relu:2-2-2-1+bias+skip0:2",
    "dag:x:2,h:2,g:1,y:2/x-h-y,x-g-y,h-g,x-y",
)


def read(spec: str) -> PathLifting:
    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def weights(model: PathLifting, seed: int) -> list[F]:
    random = Random(seed)
    return [F(random.choice((-1, 1)) * random.randint(1, 9), random.randint(1, 5)) for _ in range(model.parameters)]


def lifted(model: PathLifting, point: Sequence[F | int]) -> list[F]:
    return [F(p.evaluate(point)) for p in model.coordinates()]


def inside(squares: Sequence[F], found: Recovered) -> bool:
    bounds = map(found.bounds, range(len(squares)))
    return all(low <= square <= high for square, (low, high) in zip(squares, bounds, strict=True))


@pytest.mark.parametrize("spec", SPECS)
def test_squares_come_back_exactly_from_the_paths_and_the_laws(spec: str) -> None:
    model = read(spec)
    for seed in range(3):
        point = weights(model, seed)
        other = representative(model, lifted(model, point))
        assert lifted(model, other) == lifted(model, point)
        found = recover_squares(model, squares_of(other), law_values(model, point))
        assert found.exact
        assert found.squares == squares_of(point)
        assert seed or squares_of(other) != squares_of(point)


@pytest.mark.parametrize("spec", SPECS)
def test_any_laws_have_squares_enclosed_to_the_digits_asked_for(spec: str) -> None:
    model, random = read(spec), Random(7)
    point = weights(model, 1)
    laws = [F(random.randint(-60, 60), 3) for _ in range(model.hidden)]
    found, better = (recover_squares(model, squares_of(point), laws, digits=digits) for digits in (20, 60))
    assert found.radius <= F(1, 10**20)
    assert better.radius <= F(1, 10**60)
    for edge, square in enumerate(better.squares):
        low, high = found.bounds(edge)
        assert low <= square <= high
    off = [abs(F(a) - b) for a, b in zip(wiring(model).balances(better.squares), laws, strict=True)]
    assert max(off) <= 3 * better.radius * sum(better.squares)
    for path, value in zip(model.paths(), lifted(model, point), strict=True):
        product = F(1)
        for edge, _ in path:
            product *= better.squares[edge]
        assert product == value**2  # squares of the orbit, however far from the solution


def test_an_enclosure_contains_the_solution_also_from_far_away_and_is_refused_from_too_far() -> None:
    model = read("relu:2-2-2-1+bias+skip0:2")
    point = weights(model, 3)
    laws, truth = [F(h) for h in law_values(model, point)], squares_of(point)
    seen = 0
    for step in range(1, 40):
        ratios = [F(1) + F((-1) ** v * (v + 1) * step, 8000) for v in range(model.hidden)]
        found = recovery.enclosed(model, truth, laws, ratios)
        if found is None:
            continue
        seen += 1
        assert inside(truth, found)
    assert 5 <= seen < 39
    assert recovery.enclosed(model, truth, laws, [F(100)] * model.hidden) is None


@pytest.mark.parametrize("step", [F(1, 7), F(1, 10), F(-1, 10), F(1, 10**6)])
def test_an_enclosure_is_hardly_wider_than_it_must_be(step: F) -> None:
    model = read("relu:1-1-1")
    truth = [(1 + step) ** 2, F(1)]  # with z = 1 + step, from the squares 1 + step, 1 + step
    found = recovery.enclosed(model, [1 + step, 1 + step], [truth[0] - truth[1]], [F(1)])
    assert found is not None
    assert inside(truth, found)
    assert abs(step) / 2 < found.radius < 3 * abs(step)  # log(1 + step) is what it is


def test_wrong_laws_are_outside_of_the_enclosure() -> None:
    model = read("relu:2-3-2+bias")
    point = weights(model, 5)
    laws = [F(h) for h in law_values(model, point)]
    laws[0] += F(1, 1000)
    found = recover_squares(model, squares_of(point), laws, digits=20)
    truth = squares_of(point)
    assert not inside(truth, found)


def test_the_root_above_is_above_and_near() -> None:
    root = recovery._root_above  # pyright: ignore[reportPrivateUsage] -- enclosures rest on it
    for value in (F(2), F(1, 10**80), F(7, 3) * 10**50, F(9, 4), F(10**30 + 1, 10**30)):
        assert value <= root(value) ** 2 <= value * F(1003, 1000)
    assert root(F(0)) == 0


def test_recovery_refuses_what_it_cannot_do() -> None:
    model = read("relu:2-3-2+bias")
    ones = [F(1)] * model.parameters
    with pytest.raises(BadInput, match="15 edges and 3 laws; 15 squares and 2"):
        recover_squares(model, ones, [0, 0])
    with pytest.raises(BadInput, match="not positive"):
        recover_squares(model, [F(0), *ones[1:]], [0, 0, 0])
    with pytest.raises(BadInput, match="digits"):
        recover_squares(model, ones, [0, 0, 0], digits=0)
    with pytest.raises(TooLarge, match="bits"):
        recover_squares(model, [F(10**7000), *ones[1:]], [0, 0, 0])
    wide = read("relu:1-61-1")
    with pytest.raises(TooLarge, match="61 hidden neurons"):
        recover_squares(wide, [1] * wide.parameters, [0] * 61)
    with pytest.raises(TooLarge, match="paths"):
        representative(read("relu:30-30-30-30"), [])
    with pytest.raises(BadInput, match="12 paths; 1 values"):
        representative(read("relu:2-3-2"), [1])
    with pytest.raises(BadInput, match=r"Path 2 .* the value 0"):
        representative(read("relu:2-1-1"), [1, 0])
    with pytest.raises(BadInput, match="path 4 would have to be 6 and is 7"):
        representative(read("relu:2-1-2"), [1, 2, 3, 7])


def test_a_point_far_from_balance_is_recovered_too() -> None:
    model = read("relu:1-1-1-1")
    point = [F(10**9), F(1, 10**6), F(3)]
    found = recover_squares(model, squares_of(representative(model, lifted(model, point))), law_values(model, point))
    assert found.exact
    assert found.squares == squares_of(point)
    assert Recovered((F(1),), F(0)).exact


def test_pieces_are_neurons_rows_or_whole_graphs() -> None:
    shapes = {spec: pieces(read(spec)) for spec in ("relu:2-3-2+bias", "relu:2-1-1-2", "relu:2-1-1-2+bias")}
    assert [piece.neurons for piece in shapes["relu:2-3-2+bias"]] == [(0,), (1,), (2,)]
    second = shapes["relu:2-3-2+bias"][1].row
    assert second is not None
    assert (second.entering, second.leaving) == ((1, 4, 7), (11, 12))
    (row,) = shapes["relu:2-1-1-2"]
    assert row.row is not None
    assert (row.row.entering, row.row.inner, row.row.leaving) == ((0, 1), (2,), (3, 4))
    (biased,) = shapes["relu:2-1-1-2+bias"]  # the bias enters the second neuron
    assert biased.row is None
    assert neuron_names(read("relu:2-2-2")) == ("L1_1", "L1_2")
    model = read("dag:x:1,h:1,g:1,k:1,y:1/x-h-g-y,x-k-y,x-y")
    assert [piece.neurons for piece in pieces(model)] == [(0, 1), (2,)]
    assert wiring(model).direct == (model.parameters - 1,)


@pytest.mark.parametrize(
    ("spec", "name", "theorem"),
    [
        ("relu:2-3-2+bias", "neurons", "A3.path-lifting.closed-forms"),
        ("relu:2-1-1-2", "rows", "A3.path-lifting.closed-forms"),
        ("relu:2-2-2-1", "paths", "A3.path-lifting.recover"),
        ("relu:3-1", "neurons", "A3.path-lifting.closed-forms"),
    ],
)
def test_the_form_says_which_theorem_it_rests_on_and_keeps_the_laws(spec: str, name: str, theorem: str) -> None:
    model = read(spec)
    point = weights(model, 2)
    form = closed_form(model, point)
    assert (form.name, form.theorem) == (name, theorem)
    assert form.domain
    assert list(form.invariants.values()) == list(law_values(model, point))
    assert list(form.invariants) == [f"h_{neuron}" for neuron in neuron_names(model)]


@pytest.mark.parametrize(
    ("spec", "point", "domain"),
    [
        ("relu:2-1-1", (1, 0, 2), "all z"),  # u^2 is the larger one: u = 0 is not on the level set
        ("relu:2-1-1", (3, 0, 2), "Z not 0"),
        ("relu:2-1-1", (0, 0, 1), "all z"),
        ("relu:2-1-1", (0, 0, 0), "all z"),
        ("relu:1-1-2", (2, 0, 0), "all z"),
        ("relu:1-1-1-1", (0, 0, 3), "all z"),
        ("relu:2-1-1-2", (0, 1, 1, 0, 1), "row"),
        ("relu:2-2-1+skip0:2", (1, 2, 3, 4, 5, 6, 0, 0), "all z"),  # a zero skip is a coordinate like any other
    ],
)
def test_zero_weights_that_do_no_harm_are_admitted(spec: str, point: tuple[int, ...], domain: str) -> None:
    assert domain in closed_form(read(spec), point).domain


@pytest.mark.parametrize(
    ("spec", "point", "message"),
    [
        ("relu:2-1-1", (1, 0, 0), r"L1_1 of relu:2-1-1 are zero, because of W2\[1,1\]"),
        ("relu:1-1-2", (0, 1, 2), r"because of W1\[1,1\]\. Its outgoing"),
        ("relu:2-1-1-1", (1, 2, 0, 1), r"because of W2\[1,1\]\. A row"),
        ("relu:2-2-2-1", (1, 0, 1, 1, 1, 1, 1, 1, 1, 0), r"W1\[1,2\], W3\[2,1\] of relu:2-2-2-1 are zero"),
    ],
)
def test_other_zero_weights_are_refused_by_name(spec: str, point: tuple[int, ...], message: str) -> None:
    with pytest.raises(NotClaimed, match=message):
        closed_form(read(spec), point)


def test_other_models_and_other_lengths_are_told_apart() -> None:
    assert forms.closed_form(parse_model("linear:2-2-2"), [F(1)] * 8) is None
    with pytest.raises(BadInput, match="has 3 entries; 2 were given"):
        closed_form(read("relu:2-1-1"), [1, 2])


def test_the_formulas_of_a_graph_solve_for_the_squares_and_give_the_metric() -> None:
    sympy: Any = pytest.importorskip("sympy")
    model = read("relu:1-2-1-1+bias")
    point = weights(model, 4)
    z = lifted(model, point)
    form = closed_form(model, point)
    known: dict[str, Any] = {f"z{i + 1}": sympy.Rational(x.numerator, x.denominator) for i, x in enumerate(z)}
    known |= {name: sympy.Rational(F(h).numerator, F(h).denominator) for name, h in form.invariants.items()}
    texts = {formula.says: formula.sympy for formula in form.formulas if formula.sympy}
    other = representative(model, z)
    solution: dict[str, Any] = {}
    ratios = {name: F(1) for name in neuron_names(model)}
    wires = wiring(model)
    for v, name in enumerate(neuron_names(model)):  # from the sources on, by one entering edge each
        edge = wires.heads.index(v)
        tail = wires.tails[edge]
        before = ratios[neuron_names(model)[tail]] if tail >= 0 else F(1)
        ratios[name] = before * point[edge] ** 2 / other[edge] ** 2
        solution[f"r_{name}"] = sympy.Rational(ratios[name].numerator, ratios[name].denominator)
    equations = [text for says, text in texts.items() if says.startswith("vanishes")]
    squares = {says.split(",")[0]: text for says, text in texts.items() if says.startswith("s")}
    assert len(equations) == model.hidden
    for text in equations:
        assert sympy.sympify(text).subs(known).subs(solution) == 0
    for e, x in enumerate(point):
        value = sympy.sympify(squares[f"s{e + 1}"]).subs(known).subs(solution)
        assert value == sympy.Rational((x**2).numerator, (x**2).denominator)
        known[f"s{e + 1}"] = value
    matrix = sympy.sympify(texts["the metric with these squares"]).subs(known)
    rows = [[c.derivative(k).evaluate(point) for k in range(model.parameters)] for c in model.coordinates()]
    for i, p in enumerate(rows):
        for j, q in enumerate(rows):
            truth = F(sum((a * b for a, b in zip(p, q, strict=True)), F(0)))
            assert matrix[i, j] == sympy.Rational(truth.numerator, truth.denominator)


def test_the_formula_of_a_neuron_is_its_metric() -> None:
    sympy: Any = pytest.importorskip("sympy")
    model = read("relu:2-1-2")
    v, u = sympy.Matrix([1, -2]), sympy.Matrix([2, 3])
    form = closed_form(model, (1, -2, 2, 3))
    (text,) = [formula.sympy for formula in form.formulas if formula.says.startswith("K for each neuron")]
    Z, G = u * v.T, sympy.Matrix([[1, 2], [-1, 5]])
    value = sympy.sympify(
        text,
        locals={"Z": Z, "G": G, "h": sympy.Integer(5 - 13), "n2": sympy.Integer(5 * 13)},
    )
    assert sympy.simplify(value - (u * u.T * G + G * v * v.T)) == sympy.zeros(2, 2)


def test_the_polynomial_of_a_row_has_the_square_as_its_largest_root() -> None:
    sympy: Any = pytest.importorskip("sympy")
    form = closed_form(read("relu:1-1-1-1"), (1, 2, 3))
    (text,) = [formula.sympy for formula in form.formulas if formula.says.startswith("for the longest row")]
    roots = sympy.roots(sympy.sympify(text).subs({"mu1": 5, "mu2": 3, "n2": 36}))
    assert roots == {9: 1, 2: 2}
