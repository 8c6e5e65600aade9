"""What a certificate can claim, and how each claim is checked. The closed schema is certificate.schema.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ._exact import ONE, Polynomial, Work, at_point, combine, equal, number, product, read_polynomial, slopes, variable
from ._models import TERMS_LIMIT, Form, Law, read_model
from ._modular import rank, read_prime
from ._read import Rejected, array, choice, closed, entries, integer, opened, parse, rational, rationals, whole
from ._rules import RULES

VERSION = 1
VARIABLES_LIMIT = 100_000
CELLS_LIMIT = 250_000
"""Entries of a matrix of rationals."""
DEPTH_LIMIT = 200
"""Nesting of an expression."""
NODES_LIMIT = 200_000
"""Entries of one sum or product."""
NODE_WORK = 30
"""What it costs to look at a node of an expression."""

Claim = Mapping[str, object]


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
        claim = opened(found["claim"])
        claim_text = kind = choice(claim.get("kind"), "the kind of the claim", CLAIMS)
        claim_text = CLAIMS[kind](claim, found["witness"], Work())
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


def _laws(value: object, form: Form, least: int) -> list[Law]:
    """The laws of a claim, families only where it may have none; rejects a written one that is no law.

    The check is A1.char.orthogonality.
    """
    laws: list[Law] = []
    for entry in array(value, "laws", least=least, most=20_000):
        law = opened(entry)
        if "family" in law and not least:
            laws.append(law)
        else:
            written = closed(law, "a law", "polynomial")["polynomial"]
            laws.append(read_polynomial(written, "a law", form.parameters, TERMS_LIMIT))
    form.check_laws([law for law in laws if isinstance(law, Polynomial)])
    return laws


def _check_laws(claim: Claim, witness: object, work: Work) -> str:
    """Each law is orthogonal to every generator of W: an identity over Q."""
    found = closed(claim, "the claim", "kind", "model", "laws")
    closed(witness, "the witness")
    laws = _laws(found["laws"], read_model(found["model"], work), 1)
    return f"{_count(len(laws), 'polynomial')} conserved by every gradient flow of the model"


def _check_complete(claim: Claim, witness: object, work: Work) -> str:
    """The laws are laws, and there are no others near a generic point (A0.rank-certificate)."""
    found = closed(claim, "the claim", "kind", "model", "laws", "parameters", "independent_laws", "lie_dimension")
    form = read_model(found["model"], work)
    laws = _laws(found["laws"], form, 0)
    rule = choice(opened(witness).get("rule"), "the rule of the witness", RULES)
    independent = RULES[rule](form, laws, witness)
    size, lie = form.parameters, form.parameters - independent
    for name, shown in (("parameters", size), ("independent_laws", independent), ("lie_dimension", lie)):
        if type(found[name]) is not int or found[name] != shown:
            raise Rejected(f"the claim says {name} = {_short(found[name])}; the witness shows {shown}")
    return f"near a generic point of {size} parameters exactly {_count(independent, 'independent law')}, dim Lie {lie}"


def _check_refuted(claim: Claim, witness: object, work: Work) -> str:
    """At a rational point the law has a derivative that is not zero along some gradient of phi."""
    found = closed(claim, "the claim", "kind", "model", "law")
    form = read_model(found["model"], work)
    of_law = slopes(read_polynomial(found["law"], "the law", form.parameters, TERMS_LIMIT), work)
    shown = closed(witness, "the witness", "point", "covector", "derivative")
    point = rationals(shown["point"], "the point", form.parameters)
    parts: list[tuple[Polynomial, Polynomial]] = []
    for entry in array(shown["covector"], "the covector", least=1, most=1000):
        key, written = entries(entry, "an entry of the covector", 2)
        weight = number(rational(written, "a weight of the covector"))
        for index, slope in slopes(form.coordinate(key), work, of_law).items():
            along = combine([(weight, at_point(slope, point, work))], work)
            parts.append((at_point(of_law[index], point, work), along))
    total, derivative = combine(parts, work).constant(), rational(shown["derivative"], "the derivative")
    if total != derivative:
        raise Rejected(f"the derivative at the point is {_short(total)}, not {_short(derivative)}")
    if not total:
        raise Rejected("the derivative at the point is zero")
    return f"not a law: its derivative along a gradient of phi is {_short(total)} at the point"


def _check_identity(claim: Claim, witness: object, work: Work) -> str:
    """Pairs of expressions are equal as polynomials over Q."""
    found = closed(claim, "the claim", "kind", "variables", "equal")
    closed(witness, "the witness")
    count = integer(found["variables"], "'variables'", 0, VARIABLES_LIMIT)
    pairs = array(found["equal"], "equal", least=1, most=10_000)
    for place, entry in enumerate(pairs):
        left, right = (_expand(side, count, variable, work) for side in entries(entry, "a pair of sides", 2))
        if not equal(left, right, work):
            raise Rejected(f"the two sides of identity {place} differ as polynomials")
    return f"{_count(len(pairs), 'polynomial identity', 'polynomial identities')} over Q"


def _check_value(claim: Claim, witness: object, work: Work) -> str:
    """Expressions take the stated exact values at a rational point."""
    found = closed(claim, "the claim", "kind", "point", "values")
    closed(witness, "the witness")
    listed = array(found["point"], "the point", most=VARIABLES_LIMIT)
    point = [number(value) for value in rationals(listed, "the point", len(listed))]
    values = array(found["values"], "values", least=1, most=10_000)
    for place, entry in enumerate(values):
        expression, written = entries(entry, "a value", 2)
        stated = rational(written, "a value")
        exact = _expand(expression, len(point), point.__getitem__, work).constant()
        if exact != stated:
            raise Rejected(f"expression {place} has the value {_short(exact)} at the point, not {_short(stated)}")
    return f"{_count(len(values), 'exact value')} at a rational point"


def _expand(tree: object, count: int, atom: Callable[[int], Polynomial], work: Work, depth: int = 0) -> Polynomial:
    """Expands a tree of ``3``, ``"3/2"``, ``{"x": 0}``, ``{"+": [...]}``, ``{"*": [...]}``, ``{"^": [tree, n]}``.

    The variable i < ``count`` stands for ``atom(i)``.
    """
    work.spend(NODE_WORK)
    node = opened(tree)
    if not node:
        return number(rational(tree, "a number of an expression"))
    if len(node) != 1 or depth > DEPTH_LIMIT:
        raise Rejected("a node of an expression is not one of x, +, *, ^, or is nested too deeply")
    ((operator, inside),) = node.items()
    if operator == "x":
        return atom(integer(inside, "a variable", 0, count - 1))
    if operator == "^":
        base, exponent = entries(inside, "a power", 2)
        factors = [_expand(base, count, atom, work, depth + 1)] * integer(exponent, "an exponent", 0, 100)
    else:
        listed = array(inside, "a sum or product", most=NODES_LIMIT)
        factors = [_expand(part, count, atom, work, depth + 1) for part in listed]
    if choice(operator, "the operator of an expression", ("^", "*", "+")) == "+":
        return combine([(factor, ONE) for factor in factors], work)
    return product(factors, work)


def _check_rank(claim: Claim, witness: object, work: Work) -> str:
    """A rational matrix has exactly this rank: a modular lower bound, and vectors of its kernel as upper bound."""
    found = closed(claim, "the claim", "kind", "matrix", "rank")
    shown = closed(witness, "the witness", "prime", "kernel")
    first, *_ = array(found["matrix"], "the matrix", least=1, most=CELLS_LIMIT)
    width = len(array(first, "a row", least=1, most=CELLS_LIMIT))
    stated = integer(found["rank"], "the rank", 0, width)
    prime = read_prime(shown["prime"])
    matrix, kernel = _rows(found["matrix"], "the matrix", width), _rows(shown["kernel"], "the kernel", width)
    if len(kernel) != width - stated:
        raise Rejected(f"rank {stated} of {width} columns needs {width - stated} kernel vectors, not {len(kernel)}")
    longest = max((c.bit_length() for vector in kernel for c in vector), default=0)
    for row in matrix:
        support = [(i, c) for i, c in enumerate(row) if c]
        work.spend(len(support) * len(kernel) * (1 + longest // 64) * (1 + max(map(int.bit_length, row)) // 64))
        if any(sum(c * vector[i] for i, c in support) for vector in kernel):
            raise Rejected("a stated kernel vector is not in the kernel")
    for name, vectors, least in (("kernel", kernel, width - stated), ("matrix", matrix, stated)):
        residues = [[c % prime for c in vector] for vector in vectors]
        if least and rank(np.array(residues, dtype=np.int64), prime) < least:
            raise Rejected(f"the rank of the {name} is below {least} modulo the prime")
    return f"a {len(matrix)} x {width} matrix over Q has rank exactly {stated}"


def _rows(value: object, what: str, width: int) -> list[list[int]]:
    """Rows of rationals, each times its common denominator."""
    rows = array(value, what, most=CELLS_LIMIT // width)
    return [whole(rationals(row, f"a row of {what}", width))[0] for row in rows]


def _short(value: object) -> str:
    """A value as text of bounded length; numbers too long to print are named by their size."""
    if isinstance(value, int | Fraction):
        bits = max(abs(value.numerator), value.denominator).bit_length()
        return str(value) if bits <= 200 else f"a number of {bits} bits"
    return ascii(value[:60]) if isinstance(value, str) else "no number"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


CLAIMS: dict[str, Callable[[Claim, object, Work], str]] = {
    "laws": _check_laws,
    "complete": _check_complete,
    "refuted": _check_refuted,
    "identity": _check_identity,
    "value": _check_value,
    "rank": _check_rank,
}
