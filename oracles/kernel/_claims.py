"""What a certificate can claim, and how each claim is checked. The closed schema is certificate.schema.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import cast

import numpy as np

from ._models import TERMS_LIMIT, read_model
from ._modular import PRIME_LIMIT, is_prime, rank
from ._polynomial import Polynomial, Rational, orthogonality
from ._read import (
    DEPTH_LIMIT,
    NODES_LIMIT,
    Rejected,
    array,
    closed,
    integer,
    parse,
    polynomial,
    rational,
)
from ._rules import RULES, Law

VERSION = 1
VARIABLES_LIMIT = 100_000
CELLS_LIMIT = 250_000
"""Entries of a matrix of rationals."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The kernel's answer: whether the claim is proved, what it says, and why it was rejected if it was."""

    accepted: bool
    claim: str
    reason: str


def verify(certificate: object) -> Judgement:
    """Checks one certificate (parsed JSON). Never raises on any input; see docs/certificates.md for the format."""
    claim_text = "no readable claim"
    try:
        found = closed(certificate, "the certificate", "flowlaw", "version", "claim", "witness")
        if found["flowlaw"] != "certificate":
            raise Rejected("this is not a flowlaw certificate: the field 'flowlaw' is not 'certificate'")
        if found["version"] != VERSION or type(found["version"]) is not int:
            raise Rejected(f"the certificate is of version {_short(found['version'])}; this kernel reads {VERSION}")
        claim = found["claim"]
        kind = cast("dict[str, object]", claim).get("kind") if isinstance(claim, dict) else None
        if not isinstance(kind, str) or kind not in CLAIMS:
            raise Rejected(f"the kind of the claim is none of {', '.join(CLAIMS)}")
        claim_text = kind
        claim_text = CLAIMS[kind](cast("dict[str, object]", claim), found["witness"])
    except Rejected as rejection:
        return Judgement(False, claim_text, str(rejection))
    except (MemoryError, RecursionError, OverflowError):
        return Judgement(False, claim_text, "checking it would exceed the kernel's limits")
    return Judgement(True, claim_text, "")


def verify_text(text: str) -> Judgement:
    """Checks a certificate as it stands in a file."""
    try:
        return verify(parse(text))
    except Rejected as rejection:
        return Judgement(False, "no readable claim", str(rejection))


def _laws(value: object, parameters: int, least: int = 0) -> list[Law]:
    laws: list[Law] = []
    for entry in array(value, "laws", least=least, most=20_000):
        if isinstance(entry, dict) and "family" in entry:
            laws.append(cast("dict[str, object]", entry))
        else:
            law = closed(entry, "a law", "polynomial")
            laws.append(polynomial(law["polynomial"], "a law", parameters, most_terms=TERMS_LIMIT))
    return laws


def _check_laws(claim: Mapping[str, object], witness: object) -> str:
    """Each law is orthogonal to every generator of W: an identity over Q (A1.char.orthogonality)."""
    found = closed(claim, "the claim", "kind", "model", "laws")
    closed(witness, "the witness")
    form = read_model(found["model"])
    laws = _laws(found["laws"], form.parameters, least=1)
    for law in laws:
        if not isinstance(law, Polynomial):
            raise Rejected("this claim needs its laws written out as polynomials")
        form.check_law(law)
    return f"{_count(len(laws), 'polynomial')} conserved by every gradient flow of the model"


def _check_complete(claim: Mapping[str, object], witness: object) -> str:
    """The laws are laws, and there are no others near a generic point (A0.rank-certificate)."""
    found = closed(claim, "the claim", "kind", "model", "laws", "parameters", "independent_laws", "lie_dimension")
    form = read_model(found["model"])
    laws = _laws(found["laws"], form.parameters)
    for law in laws:
        if isinstance(law, Polynomial):
            form.check_law(law)
    rule = cast("dict[str, object]", witness).get("rule") if isinstance(witness, dict) else None
    if not isinstance(rule, str) or rule not in RULES:
        raise Rejected(f"the rule of the witness is none of {', '.join(RULES)}")
    independent = RULES[rule](form, laws, cast("dict[str, object]", witness))
    for name, value in (
        ("parameters", form.parameters),
        ("independent_laws", independent),
        ("lie_dimension", form.parameters - independent),
    ):
        if type(found[name]) is not int or found[name] != value:
            raise Rejected(f"the claim says {name} = {_short(found[name])}; the witness shows {value}")
    laws_text = _count(independent, "independent law")
    return f"{form.parameters} parameters, exactly {laws_text}, dim Lie {form.parameters - independent}"


def _check_refuted(claim: Mapping[str, object], witness: object) -> str:
    """At a rational point the law has a derivative that is not zero along some gradient of phi."""
    found = closed(claim, "the claim", "kind", "model", "law")
    form = read_model(found["model"])
    law = polynomial(found["law"], "the law", form.parameters, most_terms=TERMS_LIMIT)
    shown = closed(witness, "the witness", "point", "covector", "derivative")
    point = _rationals(shown["point"], "the point", form.parameters)
    total: Rational = 0
    for entry in array(shown["covector"], "the covector", least=1, most=1000):
        key, weight = array(entry, "an entry of the covector", least=2, most=2)
        slope = orthogonality(law, form.coordinate(key)).evaluate(point)
        total += rational(weight, "a weight of the covector") * slope
    derivative = rational(shown["derivative"], "the derivative")
    if total != derivative:
        raise Rejected(f"the derivative at the point is {_short(total)}, not {_short(derivative)}")
    if not total:
        raise Rejected("the derivative at the point is zero")
    return f"not a law: its derivative along a gradient of phi is {_short(total)} at the point"


def _check_identity(claim: Mapping[str, object], witness: object) -> str:
    """Pairs of expressions are equal as polynomials over Q."""
    found = closed(claim, "the claim", "kind", "variables", "equal")
    closed(witness, "the witness")
    reader = _Expressions(integer(found["variables"], "'variables'", 0, VARIABLES_LIMIT))
    pairs = array(found["equal"], "equal", least=1, most=10_000)
    for number, entry in enumerate(pairs):
        left, right = array(entry, "a pair of sides", least=2, most=2)
        if reader.expand(left) != reader.expand(right):
            raise Rejected(f"the two sides of identity {number} differ as polynomials")
    return f"{_count(len(pairs), 'polynomial identity', 'polynomial identities')} over Q"


def _check_value(claim: Mapping[str, object], witness: object) -> str:
    """Expressions take the stated exact values at a rational point; ``zero`` says whether each must vanish."""
    found = closed(claim, "the claim", "kind", "point", "values")
    closed(witness, "the witness")
    entries = array(found["point"], "the point", most=VARIABLES_LIMIT)
    point = _rationals(entries, "the point", len(entries))
    reader = _Expressions(len(point))
    values = array(found["values"], "values", least=1, most=10_000)
    for number, entry in enumerate(values):
        expression, stated = array(entry, "a value", least=2, most=2)
        value = reader.expand(expression).evaluate(point)
        if value != rational(stated, "a value"):
            raise Rejected(f"expression {number} has the value {_short(value)} at the point, not {_short(stated)}")
    return f"{_count(len(values), 'exact value')} at a rational point"


def _check_rank(claim: Mapping[str, object], witness: object) -> str:
    """A rational matrix has exactly this rank: a modular lower bound, and vectors of its kernel as upper bound."""
    found = closed(claim, "the claim", "kind", "matrix", "rank")
    shown = closed(witness, "the witness", "prime", "kernel")
    rows = array(found["matrix"], "the matrix", least=1, most=CELLS_LIMIT)
    width = len(array(rows[0], "a row", least=1, most=CELLS_LIMIT))
    if len(rows) * width > CELLS_LIMIT:
        raise Rejected(f"the matrix has more than {CELLS_LIMIT} entries")
    matrix = [_rationals(row, "a row of the matrix", width) for row in rows]
    stated = integer(found["rank"], "the rank", 0, width)
    prime = integer(shown["prime"], "the prime", 2, PRIME_LIMIT)
    if not is_prime(prime):
        raise Rejected(f"{prime} is not a prime")
    kernel = [_rationals(v, "a kernel vector", width) for v in array(shown["kernel"], "the kernel", most=width)]
    if len(kernel) != width - stated:
        raise Rejected(f"rank {stated} of {width} columns needs {width - stated} kernel vectors, not {len(kernel)}")
    for row in matrix:
        support = [(i, c) for i, c in enumerate(row) if c]
        if any(sum(c * vector[i] for i, c in support) for vector in kernel):
            raise Rejected("a stated kernel vector is not in the kernel")
    if _rank(kernel, prime) != len(kernel):
        raise Rejected("the kernel vectors are not independent modulo the prime")
    if _rank(matrix, prime) != stated:
        raise Rejected("the rank modulo the prime is not the stated one")
    return f"a {len(rows)} x {width} matrix over Q has rank exactly {stated}"


def _rank(rows: Sequence[Sequence[Rational]], prime: int) -> int:
    whole = [[int(c * lcm(*(Fraction(x).denominator for x in row))) % prime for c in row] for row in rows]
    return rank(np.array(whole, dtype=np.int64), prime) if whole else 0


def _rationals(value: object, what: str, length: int) -> list[Rational]:
    return [rational(entry, what) for entry in array(value, what, least=length, most=length)]


class _Expressions:
    """Expands trees of ``3``, ``"3/2"``, ``{"x": 0}``, ``{"+": [...]}``, ``{"*": [...]}``, ``{"^": [e, n]}``."""

    def __init__(self, variables: int) -> None:
        self.variables = variables
        self.nodes = NODES_LIMIT
        self.products = 10 * TERMS_LIMIT

    def expand(self, value: object, depth: int = 0) -> Polynomial:
        self.nodes -= 1
        if self.nodes < 0 or depth > DEPTH_LIMIT:
            raise Rejected("the expressions have too many nodes or are nested too deeply")
        if not isinstance(value, dict):
            return Polynomial.constant(rational(value, "a number of an expression"))
        node = cast("dict[str, object]", value)
        if len(node) != 1:
            raise Rejected("a node of an expression is not one of x, +, *, ^")
        (operator, inside), *_ = node.items()
        if operator == "x":
            return Polynomial.variable(integer(inside, "a variable", 0, self.variables - 1))
        if operator == "^":
            base, exponent = array(inside, "a power", least=2, most=2)
            return self._power(self.expand(base, depth + 1), integer(exponent, "an exponent", 0, 100))
        if operator not in ("+", "*"):
            raise Rejected(f"an expression has the unknown operator '{operator[:20]}'")
        parts = [self.expand(part, depth + 1) for part in array(inside, "an expression", most=NODES_LIMIT)]
        total = Polynomial.constant(0 if operator == "+" else 1)
        for part in parts:
            total = total + part if operator == "+" else self._product(total, part)
        return total

    def _power(self, base: Polynomial, exponent: int) -> Polynomial:
        power = Polynomial.constant(1)
        for _ in range(exponent):
            power = self._product(power, base)
        return power

    def _product(self, left: Polynomial, right: Polynomial) -> Polynomial:
        self.products -= len(left.terms) * len(right.terms)
        if self.products < 0:
            raise Rejected("expanding the expressions takes too many products")
        return left * right


def _short(value: object) -> str:
    """A value as text of bounded length; numbers too long to print are named by their size."""
    if isinstance(value, int | Fraction) and max(abs(value.numerator), value.denominator).bit_length() > 200:
        return f"a number of {max(abs(value.numerator), value.denominator).bit_length()} bits"
    return "no number" if isinstance(value, list | dict) else str(value)[:60]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


CLAIMS: dict[str, Callable[[Mapping[str, object], object], str]] = {
    "laws": _check_laws,
    "complete": _check_complete,
    "refuted": _check_refuted,
    "identity": _check_identity,
    "value": _check_value,
    "rank": _check_rank,
}
