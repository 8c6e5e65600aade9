"""What data see of a ReLU network in one region."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import PathLifting, parse_model
from flowlaw.oracles.polynomials import Rational
from flowlaw.oracles.region import (
    Region,
    RegionReport,
    data_gradients,
    read_region,
    region_lines,
    region_map,
    region_record,
    seen_by_data,
)
from flowlaw.properties.strategies import dags, rationals, relu_models, vectors

EXAMPLE = Path(__file__).parents[2] / "examples" / "region.toml"

GRID = [(x, y) for x, y in product(range(-6, 7), repeat=2) if (x, y) != (0, 0)]


def relu(spec: str) -> PathLifting:
    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def rank(rows: Sequence[Sequence[Rational]]) -> int:
    from flint import fmpq, fmpq_mat

    if not rows:
        return 0
    return int(fmpq_mat([[fmpq(x.numerator, x.denominator) for x in row] for row in rows]).rank())


@st.composite
def regions(draw: st.DrawFn, leak: bool = True) -> Region:
    model = draw(st.one_of(relu_models(layers=(1, 3), width=(1, 3), parameters=20), dags(hidden=(1, 3))))
    weights = draw(vectors(model.parameters, nonzero=True))
    wide = sum(group.size for group in model.groups if group.role == "source" and group.name != "one")
    inputs = draw(st.lists(vectors(wide), min_size=1, max_size=5))
    slope = draw(rationals(denominator=3)) if leak else Fraction(0)
    region = Region(model, weights, tuple(inputs), slope)
    try:
        seen_by_data(*region, certify=False)
    except BadInput:
        assume(False)  # on the border between regions
    return region


@given(regions())
@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_rank_is_that_of_all_gradients_and_every_law_is_orthogonal_to_them(region: Region) -> None:
    report = seen_by_data(*region, certify=False)
    gradients = data_gradients(region)
    assert report.seen_rank == report.seen_rank_at_most == rank(gradients) <= report.path_rank
    for family in report.extra_laws:
        assert len(family.polynomials) == family.count
        for law in family.polynomials:
            slope = {k: p.evaluate(region.weights) for k, p in law.gradient().items()}
            assert not any(sum(row[k] * value for k, value in slope.items()) for row in gradients)


@given(regions())
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_gradients_are_those_of_the_simulated_network(region: Region) -> None:
    import numpy as np

    from flowlaw.simulations import ReluNetwork

    point = np.array([Fraction(x) for x in region.weights], dtype=object)
    inputs = np.array([[Fraction(x) for x in row] for row in region.inputs], dtype=object)
    network = ReluNetwork(region.model, region.leak)
    expected = network.jacobian(point, inputs.reshape(len(region.inputs), network.inputs))
    assert data_gradients(region) == expected.reshape(-1, region.model.parameters).tolist()


@given(regions())
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_map_of_the_region_has_the_gradients_that_data_see(region: Region) -> None:
    view = region_map(region)
    rows = [
        [slopes[k].evaluate(region.weights) if k in slopes else 0 for k in range(view.parameters)]
        for slopes in (polynomial.gradient() for polynomial in view.coordinates())
    ]
    gradients = data_gradients(region)
    assert rank(rows) == rank(gradients) == rank([*rows, *gradients])


@given(regions(leak=False))
@settings(max_examples=30, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_a_certificate_of_the_number_of_laws_is_accepted_and_lies_between_the_bounds(region: Region) -> None:
    report = seen_by_data(*region)
    counts = report.hidden, report.laws_found, report.laws_at_least, report.laws_at_most
    assert list(counts) == sorted(counts)
    assert report.laws_at_most <= report.parameters - report.seen_rank
    if report.certificate is not None:
        assert verify(report.certificate).accepted
        assert report.complete
        claim = report.certificate["claim"]
        assert isinstance(claim, dict)
        assert claim["independent_laws"] == report.laws_at_least


@pytest.mark.parametrize(("n", "r", "laws"), [(1, 2, 3), (2, 3, 6)])
def test_on_a_half_line_a_network_without_biases_is_linear(n: int, r: int, laws: int) -> None:
    model = relu(f"relu:1-{r}-{n}")
    report = seen_by_data(model, [*range(1, r + 1), *range(1, n * r + 1)], [[1], [Fraction(1, 3)]])
    assert report.linear_groups == ("L1",)
    assert (report.laws_at_least, report.laws_at_most) == (laws, laws)
    assert report.certificate is not None
    both = seen_by_data(model, [*range(1, r + 1), *range(1, n * r + 1)], [[1], [-1]])
    assert both.laws_at_least == laws  # all neurons switch together, so they are one linear layer on each side


def second_layer(entries: Sequence[int]) -> list[int]:
    """Weights of relu:2-3-2-2 with the given second weight matrix and first-layer neurons in three directions."""
    return [5, -7, 3, 4, 5, -11, *entries, 2, 3, -1, 4]


def test_a_dead_neuron_of_the_second_layer_keeps_all_its_weights() -> None:
    report = seen_by_data(relu("relu:2-3-2-2"), second_layer([2, -1, -3, -5, 4, -2]), off_the_kinks())
    assert report.path_rank == 11
    assert report.seen_rank == 7
    assert [neuron.name for neuron in report.neurons if neuron.state == "dead"] == ["L2[2]"]
    assert [(law.why, law.count) for law in report.extra_laws] == [("unseen-weights", 5)]
    assert report.complete
    assert report.laws_at_least == 9


def test_a_second_layer_of_positive_weights_is_linear_and_has_its_full_balance_matrix() -> None:
    report = seen_by_data(relu("relu:2-3-2-2"), second_layer([2, 1, 3, 5, 4, 2]), off_the_kinks())
    assert report.seen_rank == 9
    assert report.linear_groups == ("L2",)
    assert [(law.why, law.count) for law in report.extra_laws] == [("switch-together", 1)]
    assert report.complete
    assert report.laws_at_least == 6


def off_the_kinks() -> list[tuple[Fraction, Fraction]]:
    """Inputs all around, none on a line through the origin with a small slope."""
    return [(Fraction(x) + Fraction(1, 97), Fraction(y) + Fraction(1, 89)) for x, y in GRID]


def test_neurons_that_switch_apart_do_not_have_the_balance_of_a_linear_layer() -> None:
    region = Region(relu("relu:2-2-1"), (1, 1, 1, -1, 1, 1), ((1, 2), (2, 1), (-1, -3)))
    assert seen_by_data(*region).extra_laws == ()
    law = {0: 1, 1: 1, 2: -1, 3: 1, 4: -1, 5: -1}  # gradient of the balance of neurons 1 and 2
    assert any(sum(row[k] * c for k, c in law.items()) for row in data_gradients(region))


def test_more_inputs_see_more_until_nothing_is_left_to_see() -> None:
    model, weights = relu("relu:2-3-2-2"), second_layer([2, -1, 3, -5, -4, 2])
    inputs = off_the_kinks()
    ranks = [seen_by_data(model, weights, inputs[::step]).seen_rank for step in (168, 40, 20, 1)]
    assert ranks[0] < ranks[-1] == 11
    assert all(a <= b for a, b in pairwise(ranks))


def test_a_leak_keeps_every_neuron_alive() -> None:
    weights = second_layer([2, -1, -3, -5, 4, -2])
    report = seen_by_data(relu("leaky-relu:2-3-2-2"), weights, off_the_kinks(), Fraction(1, 10))
    assert report.seen_rank == report.path_rank == 11
    assert not [neuron for neuron in report.neurons if neuron.state == "dead"]


def test_a_linear_network_is_a_leak_of_one() -> None:
    report = seen_by_data(relu("relu:2-3-2"), [1, -2, 3, 4, 5, -6, 7, 8, -9, 1, 2, 3], GRID, 1)
    assert report.linear_groups == ("L1",)
    assert report.laws_at_least == report.laws_at_most == 6


def test_weights_on_the_border_are_refused_with_the_neuron_and_the_input() -> None:
    with pytest.raises(BadInput, match=r"Input 2 puts neuron L1\[2\] of relu:2-2-1 exactly at its kink"):
        seen_by_data(relu("relu:2-2-1"), [1, 1, 1, -1, 1, 1], [[1, 3], [2, 2]])


def test_a_neuron_that_nothing_reaches_is_not_on_the_border() -> None:
    report = seen_by_data(relu("relu:1-1-1-1"), [-1, 2, 3], [[1]])
    assert [neuron.state for neuron in report.neurons] == ["dead", "dead"]
    assert report.seen_rank == 0
    assert report.laws_at_least == report.laws_at_most == 3


def test_inputs_that_do_not_span_leave_a_direction_of_the_weights_alone() -> None:
    report = seen_by_data(relu("relu:3-1-1"), [1, 1, 1, 1], [[1, 2, 0], [2, 1, 0]])
    assert [(law.why, law.count) for law in report.extra_laws] == [("unseen-weights", 1)]
    report = seen_by_data(relu("relu:3-1-1"), [1, 1, 1, 1], [[1, 2, 3], [2, 1, 3]])
    assert [(law.why, law.count) for law in report.extra_laws] == [("unseen-inputs", 1)]
    assert report.laws_at_least == report.laws_at_most == 2


def test_ranks_of_larger_networks_are_exact_without_elimination() -> None:
    from random import Random

    random = Random(1)
    model = relu("relu:20-20-20-5")
    inputs = [[random.randint(1, 99) for _ in range(20)] for _ in range(60)]
    report = seen_by_data(model, [random.randint(1, 10**6) for _ in range(model.parameters)], inputs)
    assert report.seen_rank == report.seen_rank_at_most == 100
    assert report.linear_groups == ("L1", "L2")


def test_a_group_too_large_to_write_its_laws_out_still_has_its_rank() -> None:
    report = seen_by_data(relu("relu:1-1000-1"), [*[1] * 1000, *range(1, 1001)], [[1]])
    assert [(law.count, law.polynomials) for law in report.extra_laws] == [(499500, ())]
    assert report.seen_rank == 1
    assert not report.complete


def test_the_example_file_has_one_law_more_than_the_path_lifting() -> None:
    report = seen_by_data(*read_region(EXAMPLE))
    assert (report.seen_rank, report.path_rank, report.laws_at_least) == (7, 9, 4)
    text = "\n".join(region_lines(report))
    assert "rank seen 7 of the 9 of the path lifting" in text
    assert "W1[1,1]*W1[1,2] + W1[2,1]*W1[2,2] - W2[1,1]*W2[2,1] - W2[1,2]*W2[2,2]" in text
    assert json.loads(json.dumps(region_record(report)))["complete"] is True


def test_a_certificate_can_count_laws_that_are_not_written_down() -> None:
    model = relu("dag:x:1,h:1,y:1/x-h-y,x-y")
    report = seen_by_data(model, [1, 1, 1], [[1]])
    assert (report.laws_found, report.laws_at_least, report.laws_at_most) == (1, 2, 2)
    assert "1 of them are written down here" in list(region_lines(report))


def test_lines_name_the_dead_and_the_linear() -> None:
    lines = "\n".join(region_lines(open_report()))
    assert "L2[2] is dead" in lines
    assert "W3[2,1]" in lines


def open_report() -> RegionReport:
    return seen_by_data(relu("relu:2-3-2-2"), second_layer([2, -1, -3, -5, 4, -2]), off_the_kinks())


GOOD = 'model = "relu:1-2-1"\ninputs = [[1], ["-3/2"]]\n[weights]\nW1 = [[1, 2]]\nW2 = [[1], ["0.5"]]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "region.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_read_exactly(tmp_path: Path) -> None:
    region = read_region(written(tmp_path, GOOD))
    assert region == Region(relu("relu:1-2-1"), (1, 2, 1, Fraction(1, 2)), ((1,), (Fraction(-3, 2),)))
    assert read_region(written(tmp_path, GOOD.replace("[[1, 2]]", "[1, 2]"))) == region
    assert read_region(written(tmp_path, GOOD.replace('model = "relu:1-2-1"\n', "")), region.model) == region
    assert read_region(written(tmp_path, 'leak = "1/7"\n' + GOOD)).leak == Fraction(1, 7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("inputs", "input"), "unknown key 'input'. Did you mean 'inputs'"),
        (GOOD.replace('model = "relu:1-2-1"\n', ""), "names no model"),
        (GOOD.replace('"relu:1-2-1"', "3"), "'model' must be text"),
        (GOOD.replace("relu:1-2-1", "linear:1-2-1"), "'linear:1-2-1' is none"),
        (GOOD.replace("relu:1-2-1", "relu:1-0-1"), "cannot be 0"),
        (GOOD.replace("inputs", "#"), "has no 'inputs'"),
        (GOOD.replace('[[1], ["-3/2"]]', "[1]"), "input 1 must be a list"),
        (GOOD.replace('[[1], ["-3/2"]]', "[]"), "There are no inputs"),
        (GOOD.replace('[[1], ["-3/2"]]', "[[1, 2]]"), "input 1 has 2 entries, and relu:1-2-1 takes 1"),
        (GOOD.replace('"-3/2"', "1.5"), "input 2 cannot hold '1.5'. Write whole numbers"),
        (GOOD.replace('"-3/2"', '"1/0"'), "cannot hold"),
        (GOOD.replace('"-3/2"', '"1e999999999"'), "cannot hold"),
        (GOOD.replace('"-3/2"', "true"), "cannot hold"),
        (GOOD.replace("W2", "W3"), "relu:1-2-1 has no block 'W3'. Its blocks are W1, W2"),
        (GOOD.replace('W2 = [[1], ["0.5"]]\n', ""), "the weights W2, 2 x 1"),
        (GOOD.replace('[[1], ["0.5"]]', "[[1]]"), "have 1 rows"),
        (GOOD.replace('[[1], ["0.5"]]', "[[1, 2], [3, 4]]"), "a row of 2 entries"),
        (GOOD.replace('[[1], ["0.5"]]', "7"), "must be a list"),
        (GOOD.replace("[weights]", "[[weights]]"), "'weights' must be a table"),
        ("inputs = [", "not valid TOML"),
        ("x = " + "[" * 5000, "nested too deeply|not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_with_the_culprit(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read_region(written(tmp_path, text))


def test_a_file_of_another_model_than_the_one_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="describes relu:1-2-1, not relu:1-3-1"):
        read_region(written(tmp_path, GOOD), relu("relu:1-3-1"))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_region(tmp_path / "nothing.toml")
    with pytest.raises(BadInput, match="not a regular file"):
        read_region(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"x = '\xe9'")
    with pytest.raises(BadInput, match="UTF-8"):
        read_region(tmp_path / "latin.toml")
    (tmp_path / "long.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(TooLarge, match="longer than"):
        read_region(tmp_path / "long.toml")


def test_sizes_are_refused_before_any_work() -> None:
    with pytest.raises(TooLarge, match="6000 parameters; at most 5000"):
        seen_by_data(relu("relu:1-3000-1"), [1] * 6000, [[1]])
    with pytest.raises(TooLarge, match="inputs; at most"):
        seen_by_data(relu("relu:1-1-1"), [1, 1], [[1]] * 5001)
    with pytest.raises(TooLarge, match="gradient entries"):
        seen_by_data(relu("relu:1-1000-1"), [1] * 2000, [[1]] * 5000)
    with pytest.raises(TooLarge, match="common denominator"):
        seen_by_data(relu("relu:1-1-1"), [Fraction(1, 3**3000), Fraction(1, 5**100)], [[1]])
    with pytest.raises(TooLarge, match="pairs of a path and an input"):
        region_map(Region(relu("relu:5-5-5-5-5-5"), [1] * 125, [[1] * 5] * 3))


@pytest.mark.parametrize("weights", [[1.0, 1], [True, 1], ["1", 1]])
def test_numbers_that_are_not_exact_are_refused(weights: list[Rational]) -> None:
    with pytest.raises(BadInput, match="is not exact"):
        seen_by_data(relu("relu:1-1-1"), weights, [[1]])
    with pytest.raises(BadInput, match="2 weights; 1 were given"):
        seen_by_data(relu("relu:1-1-1"), [1], [[1]])
