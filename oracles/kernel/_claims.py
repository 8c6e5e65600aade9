"""What a certificate can claim, and how each claim is checked. The closed schema is certificate.schema.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import _expressions as expressions
from . import _intrinsic as intrinsic
from ._exact import Matrix, Polynomial, Vector, Work, combine, dot, jet, number, over, read_point, read_polynomial
from ._models import TERMS_LIMIT, read_laws, read_model
from ._modular import demand_rank, read_prime
from ._read import (
    Rejected,
    array,
    closed,
    counted,
    demand,
    demand_equal,
    entries,
    integer,
    parse,
    rational,
    short,
    variant,
)
from ._rules import RULES

VERSION = 1
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
        names = ("flowlaw", "version", "claim", "witness")
        form, version, claim, witness = closed(certificate, "the certificate", *names)
        demand(form == "certificate", "this is not a flowlaw certificate: the field 'flowlaw' is not 'certificate'")
        known = type(version) is int and version == VERSION
        demand(known, f"the certificate is of version {short(version)}; this kernel reads {VERSION}")
        claim_text, check, fields = variant(claim, "the claim", "kind", CLAIMS)
        claim_text = check(fields, witness, Work())
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


def _check_laws(fields: Sequence[object], witness: object, work: Work) -> str:
    """Each law is orthogonal to every generator of W: an identity over Q."""
    model, written = fields
    closed(witness, "the witness")
    laws = read_laws(written, read_model(model, work), 1)
    return f"{counted(len(laws), 'polynomial')} conserved by every gradient flow of the model"


def _check_complete(fields: Sequence[object], witness: object, work: Work) -> str:
    """The laws are laws, and there are no others near a generic point (A0.rank-certificate)."""
    model, written, *stated = fields
    form = read_model(model, work)
    laws = read_laws(written, form)
    _, rule, evidence = variant(witness, "the witness", "rule", RULES)
    independent = rule(form, laws, evidence)
    size, lie = form.parameters, form.parameters - independent
    names = ("parameters", "independent_laws", "lie_dimension")
    for name, claimed, shown in zip(names, stated, (size, independent, lie), strict=True):
        right = type(claimed) is int and claimed == shown
        demand(right, f"the claim says {name} = {short(claimed)}; the witness shows {shown}")
    laws_text = counted(independent, "independent law")
    return f"near a generic point of {size} parameters exactly {laws_text}, dim Lie {lie}"


def _check_refuted(fields: Sequence[object], witness: object, work: Work) -> str:
    """At a rational point the law has a derivative that is not zero along some gradient of phi."""
    model, law = fields
    form = read_model(model, work)
    polynomial = read_polynomial(law, "the law", form.parameters, TERMS_LIMIT)
    written, covector, stated = closed(witness, "the witness", "point", "covector", "derivative")
    point = read_point(written, "the point", form.parameters)
    of_law = jet(polynomial, point, work)
    parts: list[tuple[Polynomial, Polynomial]] = []
    for entry in array(covector, "the covector", least=1, most=1000):
        key, weight = entries(entry, "an entry of the covector", 2)
        [of_phi] = form.frames([key], point, {})
        slope = over(dot(of_law.gradient, of_phi.gradient, work), [of_law.scale, of_phi.scale], work)
        parts.append((number(rational(weight, "a weight of the covector")), number(slope)))
    derivative = combine(parts, work).constant()
    demand_equal("the derivative at the point", derivative, stated)
    demand(derivative != 0, "the derivative at the point is zero")
    return f"not a law: its derivative along a gradient of phi is {short(derivative)} at the point"


def _check_rank(fields: Sequence[object], witness: object, work: Work) -> str:
    """A rational matrix has exactly this rank: a modular lower bound, and vectors of its kernel as upper bound."""
    matrix, stated = fields
    written, vectors = closed(witness, "the witness", "prime", "kernel")
    first, *_ = array(matrix, "the matrix", least=1, most=CELLS_LIMIT)
    width = len(array(first, "a row", least=1, most=CELLS_LIMIT))
    rank, prime = integer(stated, "the rank", 0, width), read_prime(written)
    rows, kernel = _rows(matrix, "the matrix", width), _rows(vectors, "the kernel", width)
    needed = f"rank {rank} of {width} columns needs {width - rank} kernel vectors"
    demand(len(kernel) == width - rank, f"{needed}, not {len(kernel)}")
    demand(not any(map(Matrix(enumerate(rows), work).times, kernel)), "a stated kernel vector is not in the kernel")
    demand_rank("kernel", kernel, width, width - rank, prime)
    demand_rank("matrix", rows, width, rank, prime)
    return f"a {len(rows)} x {width} matrix over Q has rank exactly {rank}"


def _rows(value: object, what: str, width: int) -> list[Vector]:
    """Rows of rationals, each times its common denominator."""
    listed = array(value, what, most=CELLS_LIMIT // width)
    rows = [read_point(row, f"a row of {what}", width).numbers for row in listed]
    return [{column: c for column, c in enumerate(row) if c} for row in rows]


CLAIMS: dict[str, tuple[Callable[[Sequence[object], object, Work], str], tuple[str, ...]]] = {
    "laws": (_check_laws, ("model", "laws")),
    "complete": (_check_complete, ("model", "laws", "parameters", "independent_laws", "lie_dimension")),
    "refuted": (_check_refuted, ("model", "law")),
    "identity": (expressions.check_identity, ("variables", "equal")),
    "value": (expressions.check_value, ("point", "values")),
    "rank": (_check_rank, ("matrix", "rank")),
    "inclusion": (intrinsic.check_inclusion, ("model", "laws", "point", "kernel_dimension")),
    "violation": (intrinsic.check_violation, ("model", "laws", "point", "coordinates", "derivative")),
    "fibre": (intrinsic.check_fibre, ("model", "laws", "points", "coordinates", "metric")),
}
"""What checks a claim, and the fields that it reads."""
