"""What a certificate can claim, and how each claim is checked. The closed schema is certificate.schema.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import cast

import numpy as np

from ._exact import Work, common_denominator, length, product, size, slopes, value
from ._models import TERMS_LIMIT, read_model
from ._modular import PRIME_LIMIT, is_prime, rank
from ._polynomial import Monomial, Polynomial, Rational
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
WORK_LIMIT = 15 * 10**6
"""Steps of exact arithmetic, of about a tenth of a microsecond each."""


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
        claim_text = CLAIMS[kind](cast("dict[str, object]", claim), found["witness"], Work(WORK_LIMIT))
    except Rejected as rejection:
        return Judgement(False, claim_text, str(rejection))
    except (MemoryError, RecursionError, OverflowError, ValueError):
        return Judgement(False, claim_text, "checking it would exceed the limits of this machine or interpreter")
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
        law = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        if "family" in law:
            laws.append(law)
        else:
            closed(law, "a law", "polynomial")
            laws.append(polynomial(law["polynomial"], "a law", parameters, most_terms=TERMS_LIMIT))
    return laws


def _check_laws(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """Each law is orthogonal to every generator of W: an identity over Q (A1.char.orthogonality)."""
    found = closed(claim, "the claim", "kind", "model", "laws")
    closed(witness, "the witness")
    form = read_model(found["model"])
    laws = _laws(found["laws"], form.parameters, least=1)
    polynomials = [law for law in laws if isinstance(law, Polynomial)]
    if len(polynomials) < len(laws):
        raise Rejected("this claim needs its laws written out as polynomials")
    form.check_laws(polynomials, work)
    return f"{_count(len(laws), 'polynomial')} conserved by every gradient flow of the model"


def _check_complete(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """The laws are laws, and there are no others near a generic point (A0.rank-certificate)."""
    found = closed(claim, "the claim", "kind", "model", "laws", "parameters", "independent_laws", "lie_dimension")
    form = read_model(found["model"])
    laws = _laws(found["laws"], form.parameters)
    form.check_laws([law for law in laws if isinstance(law, Polynomial)], work)
    rule = cast("dict[str, object]", witness).get("rule") if isinstance(witness, dict) else None
    if not isinstance(rule, str) or rule not in RULES:
        raise Rejected(f"the rule of the witness is none of {', '.join(RULES)}")
    independent = RULES[rule](form, laws, cast("dict[str, object]", witness), work)
    for name, number in (
        ("parameters", form.parameters),
        ("independent_laws", independent),
        ("lie_dimension", form.parameters - independent),
    ):
        if type(found[name]) is not int or found[name] != number:
            raise Rejected(f"the claim says {name} = {_short(found[name])}; the witness shows {number}")
    laws_text = _count(independent, "independent law")
    lie = form.parameters - independent
    return f"near a generic point of {form.parameters} parameters exactly {laws_text}, dim Lie {lie}"


def _check_refuted(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """At a rational point the law has a derivative that is not zero along some gradient of phi."""
    found = closed(claim, "the claim", "kind", "model", "law")
    form = read_model(found["model"])
    law = polynomial(found["law"], "the law", form.parameters, most_terms=TERMS_LIMIT)
    shown = closed(witness, "the witness", "point", "covector", "derivative")
    point = _rationals(shown["point"], "the point", form.parameters)
    of_law = slopes(law, work)
    total: Rational = 0
    for entry in array(shown["covector"], "the covector", least=1, most=1000):
        key, written = array(entry, "an entry of the covector", least=2, most=2)
        weight = rational(written, "a weight of the covector")
        of_coordinate = slopes(form.coordinate(key), work, of_law)
        for variable in of_law.keys() & of_coordinate.keys():
            a, b = (value(slope[variable], point, work) for slope in (of_law, of_coordinate))
            work.spend(length(total, weight, a, b) ** 2)
            total += weight * a * b
    derivative = rational(shown["derivative"], "the derivative")
    if total != derivative:
        raise Rejected(f"the derivative at the point is {_short(total)}, not {_short(derivative)}")
    if not total:
        raise Rejected("the derivative at the point is zero")
    return f"not a law: its derivative along a gradient of phi is {_short(total)} at the point"


def _check_identity(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """Pairs of expressions are equal as polynomials over Q."""
    found = closed(claim, "the claim", "kind", "variables", "equal")
    closed(witness, "the witness")
    reader = _Expressions(integer(found["variables"], "'variables'", 0, VARIABLES_LIMIT), work)
    pairs = array(found["equal"], "equal", least=1, most=10_000)
    for number, entry in enumerate(pairs):
        left, right = array(entry, "a pair of sides", least=2, most=2)
        if not reader.equal(left, right):
            raise Rejected(f"the two sides of identity {number} differ as polynomials")
    return f"{_count(len(pairs), 'polynomial identity', 'polynomial identities')} over Q"


def _check_value(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """Expressions take the stated exact values at a rational point."""
    found = closed(claim, "the claim", "kind", "point", "values")
    closed(witness, "the witness")
    entries = array(found["point"], "the point", most=VARIABLES_LIMIT)
    point = _rationals(entries, "the point", len(entries))
    reader = _Expressions(len(point), work)
    values = array(found["values"], "values", least=1, most=10_000)
    for number, entry in enumerate(values):
        expression, stated = array(entry, "a value", least=2, most=2)
        whole, below = reader.expand(expression)
        exact = Fraction(value(whole, point, work)) / below
        claimed = rational(stated, "a value")
        if exact != claimed:
            raise Rejected(f"expression {number} has the value {_short(exact)} at the point, not {_short(claimed)}")
    return f"{_count(len(values), 'exact value')} at a rational point"


def _check_rank(claim: Mapping[str, object], witness: object, work: Work) -> str:
    """A rational matrix has exactly this rank: a modular lower bound, and vectors of its kernel as upper bound."""
    found = closed(claim, "the claim", "kind", "matrix", "rank")
    shown = closed(witness, "the witness", "prime", "kernel")
    rows = array(found["matrix"], "the matrix", least=1, most=CELLS_LIMIT)
    width = len(array(rows[0], "a row", least=1, most=CELLS_LIMIT))
    stated = integer(found["rank"], "the rank", 0, width)
    prime = integer(shown["prime"], "the prime", 2, PRIME_LIMIT)
    if not is_prime(prime):
        raise Rejected(f"{prime} is not a prime")
    matrix = _whole_rows(rows, "the matrix", width, work)
    kernel = _whole_rows(array(shown["kernel"], "the kernel", most=width), "the kernel", width, work)
    if len(kernel) != width - stated:
        raise Rejected(f"rank {stated} of {width} columns needs {width - stated} kernel vectors, not {len(kernel)}")
    longest = max((length(*vector) for vector in kernel), default=1)
    for row in matrix:
        support = [(i, c) for i, c in enumerate(row) if c]
        work.spend(len(support) * len(kernel) * longest * length(*row))
        if any(sum(c * vector[i] for i, c in support) for vector in kernel):
            raise Rejected("a stated kernel vector is not in the kernel")
    for name, vectors, least in (("kernel", kernel, width - stated), ("matrix", matrix, stated)):
        residues = np.array([[c % prime for c in vector] for vector in vectors], dtype=np.int64)
        if least and rank(residues, prime) < least:
            raise Rejected(f"the rank of the {name} is below {least} modulo the prime")
    return f"a {len(rows)} x {width} matrix over Q has rank exactly {stated}"


def _whole_rows(rows: Sequence[object], what: str, width: int, work: Work) -> list[list[int]]:
    """Rows of rationals, each times its common denominator."""
    if len(rows) * width > CELLS_LIMIT:
        raise Rejected(f"{what} has more than {CELLS_LIMIT} entries")
    out: list[list[int]] = []
    for row in rows:
        numbers = _rationals(row, f"a row of {what}", width)
        below = common_denominator(numbers)
        work.spend(width * length(below))
        out.append([int(c * below) for c in numbers])
    return out


def _rationals(value: object, what: str, length: int) -> list[Rational]:
    return [rational(entry, what) for entry in array(value, what, least=length, most=length)]


class _Expressions:
    """Expands trees of ``3``, ``"3/2"``, ``{"x": 0}``, ``{"+": [...]}``, ``{"*": [...]}``, ``{"^": [e, n]}``.

    A tree becomes a polynomial with whole coefficients and the number that it is to be divided by.
    """

    def __init__(self, variables: int, work: Work) -> None:
        self.variables = variables
        self.work = work
        self.nodes = NODES_LIMIT

    def equal(self, left: object, right: object) -> bool:
        return not self._sum([self.expand(left), self._product(self.expand(-1), self.expand(right))])[0]

    def expand(self, value: object, depth: int = 0) -> tuple[Polynomial, int]:
        self.nodes -= 1
        if self.nodes < 0 or depth > DEPTH_LIMIT:
            raise Rejected("the expressions have too many nodes or are nested too deeply")
        if not isinstance(value, dict):
            number = rational(value, "a number of an expression")
            return Polynomial.constant(number.numerator), number.denominator
        node = cast("dict[str, object]", value)
        if len(node) != 1:
            raise Rejected("a node of an expression is not one of x, +, *, ^")
        (operator, inside), *_ = node.items()
        if operator == "x":
            return Polynomial.variable(integer(inside, "a variable", 0, self.variables - 1)), 1
        total = Polynomial.constant(1), 1
        if operator == "^":
            base, exponent = array(inside, "a power", least=2, most=2)
            expanded = self.expand(base, depth + 1)
            for _ in range(integer(exponent, "an exponent", 0, 100)):
                total = self._product(total, expanded)
            return total
        if operator not in ("+", "*"):
            raise Rejected(f"an expression has the unknown operator {str(operator)[:20]!a}")
        parts = [self.expand(part, depth + 1) for part in array(inside, "an expression", most=NODES_LIMIT)]
        if operator == "+":
            return self._sum(parts)
        for part in parts:
            total = self._product(total, part)
        return total

    def _product(self, left: tuple[Polynomial, int], right: tuple[Polynomial, int]) -> tuple[Polynomial, int]:
        self.work.spend(length(left[1]) * length(right[1]))
        return product(left[0], right[0], self.work), left[1] * right[1]

    def _sum(self, parts: Sequence[tuple[Polynomial, int]]) -> tuple[Polynomial, int]:
        below = 1
        for _, denominator in parts:
            self.work.spend(length(below) * length(denominator))
            below = lcm(below, denominator)
        total: dict[Monomial, Rational] = {}
        for part, denominator in parts:
            self.work.spend(length(below) * (length(denominator) + size(part)))
            factor = below // denominator
            for monomial, c in part.terms.items():
                total[monomial] = total.get(monomial, 0) + factor * c
        return Polynomial(total), below


def _short(value: object) -> str:
    """A value as text of bounded length; numbers too long to print are named by their size."""
    if isinstance(value, int | Fraction) and max(abs(value.numerator), value.denominator).bit_length() > 200:
        return f"a number of {max(abs(value.numerator), value.denominator).bit_length()} bits"
    if isinstance(value, str):
        return ascii(value[:60])
    return "no number" if isinstance(value, list | dict) else str(value)[:60]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


CLAIMS: dict[str, Callable[[Mapping[str, object], object, Work], str]] = {
    "laws": _check_laws,
    "complete": _check_complete,
    "refuted": _check_refuted,
    "identity": _check_identity,
    "value": _check_value,
    "rank": _check_rank,
}
