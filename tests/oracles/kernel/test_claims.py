"""Every kind of claim: what is accepted, and each reason for which it is not."""

import copy
import json
from fractions import Fraction
from typing import Any

import pytest

from flowlaw.oracles.certificates import canonical, certificate
from flowlaw.oracles.kernel import verify, verify_text
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.oracles.proofs import conserved, exact_rank, find_refutation

Json = Any


def complete(spec: str, *, structure: bool = True) -> Json:
    found = find_completeness(parse_model(spec), structure=structure).certificate
    assert found is not None
    return found


def laws(spec: str) -> Json:
    model = parse_model(spec)
    return conserved(model, [law for family in known_laws(model) for law in family.polynomials()])


def refuted(spec: str, law: Polynomial) -> Json:
    found = find_refutation(parse_model(spec), law)
    assert found is not None
    return found.certificate


X, Y = Polynomial.variable(0), Polynomial.variable(1)
DENSE = complete("linear:2-2-2", structure=False)
BLOCK = complete("linear:1-2-2-1")
LOGITS = complete("linear:2-2-2+logits")
LOCAL = complete("linear:4-5-2")
PATHS = complete("relu:2-3-2+bias")
PATHS_DENSE = complete("relu:2-3-2+bias", structure=False)
INVOLUTIVE = complete("symmetric:2-3")
SINGLE = complete("homogeneous:1-2-1+degree3")
POLYNOMIAL = complete("monomial:3", structure=False)
LAWS = laws("linear:2-2-2")
SQUARES = laws("relu:2-3-2+bias")
PRODUCT = conserved(
    parse_model("relu:1-2-1"), [(X**2 - Polynomial.variable(2) ** 2) * (Y**2 - Polynomial.variable(3) ** 2)]
)
REFUTED = refuted("linear:2-2-2", X**2 + Y)
REFUTED_PATH = refuted("relu:2-3-2+bias", X**2)
REFUTED_MAP = refuted("monomial:3", X**2 + Y**2)
IDENTITY = certificate(
    {"kind": "identity", "variables": 2, "equal": [[{"^": [{"+": [{"x": 0}, "1/2"]}, 2]}, {"+": [
        {"*": [{"x": 0}, {"x": 0}]}, {"x": 0}, "1/4"]}]]}
)  # fmt: skip
VALUE = certificate(
    {"kind": "value", "point": ["1/2", -3], "values": [[{"*": [{"x": 0}, {"^": [{"x": 1}, 3]}]}, "-27/2"], [7, 7]]}
)
RANK = exact_rank([[1, 2, 3], [2, 4, 6], [Fraction(1, 2), 0, -1]])
NAMES = "DENSE BLOCK LOGITS LOCAL PATHS PATHS_DENSE INVOLUTIVE SINGLE POLYNOMIAL LAWS SQUARES PRODUCT REFUTED"
ALL: dict[str, Json] = {
    name: globals()[name] for name in f"{NAMES} REFUTED_PATH REFUTED_MAP IDENTITY VALUE RANK".split()
}


@pytest.mark.parametrize("name", ALL)
def test_valid_certificates_are_accepted_as_objects_and_as_text(name: str) -> None:
    for judgement in (
        verify(ALL[name]),
        verify_text(canonical(ALL[name])),
        verify_text(json.dumps(ALL[name], indent=2)),
    ):
        assert judgement.accepted, judgement.reason
        assert not judgement.reason
        assert judgement.claim


def test_a_judgement_says_what_was_claimed() -> None:
    claims = {name: verify(ALL[name]).claim for name in ALL}
    assert claims["DENSE"] == "near a generic point of 8 parameters exactly 3 independent laws, dim Lie 5"
    assert claims["BLOCK"] == "near a generic point of 8 parameters exactly 7 independent laws, dim Lie 1"
    assert claims["LOGITS"] == "near a generic point of 8 parameters exactly 5 independent laws, dim Lie 3"
    assert claims["LOCAL"] == "near a generic point of 30 parameters exactly 15 independent laws, dim Lie 15"
    assert claims["PATHS"] == "near a generic point of 15 parameters exactly 3 independent laws, dim Lie 12"
    assert claims["INVOLUTIVE"] == "near a generic point of 6 parameters exactly 2 independent laws, dim Lie 4"
    assert claims["SINGLE"] == "near a generic point of 4 parameters exactly 3 independent laws, dim Lie 1"
    assert claims["LAWS"] == "3 polynomials conserved by every gradient flow of the model"
    assert claims["PRODUCT"] == "1 polynomial conserved by every gradient flow of the model"
    assert claims["IDENTITY"] == "1 polynomial identity over Q"
    assert claims["VALUE"] == "2 exact values at a rational point"
    assert claims["RANK"] == "a 3 x 3 matrix over Q has rank exactly 2"
    assert claims["REFUTED"].startswith("not a law: its derivative along a gradient of phi is ")


DELETE = object()

LIE = ("claim", "lie_dimension")
COUNT = ("claim", "independent_laws")
MODEL = ("claim", "model")
GROUPS = ("claim", "model", "groups")
NET = ("witness", "nets", 0)

REASONS: list[tuple[Json, dict[tuple[str | int, ...], Json], str]] = [
    # the frame
    (DENSE, {("flowlaw",): "law"}, "flowlaw is none of"),
    (DENSE, {("version",): 2}, "version 2; this kernel reads 1"),
    (DENSE, {("version",): True}, "version is not an integer in 1..1000000"),
    (DENSE, {("version",): "1"}, "version is not an integer in 1..1000000"),
    (DENSE, {("version",): [1]}, "version is not an integer in 1..1000000"),
    (DENSE, {("extra",): 1}, "certificate is not an object with exactly the fields"),
    (DENSE, {("witness",): DELETE}, "certificate is not an object with exactly the fields"),
    (DENSE, {("claim",): []}, "claim.kind is none of"),
    (DENSE, {("claim", "kind"): "law"}, "claim.kind is none of"),
    (DENSE, {("claim", "kind"): ["laws"]}, "claim.kind is none of"),
    # complete, dense
    (DENSE, {("claim", "extra"): 1}, "claim is not an object with exactly the fields"),
    (DENSE, {COUNT: 4}, "claim says independent_laws = 4; the witness shows 3"),
    (DENSE, {COUNT: "3"}, "claim.independent_laws is not an integer in 0..1000000000"),
    (DENSE, {COUNT: True}, "claim.independent_laws is not an integer in 0..1000000000"),
    (DENSE, {COUNT: 3.0}, "claim.independent_laws is not an integer in 0..1000000000"),
    (SINGLE, {LIE: True}, "claim.lie_dimension is not an integer in 0..1000000000"),
    (DENSE, {COUNT: 10**400}, "claim.independent_laws is not an integer in 0..1000000000"),
    (DENSE, {LIE: 6}, "claim says lie_dimension = 6; the witness shows 5"),
    (DENSE, {("claim", "parameters"): 9}, "claim says parameters = 9; the witness shows 8"),
    (DENSE, {("claim", "laws"): []}, "brackets reach rank 5 and laws rank 0: together 5, not the 8 parameters"),
    (DENSE, {("claim", "laws"): {}}, "laws is not a list"),
    (DENSE, {("claim", "laws", 0): 5}, r"claim.laws\[0\] is not an object with exactly the fields"),
    (DENSE, {("claim", "laws", 0): {}}, r"claim.laws\[0\] is not an object with exactly the fields"),
    (DENSE, {("claim", "laws", 0): {"family": "unknown"}}, "no law family of that name"),
    (DENSE, {("claim", "laws", 0): {"family": "output-sums"}}, "the model has no law family of that name"),
    (DENSE, {("claim", "laws", 0, "extra"): 1}, "the family is not an object with exactly the fields"),
    (DENSE, {("claim", "laws", 0): {"polynomial": [[1, [[0, 1]]]]}}, "not orthogonal to the gradient of coordinate 0"),
    (DENSE, {("witness",): []}, "witness.rule is none of"),
    (DENSE, {("witness", "rule"): "guess"}, "witness.rule is none of"),
    (DENSE, {("witness", "rule"): ["dense"]}, "witness.rule is none of"),
    (DENSE, {("witness", "rule"): "local"}, "witness is not an object with exactly the fields"),
    (DENSE, {("witness", "rule"): "paths"}, "witness is not an object with exactly the fields"),
    (DENSE, {("witness", "extra"): 1}, "witness is not an object with exactly the fields"),
    (DENSE, {("witness", "prime"): 1048575}, "1048575 is not a prime"),
    (DENSE, {("witness", "prime"): 1048583}, "witness.prime is not an integer in 2..1048576"),
    (DENSE, {("witness", "prime"): -7}, "witness.prime is not an integer in 2..1048576"),
    (DENSE, {("witness", "prime"): "5779"}, "witness.prime is not an integer in 2..1048576"),
    (DENSE, {("witness", "prime"): 2}, "does not exceed the number of Taylor coefficients"),
    (DENSE, {("witness", "orders"): 0}, "witness.orders is not an integer in 1..200"),
    (DENSE, {("witness", "orders"): 201}, "witness.orders is not an integer in 1..200"),
    (DENSE, {("witness", "orders"): 1}, r"witness.rows\[3\]\[1\] is not an integer in 0..0"),
    (DENSE, {("witness", "point"): [1] * 7}, "witness.point has 7 entries, outside 8..8"),
    (DENSE, {("witness", "point", 0): 2**21}, r"witness.point\[0\] is not an integer in -1048576..1048576"),
    (DENSE, {("witness", "point", 0): True}, r"witness.point\[0\] is not an integer in -1048576..1048576"),
    (DENSE, {("witness", "point"): [0] * 8}, "brackets reach rank 0 and laws rank 0"),
    (DENSE, {("witness", "controls"): []}, r"witness.rows\[0\]\[0\] is not an integer in 0..-1"),
    (DENSE, {("witness", "controls", 0): []}, r"witness.controls\[0\] has 0 entries, outside 1..2"),
    (DENSE, {("witness", "controls", 0): [[1] * 4] * 3}, r"witness.controls\[0\] has 3 entries, outside 1..2"),
    (DENSE, {("witness", "controls", 0, 0): [1] * 5}, r"witness.controls\[0\]\[0\] has 5 entries, outside 4..4"),
    (DENSE, {("witness", "rows", 0): [0, 0]}, r"witness.rows\[0\] has 2 entries, outside 3..3"),
    (DENSE, {("witness", "rows", 0): [0, 0, 4]}, r"witness.rows\[0\]\[2\] is not an integer in 0..3"),
    (DENSE, {("witness", "rows", 0): [0, 0, -1]}, r"witness.rows\[0\]\[2\] is not an integer in 0..3"),
    (DENSE, {("witness", "rows", 0): DENSE["witness"]["rows"][1]}, "brackets reach rank 4"),
    (DENSE, {("witness", "rows"): []}, "brackets reach rank 0 and laws rank 3"),
    (DENSE, {("witness", "rows"): [[0, 0, 0]] * 9}, "rows has 9 entries, outside 0..8"),
    (DENSE, {("witness", "columns"): []}, "brackets reach rank 0"),
    (DENSE, {("witness", "columns", 0): 8}, r"witness.columns\[0\] is not an integer in 0..7"),
    (DENSE, {("witness", "columns"): [0, 0, 1, 2, 3]}, "a column is listed twice"),
    # models
    (DENSE, {MODEL: None}, "claim.model.kind is none of"),
    (DENSE, {(*MODEL, "kind"): "conv"}, "claim.model.kind is none of"),
    (DENSE, {(*MODEL, "extra"): 1}, "claim.model is not an object with exactly the fields"),
    (DENSE, {(*MODEL, "widths"): [2]}, "widths has 1 entries, outside 2..65"),
    (DENSE, {(*MODEL, "widths"): [1] * 66}, "widths has 66 entries"),
    (DENSE, {(*MODEL, "widths", 0): 0}, r"claim.model.widths\[0\] is not an integer in 1..1000000"),
    (DENSE, {(*MODEL, "widths"): [10**6, 10**6]}, "the model has more than 1000000000 parameters"),
    (DENSE, {(*MODEL, "widths"): [101, 100, 100]}, "a dense certificate covers at most 20000 parameters"),
    (DENSE, {(*MODEL, "output"): "some"}, "claim.model.output is none of"),
    (LOGITS, {(*MODEL, "widths", 0): 1}, "needs at least two output neurons"),
    (LOGITS, {(*MODEL, "output"): "all"}, "the model has no law family of that name"),
    (PATHS, {(*GROUPS, 0, "role"): "input"}, r"claim.model.groups\[0\].role is none of"),
    (PATHS, {(*GROUPS, 0, "role"): "hidden"}, "group 0 is not joined as its role 'hidden' demands"),
    (PATHS, {(*GROUPS, 2, "role"): "output"}, "group 2 is not joined as its role 'output' demands"),
    (PATHS, {(*GROUPS, 0, "size"): 0}, r"claim.model.groups\[0\].size is not an integer in 1..1000000000"),
    (PATHS, {(*GROUPS, 0, "size"): 10**9}, "the model has more than 1000000000 parameters"),
    (PATHS, {(*GROUPS, 0, "name"): "x"}, r"claim.model.groups\[0\] is not an object with exactly the fields"),
    (PATHS, {(*MODEL, "links", 0): [2, 1]}, "leads from a group to an earlier one"),
    (
        PATHS,
        {(*MODEL, "links", 0): [1, 1]},
        "a link is listed twice, or leads from a group to an earlier one or to itself",
    ),
    (PATHS, {(*MODEL, "links", 0): [0, 9]}, r"claim.model.links\[0\]\[1\] is not an integer in 0..3"),
    (PATHS, {(*MODEL, "links", 1): [0, 2]}, "a link is listed twice"),
    (PATHS, {(*MODEL, "links"): []}, "links has 0 entries"),
    (POLYNOMIAL, {(*MODEL, "parameters"): 0}, "claim.model.parameters is not an integer in 1..20000"),
    (POLYNOMIAL, {(*MODEL, "coordinates"): []}, "coordinates has 0 entries"),
    (POLYNOMIAL, {(*MODEL, "coordinates", 0, 0, 0): 1.5}, "neither a short integer nor a short string"),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 0): "1.5"},
        r"claim.model.coordinates\[0\]\[0\]\[0\] is neither a short integer",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 0): "1/0"},
        r"claim.model.coordinates\[0\]\[0\]\[0\] is neither a short integer",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 0): "\u0661"},
        r"claim.model.coordinates\[0\]\[0\]\[0\] is neither a short integer",
    ),
    (POLYNOMIAL, {(*MODEL, "coordinates", 0, 0, 0): 0}, "a coefficient of a polynomial is zero"),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 1, 0): [3, 1]},
        r"claim.model.coordinates\[0\]\[0\]\[1\]\[0\]\[0\] is not an integer in 0..2",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 1, 1): [0, 1]},
        r"claim.model.coordinates\[0\]\[0\]\[1\] repeats a monomial, has variables out of order or a degree above 60",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 1, 0): [0, 0]},
        r"claim.model.coordinates\[0\]\[0\]\[1\]\[0\]\[1\] is not an integer in 1..60",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0, 0, 1, 0): [0, 59]},
        r"claim.model.coordinates\[0\]\[0\]\[1\] repeats a monomial, has variables out of order or a degree above 60",
    ),
    (
        POLYNOMIAL,
        {(*MODEL, "coordinates", 0): [[1, [[0, 1]]], [1, [[0, 1]]]]},
        r"claim.model.coordinates\[0\]\[1\]\[1\] repeats a monomial, has variables out of order or a degree above 60",
    ),
    (POLYNOMIAL, {(*MODEL, "coordinates", 0): [[1, []]]}, "brackets reach rank 0"),
    (POLYNOMIAL, {("claim", "laws", 0): {"family": "balance"}}, "the model has no law family of that name"),
    # scalar blocks
    (BLOCK, {("claim", "laws", 1, "to"): 4}, "the family.to is not an integer in 1..3"),
    (BLOCK, {("claim", "laws", 1, "from"): 1}, "a scalar block lies between two layers of width one"),
    (BLOCK, {("claim", "laws", 1, "from"): True}, "the family.from is not an integer in 0..2"),
    (BLOCK, {("claim", "laws", 1): DELETE}, "brackets reach rank 1 and laws rank 6"),
    (BLOCK, {("witness", "point"): [0] * 8}, "brackets reach rank 0 and laws rank 0: together 0, not the 8 parameters"),
    # paths
    (PATHS, {("claim", "laws"): []}, "about path liftings and their neuron balances alone"),
    (PATHS, {("claim", "laws"): [{"family": "balance"}]}, "about path liftings and their neuron balances alone"),
    (PATHS, {("claim", "laws"): [{"family": "neuron-balance"}] * 2}, "neuron balances alone"),
    (PATHS, {("claim", "laws", 0, "extra"): 1}, "neuron balances alone"),
    (PATHS, {MODEL: DENSE["claim"]["model"]}, "neuron balances alone"),
    (PATHS, {COUNT: 4, LIE: 11}, "claim says independent_laws = 4; the witness shows 3"),
    (PATHS_DENSE, {("claim", "laws"): [{"family": "balance"}]}, "no law family of that name"),
    (PATHS_DENSE, {("claim", "laws", 0, "extra"): 1}, "no law family of that name"),
    # local
    (LOCAL, {("claim", "laws"): []}, "about deep linear networks and their balances alone"),
    (LOCAL, {(*MODEL, "output"): "zero-sum"}, "about deep linear networks and their balances alone"),
    (LOCAL, {MODEL: PATHS["claim"]["model"]}, "about deep linear networks and their balances alone"),
    (
        LOCAL,
        {("witness", "chains", 0, "count"): 3},
        r"the chains make up layers of \[6, 9, 4\] neurons, not \[4, 5, 2\]",
    ),
    (
        LOCAL,
        {("witness", "chains", 0, "widths", 0): -1},
        r"witness.chains\[0\].widths\[0\] is not an integer in 0..1000000",
    ),
    (LOCAL, {("witness", "chains", 0, "widths"): [1, 1]}, r"witness.chains\[0\].widths has 2 entries, outside 3..3"),
    (LOCAL, {("witness", "chains", 0, "extra"): 1}, r"witness.chains\[0\] is not an object with exactly the fields"),
    (LOCAL, {("witness", "chains"): []}, "chains has 0 entries"),
    (LOCAL, {("witness", "nets"): []}, "nets has 0 entries"),
    (LOCAL, {(*NET, "members"): [0] * 9}, "a sub-network uses more chains of a type than there are"),
    (LOCAL, {(*NET, "members"): [99]}, r"witness.nets\[0\].members\[0\] is not an integer in 0..2"),
    (LOCAL, {(*NET, "extra"): 1}, r"witness.nets\[0\] is not an object with exactly the fields"),
    (LOCAL, {(*NET, "prime"): 4}, "4 is not a prime"),
    (LOCAL, {(*NET, "columns"): []}, "brackets reach rank 0 and laws rank"),
    # involutive
    (INVOLUTIVE, {("claim", "laws"): [{"family": "anything"}]}, "can say nothing about listed ones"),
    (INVOLUTIVE, {("claim", "laws"): [{"polynomial": []}]}, "can say nothing about listed ones"),
    (
        INVOLUTIVE,
        {("witness", "basis", 0, 0, 2): "1"},
        r"witness.basis\[0\]\[0\]\[2\] is not an integer in -1000000000000000000..1000000000000000000",
    ),
    (INVOLUTIVE, {("witness", "basis", 0, 0, 2): 7}, "not the stated combination of the basis"),
    (INVOLUTIVE, {("witness", "basis", 0, 0, 0): 6}, r"witness.basis\[0\]\[0\]\[0\] is not an integer in 0..5"),
    (INVOLUTIVE, {("witness", "basis", 0): [[0, 0, 1], [0, 0, 1]]}, "a matrix has an entry twice"),
    (INVOLUTIVE, {("witness", "basis"): []}, "has 1 entries, outside 0..0"),
    (INVOLUTIVE, {("witness", "fields"): []}, "fields has 0 entries, outside 3..3"),
    (INVOLUTIVE, {("witness", "fields", 0): []}, "field of coordinate 0 is not the stated combination"),
    (INVOLUTIVE, {("witness", "fields", 0): [[9, 1]]}, r"witness.fields\[0\]\[0\]\[0\] is not an integer in 0..3"),
    (INVOLUTIVE, {("witness", "brackets"): []}, "brackets has 0 entries, outside 6..6"),
    (INVOLUTIVE, {("witness", "brackets", 0): []}, "a bracket of two fields is not the stated combination"),
    (INVOLUTIVE, {("witness", "rows"): [[0, 0, 0]]}, "brackets reach rank 1, not the 4 fields of the space"),
    (INVOLUTIVE, {("witness", "prime"): 91}, "91 is not a prime"),
    (INVOLUTIVE, {(*MODEL, "parameters"): 201}, "covers at most 200 parameters"),
    (SINGLE, {("witness", "rows"): []}, "brackets reach rank 0, not the 1 fields of the space"),
    (SINGLE, {("witness", "fields"): [[]]}, "fields has 1 entries, outside 0..0"),
    (SINGLE, {("witness", "basis"): [[[0, 0, 1]]]}, "fields has 0 entries, outside 1..1"),
    (
        SINGLE,
        {("witness", "basis"): [[]], ("witness", "fields"): [[]]},
        "the field of coordinate 0 is not the stated combination of the basis",
    ),
    # laws
    (LAWS, {("witness",): {"note": 1}}, "witness is not an object with exactly the fields"),
    (LAWS, {("claim", "laws"): []}, "the claim 'laws' needs one law or more, each written out as a polynomial"),
    (
        LAWS,
        {("claim", "laws", 0): {"family": "balance"}},
        "the claim 'laws' needs one law or more, each written out as a polynomial",
    ),
    (LAWS, {("claim", "laws", 0, "polynomial", 0, 0): -1}, "a law is not orthogonal to the gradient of coordinate"),
    (LAWS, {("claim", "laws", 0, "polynomial", 0, 0): "2/3"}, "a law is not orthogonal to the gradient of coordinate"),
    (LAWS, {("claim", "laws", 0, "extra"): 1}, r"claim.laws\[0\] is not an object with exactly the fields"),
    (
        SQUARES,
        {("claim", "laws", 0, "polynomial", 0, 0): 2},
        "the coefficients of a law do not sum to zero along every path",
    ),
    (SQUARES, {("claim", "laws", 0, "polynomial"): [[1, [[9, 2]]]]}, "do not sum to zero along every path"),
    (PRODUCT, {("claim", "laws", 0, "polynomial", 0, 0): 3}, "a law is not orthogonal to the gradient of coordinate 0"),
    (LAWS, {MODEL: PATHS["claim"]["model"]}, "a law is not orthogonal|do not sum to zero along every path"),
    # refuted
    (REFUTED, {("witness", "derivative"): 3}, "the derivative at the point is .*, not 3"),
    (REFUTED, {("witness", "derivative"): True}, "witness.derivative is neither a short integer"),
    (REFUTED, {("witness", "point"): [0] * 8, ("witness", "derivative"): 0}, "the derivative at the point is zero"),
    (REFUTED, {("witness", "covector"): []}, "witness.covector has 0 entries, outside 1..1000"),
    (REFUTED, {("witness", "covector", 0, 0): 4}, r"witness.covector\[0\]\[0\] is not an integer in 0..3"),
    (REFUTED, {("witness", "covector", 0, 0): [0]}, r"witness.covector\[0\]\[0\] is not an integer in 0..3"),
    (REFUTED, {("witness", "covector", 0, 1): 0, ("witness", "derivative"): 0}, "the derivative at the point is zero"),
    (REFUTED, {("claim", "law"): LAWS["claim"]["laws"][0]["polynomial"], ("witness", "derivative"): 0}, "is zero"),
    (REFUTED, {("claim", "law"): [], ("witness", "derivative"): 0}, "the derivative at the point is zero"),
    (REFUTED, {("witness", "point", 0): "1/"}, r"witness.point\[0\] is neither a short integer"),
    (REFUTED_PATH, {("witness", "covector", 0, 0): [0, 0]}, "do not form a path from a source"),
    (REFUTED_PATH, {("witness", "covector", 0, 0): [10]}, "do not form a path from a source"),
    (REFUTED_PATH, {("witness", "covector", 0, 0): [0]}, "do not form a path from a source to an output"),
    (REFUTED_PATH, {("witness", "covector", 0, 0): 0}, r"witness.covector\[0\]\[0\] is not a list"),
    (
        REFUTED_PATH,
        {("witness", "covector", 0, 0): [99]},
        r"witness.covector\[0\]\[0\]\[0\] is not an integer in 0..14",
    ),
    (REFUTED_MAP, {("witness", "covector", 0, 0): 1}, r"witness.covector\[0\]\[0\] is not an integer in 0..0"),
    # identity
    (IDENTITY, {("claim", "equal", 0, 0): 1}, "the two sides of identity 0 differ as polynomials"),
    (IDENTITY, {("claim", "equal", 0): [1]}, r"claim.equal\[0\] has 1 entries, outside 2..2"),
    (IDENTITY, {("claim", "equal"): []}, "equal has 0 entries"),
    (IDENTITY, {("claim", "variables"): 0}, r"claim.equal\[0\]\[0\].\^\[0\].\+\[0\].x is not an integer in 0..-1"),
    (IDENTITY, {("claim", "variables"): True}, "claim.variables is not an integer in 0..100000"),
    (IDENTITY, {("claim", "equal", 0, 0): {"x": 2}}, r"claim.equal\[0\]\[0\].x is not an integer in 0..1"),
    (
        IDENTITY,
        {("claim", "equal", 0, 0): {"x": 0, "+": []}},
        r"claim.equal\[0\]\[0\] is not an object with exactly the fields",
    ),
    (IDENTITY, {("claim", "equal", 0, 0): {"-": [1, 1]}}, "the operator of an expression is none of"),
    (
        IDENTITY,
        {("claim", "equal", 0, 0): {"^": [{"x": 0}, 101]}},
        r"claim.equal\[0\]\[0\].\^\[1\] is not an integer in 0..100",
    ),
    (
        IDENTITY,
        {("claim", "equal", 0, 0): {"^": [{"x": 0}, -1]}},
        r"claim.equal\[0\]\[0\].\^\[1\] is not an integer in 0..100",
    ),
    (
        IDENTITY,
        {("claim", "equal", 0, 0): {"^": [{"x": 0}, {"x": 0}]}},
        r"claim.equal\[0\]\[0\].\^\[1\] is not an integer in 0..100",
    ),
    (IDENTITY, {("claim", "equal", 0, 0): [1]}, r"claim.equal\[0\]\[0\] is neither a short integer"),
    (IDENTITY, {("claim", "equal", 0, 0): {"+": 1}}, r"claim.equal\[0\]\[0\].\+ is not a list"),
    (IDENTITY, {("witness",): {"note": 1}}, "witness is not an object with exactly the fields"),
    # value
    (VALUE, {("claim", "values", 0, 1): "27/2"}, "the value of expression 0 at the point is -27/2, not 27/2"),
    (VALUE, {("claim", "values", 0, 1): 10**100}, "not a number of 333 bits"),
    (VALUE, {("claim", "point"): ["1/2"]}, r"claim.values\[0\]\[0\].\*\[1\].\^\[0\].x is not an integer in 0..0"),
    (VALUE, {("claim", "values"): []}, "values has 0 entries"),
    # rank
    (RANK, {("claim", "rank"): 3}, "0 vectors of the kernel are needed, not 1"),
    (RANK, {("claim", "rank"): 1}, "2 vectors of the kernel are needed, not 1"),
    (RANK, {("claim", "rank"): 4}, "claim.rank is not an integer in 0..3"),
    (RANK, {("claim", "matrix", 1): [1, 2]}, r"claim.matrix\[1\] has 2 entries, outside 3..3"),
    (RANK, {("claim", "matrix", 0, 0): 2}, "a stated kernel vector is not in the kernel"),
    (RANK, {("claim", "matrix"): [[1, "1/2", 0]]}, "a stated kernel vector is not in the kernel"),
    (RANK, {("claim", "matrix"): [[0, 0, 0]]}, "the rank of the matrix is below 2 modulo the prime"),
    (RANK, {("claim", "matrix"): [[]]}, r"claim.matrix\[0\] has 0 entries, outside 1..250000"),
    (RANK, {("claim", "matrix"): [[0] * 501] * 500}, "claim.matrix has 500 entries, outside 0..499"),
    (RANK, {("witness", "kernel", 0): [0, 0, 0]}, "the rank of the kernel is below 1 modulo the prime"),
    (RANK, {("witness", "kernel", 0): [1, 0, 0]}, "a stated kernel vector is not in the kernel"),
    (RANK, {("witness", "prime"): 2**20}, "1048576 is not a prime"),
    (
        RANK,
        {("claim", "matrix"): [[35, 28, 0], [0, 2, 5]], ("witness", "prime"): 7},
        "matrix is below 2 modulo the prime",
    ),
]


@pytest.mark.parametrize(
    ("valid", "changes", "reason"), REASONS, ids=[f"{n}: {reason[:60]}" for n, (_, _, reason) in enumerate(REASONS)]
)
def test_a_wrong_certificate_is_rejected_for_its_reason(
    valid: Json, changes: dict[tuple[str | int, ...], Json], reason: str
) -> None:
    changed = copy.deepcopy(valid)
    for path, value in changes.items():
        parent = changed
        for key in path[:-1]:
            parent = parent[key]
        if value is DELETE:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value
    judgement = verify(changed)
    assert not judgement.accepted
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(judgement.reason)


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [[]], True, {"flowlaw": "certificate"}, 1.5, b"x", object(), {1: 2}]
)
def test_anything_else_is_rejected_without_an_exception(value: object) -> None:
    assert not verify(value).accepted


def test_a_point_may_be_special_as_long_as_the_ranks_add_up() -> None:
    """Nothing asks the point to be random: both ranks at any point are lower bounds of the generic ones."""
    changed = copy.deepcopy(DENSE)
    changed["witness"]["point"] = [1, 0, 0, 2, 3, 0, 0, 5]
    changed["witness"]["rows"] = [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 3], [0, 1, 1]]
    changed["witness"]["columns"] = list(range(8))
    assert verify(changed).accepted


def test_the_zero_polynomial_is_a_law_and_cannot_be_refuted() -> None:
    assert verify(conserved(parse_model("linear:2-2-2"), [Polynomial()])).accepted


def test_repeated_rows_add_nothing() -> None:
    changed = copy.deepcopy(DENSE)
    changed["witness"]["rows"][1] = changed["witness"]["rows"][0]
    assert not verify(changed).accepted
