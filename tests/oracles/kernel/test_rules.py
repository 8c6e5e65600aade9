"""The structural rules against the dense sandwich, against counts of theory, and against forgeries of their own."""

import copy
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import truth

from flowlaw.oracles.certificates import polynomial_json
from flowlaw.oracles.kernel import verify
from flowlaw.oracles.kernel._exact import Polynomial as Written
from flowlaw.oracles.kernel._exact import read_polynomial
from flowlaw.oracles.kernel._models import Linear, Paths, read_model
from flowlaw.oracles.kernel._modular import rank
from flowlaw.oracles.kernel._read import Node
from flowlaw.oracles.kernel._rules import law_gradients
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import DeepLinear, Group, PathLifting, parse_model
from flowlaw.oracles.polynomials import Polynomial

Json = Any
PRIME = 1048573


def as_read(law: Polynomial) -> Written:
    """A law as the kernel reads it."""
    return read_polynomial(Node(polynomial_json(law), "a law"), 10**6)


def random_linear(count: int, seed: int = 0) -> Iterator[tuple[int, ...]]:
    """Widths of networks without a scalar block: those have more laws than the balances."""
    draw = random.Random(seed)
    while count:
        widths = tuple(draw.choice([1, 2, 2, 3, 3, 4, 5, 6, 8]) for _ in range(draw.randint(3, 6)))
        ones = [i for i, width in enumerate(widths) if width == 1]
        size = sum(a * b for a, b in pairwise(widths))
        if size <= 120 and all(j - i < 3 for i, j in pairwise(ones)):
            count -= 1
            yield widths


def random_dag(draw: random.Random) -> PathLifting:
    """A DAG of groups in which every group lies on a path from a source to an output."""
    while True:
        count = draw.randint(3, 7)
        roles = ["source", *(draw.choice(["source", "hidden", "hidden", "output"]) for _ in range(count - 2)), "output"]
        links = [
            (a, b)
            for a in range(count)
            for b in range(a + 1, count)
            if roles[a] != "output" and roles[b] != "source" and draw.random() < 0.6
        ]
        tails, heads = {a for a, _ in links}, {b for _, b in links}
        if all((g in heads) == (r != "source") and (g in tails) == (r != "output") for g, r in enumerate(roles)):
            groups = [Group(f"g{g}", draw.randint(1, 3), role) for g, role in enumerate(roles)]  # type: ignore[arg-type]
            model = PathLifting(tuple(groups), tuple(draw.sample(links, len(links))))
            if model.coordinate_terms() <= 400 and model.hidden:
                return model


@pytest.mark.parametrize("widths", list(random_linear(60)), ids=lambda widths: "-".join(map(str, widths)))
def test_the_local_rule_counts_what_the_dense_sandwich_counts(widths: tuple[int, ...]) -> None:
    model = DeepLinear(widths)
    local = find_completeness(model, levels=False)
    dense = find_completeness(model, structure=False, levels=False)
    assert dense.rule == "dense"
    assert local.complete
    assert local.independent_laws == dense.independent_laws == truth.linear_laws(widths)


def test_most_random_linear_networks_are_settled_by_the_local_rule() -> None:
    rules = [find_completeness(DeepLinear(widths), levels=False).rule for widths in random_linear(100, seed=1)]
    assert rules.count("local") >= 90
    assert set(rules) <= {"local", "dense"}


@pytest.mark.parametrize("seed", range(60))
def test_the_paths_rule_counts_what_the_dense_sandwich_counts(seed: int) -> None:
    model = random_dag(random.Random(seed))
    by_rule = find_completeness(model, levels=False)
    dense = find_completeness(model, structure=False, levels=False)
    assert (by_rule.rule, dense.rule) == ("paths", "dense")
    assert by_rule.independent_laws == dense.independent_laws == model.hidden


@pytest.mark.parametrize("seed", range(20))
def test_the_span_of_path_indicators_has_rank_edges_minus_hidden(seed: int) -> None:
    """The lemma itself, by the rank of the 0/1 matrix of paths and edges."""
    model = random_dag(random.Random(1000 + seed))
    listed = list(truth.paths(model.kernel_form()))
    incidence = np.zeros((len(listed), model.parameters), dtype=np.int64)
    for row, path in enumerate(listed):
        incidence[row, path] = 1
    assert rank(incidence, PRIME) == model.parameters - model.hidden
    form = read_model(model.kernel_form())
    assert isinstance(form, Paths)
    assert sorted(map(tuple, listed)) == form.paths


@pytest.mark.parametrize("seed", range(20))
def test_the_gradients_of_families_are_those_of_the_polynomials(seed: int) -> None:
    """Families are known by a rule; here their gradients are differentiated from the laws written out."""
    draw = random.Random(seed)
    models: list[Any] = [
        random_dag(draw),
        DeepLinear(tuple(draw.randint(1, 4) for _ in range(4))),
        parse_model("linear:3-2-2+logits"),
    ]
    for model in models:
        form = read_model(model.kernel_form())
        point = np.array([draw.randint(-50, 50) for _ in range(model.parameters)])
        written = [law for family in model.known_laws() for law in family.polynomials()]
        names = list(dict.fromkeys(family.name for family in model.known_laws()))
        named = law_gradients(form, [{"family": name} for name in names], point, PRIME)
        expanded = law_gradients(form, [as_read(law) for law in written], point, PRIME)
        assert sorted(named.tolist()) == sorted(expanded.tolist())
        assert expanded.any()


def test_the_gradient_of_a_law_is_that_of_its_derivatives() -> None:
    form = read_model({"kind": "polynomial", "parameters": 4, "coordinates": [[[1, [[0, 1]]]]]})
    draw = random.Random(3)
    x = [Polynomial.variable(i) for i in range(4)]
    law = x[0] ** 3 * x[1] ** 2 * x[3] + x[1] * x[2] ** 5 - x[3] ** 2 + x[0]
    for zeros in (0, 1, 3):
        point = [0] * zeros + [draw.randint(-9, 9) for _ in range(4 - zeros)]
        expected = [int(law.derivative(i).evaluate(point)) % PRIME for i in range(4)]
        assert law_gradients(form, [as_read(law)], np.array(point), PRIME).tolist() == [expected]


COUNTS = [
    # symmetric:n-r has n(r - n) laws for r > n (A1.symmetric-and-diagonal-factorisations)
    *[(f"symmetric:{n}-{r}", n * (r - n)) for n in (1, 2, 3) for r in range(n + 1, n + 4)],
    # a single coordinate: D - 1 laws
    ("homogeneous:1-2-1+degree2", 3),
    ("homogeneous:1-3-1+degree2", 5),
    ("homogeneous:1-4-1+degree3", 7),
]


@pytest.mark.parametrize(("spec", "laws"), COUNTS)
def test_the_involutive_rule_gives_the_known_counts(spec: str, laws: int) -> None:
    found = find_completeness(parse_model(spec), levels=False)
    assert found.rule == "involutive"
    assert found.independent_laws == laws == truth.laws_count(parse_model(spec).kernel_form())


def test_the_involutive_rule_needs_a_family_that_brackets_fill() -> None:
    """symmetric:3-2: gl(3) has dimension 9, the six parameters only 6 directions. The dense sandwich settles it."""
    found = find_completeness(parse_model("symmetric:3-2"), levels=False)
    assert (found.rule, found.independent_laws) == ("dense", 0)


SCALAR = [
    # A1.deep-linear.count: widths, D, dim Lie, laws, known
    ((1, 2, 2, 1), 8, 1, 7, 6),
    ((1, 2, 3, 1), 11, 1, 10, 9),
    ((1, 3, 3, 1), 15, 1, 14, 12),
    ((1, 1, 2, 2, 1), 9, 1, 8, 7),
    ((1, 2, 2, 1, 2), 10, 2, 8, 7),
    ((1, 2, 2, 2, 1), 12, 1, 11, 9),
    ((1, 2, 3, 2, 1), 16, 1, 15, 12),
    ((1, 2, 2, 2), 10, 4, 6, 6),
    ((2, 1, 2), 4, 3, 1, 1),
    ((1, 2, 1, 2, 1), 8, 1, 7, 7),
    ((2, 1, 2, 2, 1, 3), 13, 4, 9, 8),
    ((2, 4, 5, 2), 38, 13, 25, 25),
    ((5, 5, 4, 4, 5), 81, 46, 35, 35),
    ((4, 5, 2), 30, 15, 15, 15),
]


@pytest.mark.parametrize(("widths", "size", "lie", "laws", "known"), SCALAR)
def test_scalar_blocks_have_more_laws_than_balances(
    widths: tuple[int, ...], size: int, lie: int, laws: int, known: int
) -> None:
    found = find_completeness(DeepLinear(widths))
    assert found.complete
    assert (found.parameters, found.lie_dimension, found.independent_laws) == (size, lie, laws)
    form = read_model(DeepLinear(widths).kernel_form())
    point = np.random.default_rng(0).integers(1, PRIME, size)
    assert rank(law_gradients(form, [{"family": "balance"}], point, PRIME), PRIME) == known


@pytest.mark.parametrize("widths", [(1, 2, 2, 1), (1, 5, 5, 1), (1, 4, 2, 4, 1)])
def test_the_local_rule_fails_where_the_balances_are_not_all(widths: tuple[int, ...]) -> None:
    """The controls of the method: scalar ends and depth three."""
    from flowlaw.oracles.lie._local import local_witness

    assert local_witness(widths) is None


# Forgeries: witnesses that a wrong rule would believe


def local() -> Json:
    found = find_completeness(DeepLinear((9, 12, 9)), levels=False).certificate
    assert found is not None
    assert found["witness"]["rule"] == "local"  # type: ignore[index]
    return copy.deepcopy(found)


def test_the_widths_of_chains_cannot_be_moved_between_types() -> None:
    forged = local()
    chains = forged["witness"]["chains"]
    chains[0]["widths"], chains[0]["count"] = [9, 12, 9], 1
    for chain in chains[1:]:
        chain["widths"] = [0, 0, 0]
    assert verify(forged).reason == "a sub-network uses more chains of a type than there are"
    for net in forged["witness"]["nets"]:
        net["members"] = [0]
    assert "point has" in verify(forged).reason, "the points no longer fit"


def test_a_pair_of_types_that_no_sub_network_covers_is_noticed() -> None:
    forged = local()
    for number in range(len(forged["witness"]["nets"])):
        shorter = copy.deepcopy(forged)
        del shorter["witness"]["nets"][number]
        judgement = verify(shorter)
        assert not judgement.accepted
        assert "no sub-network covers" in judgement.reason or "nets has 0 entries" in judgement.reason


def test_a_single_chain_does_not_speak_for_a_pair_of_them() -> None:
    """Alone a chain 1-1-1 passes; two of them need a sub-network of both."""
    point = {"prime": 101, "point": [3, 5], "controls": [[[1]]], "orders": 1, "rows": [[0, 0, 0]], "columns": [0]}
    for width, accepted in ((1, True), (2, False)):
        claim = {
            "kind": "complete",
            "model": {"kind": "linear", "widths": [width] * 3, "output": "all"},
            "laws": [{"family": "balance"}],
            "parameters": 2 * width**2,
            "independent_laws": width * (width + 1) // 2,
            "lie_dimension": 2 * width**2 - width * (width + 1) // 2,
        }
        chains = [{"widths": [1, 1, 1], "count": width}]
        witness = {"rule": "local", "chains": chains, "nets": [{"members": [0], **point}]}
        judgement = verify({"flowlaw": "certificate", "version": 1, "claim": claim, "witness": witness})
        assert judgement.accepted == accepted
    assert "no sub-network covers chains of the types (0, 0)" in judgement.reason


def test_a_type_that_occurs_in_no_sub_network_is_noticed() -> None:
    """Two types of one chain each, and a sub-network of one of them."""
    chain = {"widths": [1, 1, 1], "count": 1}
    net = {"prime": 101, "point": [3, 5], "controls": [[[1]]], "orders": 1, "rows": [[0, 0, 0]], "columns": [0]}
    claim = find_completeness(DeepLinear((2, 2, 2)), levels=False).certificate
    assert claim is not None
    for member, reason in ((0, "of the types (1,)"), (1, "of the types (0,)")):
        witness = {"rule": "local", "chains": [chain, chain], "nets": [{"members": [member], **net}]}
        assert reason in verify({**claim, "witness": witness}).reason


def test_a_sub_network_at_a_special_point_fails_the_sandwich() -> None:
    forged = local()
    nets = forged["witness"]["nets"]
    nets.append({**nets[0], "point": [0] * len(nets[0]["point"])})
    assert verify(forged).reason.startswith("brackets reach rank 0 and laws rank 0")


def test_a_point_that_joins_two_chains_is_rejected() -> None:
    forged = local()
    net = next(net for net in forged["witness"]["nets"] if len(net["members"]) > 1)
    net["point"][net["point"].index(0)] = 1
    assert verify(forged).reason == "the point of a sub-network joins two chains"


def test_chains_without_neurons_in_a_layer_need_helpers() -> None:
    forged = local()
    types = [chain["widths"] for chain in forged["witness"]["chains"]]
    partial = next(number for number, widths in enumerate(types) if 0 in widths) if any(0 in w for w in types) else None
    forged["witness"]["chains"].append({"widths": [0, 0, 0], "count": 5})
    forged["witness"]["nets"].append({**forged["witness"]["nets"][0], "members": [len(types)]})
    assert verify(forged).reason == "a layer of a sub-network has no neuron"
    assert partial is None or types[partial][1] >= 0


def test_sub_networks_are_bounded() -> None:
    forged = local()
    forged["claim"]["model"]["widths"] = [150, 150, 150]
    forged["witness"]["chains"] = [{"widths": [150, 150, 150], "count": 1}]
    forged["witness"]["nets"] = [{**forged["witness"]["nets"][0], "members": [0], "point": [0] * 45_000}]
    assert verify(forged).reason == "a dense certificate covers at most 20000 parameters"


def test_a_small_prime_makes_ranks_smaller_never_larger() -> None:
    """Whatever prime is written into a valid witness, the kernel accepts the true count or nothing."""
    found = find_completeness(parse_model("linear:2-2-3"), structure=False).certificate
    assert found is not None
    accepted: list[bool] = []
    for prime in (2, 3, 5, 7, 11, 13, 101, 5779, 65521, PRIME):
        forged: Json = copy.deepcopy(found)
        forged["witness"]["prime"] = prime
        accepted.append(verify(forged).accepted)
        for more in (1, 2):
            forged["claim"]["independent_laws"] += more
            forged["claim"]["lie_dimension"] -= more
            assert not verify(forged).accepted
    assert any(accepted)
    assert not accepted[0], "two Taylor orders need a prime above two"


def test_linear_and_path_forms_agree_on_a_network_with_one_neuron_a_layer() -> None:
    """1-1-1-1 as a product of matrices and as a DAG: the same coordinate, the same law count."""
    product = find_completeness(DeepLinear((1, 1, 1, 1)))
    lifted = find_completeness(parse_model("relu:1-1-1-1"))
    single = find_completeness(parse_model("monomial:3"))
    assert product.independent_laws == lifted.independent_laws == single.independent_laws == 2
    form = read_model(DeepLinear((1, 1, 1, 1)).kernel_form())
    assert isinstance(form, Linear)
    assert list(form.coordinates()) == list(read_model(parse_model("monomial:3").kernel_form()).coordinates())
