"""What a certificate can claim, and how each claim is checked. The closed schema is certificate.schema.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import _expressions as expressions
from . import _intrinsic as intrinsic
from ._exact import Matrix, Polynomial, Vector, Work, combine, dot, number, over, read_point, read_polynomial
from ._models import PARAMETERS_LIMIT, read_form, read_setting
from ._modular import demand_rank, read_prime
from ._read import Node, Rejected, counted, demand, demand_equal, parse, short
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
        tag, version, claim, witness = Node(certificate, "certificate").fields("flowlaw", "version", "claim", "witness")
        tag.choice(("certificate",))
        read = version.integer(1, 10**6)
        demand(read == VERSION, f"the certificate is of version {read}; this kernel reads {VERSION}")
        claim_text, check, fields = claim.variant("kind", CLAIMS)
        claim_text = check(Work(), witness, *fields)
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


def _check_laws(work: Work, witness: Node, model: Node, listed: Node) -> str:
    """Each law is orthogonal to every generator of W: an identity over Q."""
    witness.fields()
    _, laws = read_setting(model, listed, work)
    written = laws != [] and all(isinstance(law, Polynomial) for law in laws)
    demand(written, "the claim 'laws' needs one law or more, each written out as a polynomial")
    return f"{counted(len(laws), 'polynomial')} conserved by every gradient flow of the model"


def _check_complete(work: Work, witness: Node, model: Node, listed: Node, *stated: Node) -> str:
    """The laws are laws, and there are no others near a generic point (A0.rank-certificate)."""
    form, laws = read_setting(model, listed, work)
    _, rule, evidence = witness.variant("rule", RULES)
    independent = rule(form, laws, *evidence)
    size, lie = form.parameters, form.parameters - independent
    for claimed, shown in zip(stated, (size, independent, lie), strict=True):
        said = claimed.integer(0, PARAMETERS_LIMIT)
        demand(said == shown, f"the claim says {claimed.key} = {said}; the witness shows {shown}")
    return f"near a generic point of {size} parameters exactly {counted(independent, 'independent law')}, dim Lie {lie}"


def _check_refuted(work: Work, witness: Node, model: Node, written: Node) -> str:
    """At a rational point the law has a derivative that is not zero along some gradient of phi."""
    form = read_form(model, work)
    law = read_polynomial(written, form.parameters)
    at, covector, stated = witness.fields("point", "covector", "derivative")
    point, weighted = read_point(at, form.parameters), list(covector.tuples(2, 1, 1000))
    of_law = law.jet(point, work)
    frames = form.frames([key for key, _ in weighted], point, {})
    slopes = (over(dot(of_law.slope, f.value, work), [of_law.scale, f.scale], work) for f in frames)
    weights = (number(weight.rational()) for _, weight in weighted)
    derivative = combine(list(zip(weights, map(number, slopes), strict=True)), work).constant()
    demand_equal("the derivative at the point", derivative, stated)
    demand(derivative != 0, "the derivative at the point is zero")
    return f"not a law: its derivative along a gradient of phi is {short(derivative)} at the point"


def _check_rank(work: Work, witness: Node, matrix: Node, stated: Node) -> str:
    """A rational matrix has exactly this rank: a modular lower bound, and vectors of its kernel as upper bound."""
    modulus, vectors = witness.fields("prime", "kernel")
    width = len(list(next(matrix.entries(1, CELLS_LIMIT)).entries(1, CELLS_LIMIT)))
    rank, prime = stated.integer(0, width), read_prime(modulus)
    rows, kernel = _rows(matrix, width), _rows(vectors, width)
    demand(len(kernel) == width - rank, f"{width - rank} vectors of the kernel are needed, not {len(kernel)}")
    demand(not any(map(Matrix(rows, work).times, kernel)), "a stated kernel vector is not in the kernel")
    demand_rank("kernel", kernel, width, width - rank, prime)
    demand_rank("matrix", rows, width, rank, prime)
    return f"a {len(rows)} x {width} matrix over Q has rank exactly {rank}"


def _rows(value: Node, width: int) -> list[Vector]:
    """Rows of rationals, each times its common denominator."""
    rows = [read_point(row, width).numbers for row in value.entries(0, CELLS_LIMIT // width)]
    return [{column: c for column, c in enumerate(row) if c} for row in rows]


CLAIMS: dict[str, tuple[Callable[..., str], tuple[str, ...]]] = {
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
"""What checks a claim, given the budget, the witness and the fields of these names."""
