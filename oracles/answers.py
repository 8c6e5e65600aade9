"""Questions a theorist asks in one line: all laws of a model, and whether an expression is a law of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from .certificates import Certificate
from .errors import BadInput, TooLarge
from .expressions import Matrix, evaluate, parse
from .kernel import verify
from .laws import PolynomialLaws, functional_rank, up_to
from .lie import Completeness, balance_rank, find_completeness
from .models import DeepLinear, LawFamily, Model, PathLifting, known_laws
from .polynomials import Polynomial
from .proofs import Refutation, conserved, find_refutation

_SMALL, _MIDDLE = 12, 400
"""Up to how many parameters polynomial laws of degree 4, and of degree 2, are listed unless a degree is asked for."""


@dataclass(frozen=True, slots=True)
class AllLaws:
    """Everything ``flowlaw laws`` says about a model."""

    model: Model
    completeness: Completeness
    families: tuple[LawFamily, ...]
    known_laws: int
    polynomial_laws: tuple[PolynomialLaws, ...]
    polynomial_ranks: tuple[int, ...]
    """The functional rank of the laws of each degree."""
    polynomial_rank: int
    """The functional rank of all polynomial laws found together."""
    note: str
    seconds: float


def all_laws(model: Model, degree: int | None = None, *, structure: bool = True, seed: int = 0) -> AllLaws:
    """The laws of ``model`` up to ``degree``, and a proof, where one is found, that there are no others.

    Args:
        model: any model.
        degree: of the polynomial laws to list; 0 lists none. By default 4 for small models, 2 for larger ones.
        structure: see ``find_completeness``.
        seed: of the random points.

    Raises:
        BadInput: the degree is out of range.
        TooLarge: the polynomial laws that were asked for do not fit into memory.
    """
    start = perf_counter()
    note = ""
    found: list[PolynomialLaws] = []
    if degree is None:
        try:
            found = up_to(model, _default_degree(model)) if _default_degree(model) else []
        except TooLarge as error:
            note = str(error)
    elif degree:
        found = up_to(model, degree)
    new = [law for laws in found for law in laws.new_generators]
    completeness = find_completeness(model, new, structure=structure, seed=seed)
    ranks = tuple(functional_rank(laws.basis, model.parameters) for laws in found)
    return AllLaws(
        model=model,
        completeness=completeness,
        families=known_laws(model),
        known_laws=_known(model),
        polynomial_laws=tuple(found),
        polynomial_ranks=ranks,
        polynomial_rank=functional_rank(new, model.parameters) if new else 0,
        note=note,
        seconds=perf_counter() - start,
    )


def _default_degree(model: Model) -> int:
    return 4 if model.parameters <= _SMALL else 2 if model.parameters <= _MIDDLE else 0


def _known(model: Model) -> int:
    """The number of independent laws among those that theory declares."""
    if isinstance(model, DeepLinear) and not model.logits:
        return balance_rank(model.widths)
    if isinstance(model, PathLifting):
        return model.hidden
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    return functional_rank(laws, model.parameters) if laws else 0


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer to a conjecture: PROVED with a certificate, or REFUTED with a counterexample that has one."""

    verdict: Literal["PROVED", "REFUTED"]
    model: Model
    value: Matrix
    certificate: Certificate
    refutation: Refutation | None
    entry: tuple[int, int] | None
    """The entry of the matrix that is refuted, counted from 1."""


def prove(expression: str, model: Model) -> Proof:
    """Decides whether every entry of ``expression`` is a law of ``model``.

    Raises:
        BadInput: the expression cannot be read, does not fit the model, or is constant (every constant is conserved).
        TooLarge: the coordinates of the model or the expression cannot be written out.
    """
    value = evaluate(parse(expression), model)
    entries = list(dict.fromkeys(entry for entry in value.entries if entry.variables()))
    if not entries:
        raise BadInput(
            f"'{expression[:200]}' does not depend on the parameters of {model.spec}: a constant is always "
            "conserved. Write an expression in the blocks " + ", ".join(block.name for block in model.blocks) + "."
        )
    certificate = conserved(model, entries)
    judgement = verify(certificate)
    if judgement.accepted:
        return Proof("PROVED", model, value, certificate, None, None)
    for entry in entries:
        refutation = find_refutation(model, entry)
        if refutation is not None:
            if not verify(refutation.certificate).accepted:
                raise AssertionError("the kernel rejected a counterexample")
            place = divmod(value.entries.index(entry), value.shape[1])
            return Proof("REFUTED", model, value, refutation.certificate, refutation, (place[0] + 1, place[1] + 1))
    raise TooLarge(f"{model.spec} is too large to decide '{expression[:200]}': {judgement.reason}. Use smaller widths.")


def counterexample(proof: Proof) -> Sequence[str]:
    """The lines that let a person check a refutation by hand; empty for a proof."""
    from .models import parameter_name

    refutation = proof.refutation
    if refutation is None:
        return ()
    model = proof.model
    nonzero = [f"{parameter_name(model, i)} = {value}" for i, value in enumerate(refutation.point) if value]
    lines = ["at " + ", ".join(nonzero) + ", all other parameters 0" if nonzero else "at the origin"]
    gradient = _gradient_text(model, refutation)
    lines.append(f"the flow along {gradient[0]}")
    lines.append(f"changes the expression at the rate {refutation.derivative}, not 0")
    if gradient[1]:
        lines.append(gradient[1])
    return lines


def _gradient_text(model: Model, refutation: Refutation) -> tuple[str, str]:
    from .models import law_text

    index = refutation.coordinate
    if isinstance(model, DeepLinear) and not model.logits:
        row, column = divmod(index, model.widths[-1])
        product = "*".join(block.name for block in model.blocks)
        data = (
            f"for example: one sample x = e_{column + 1} with target y = {product}*x + e_{row + 1} under the squared "
            "loss |phi*x - y|^2/2"
        )
        return f"the gradient of entry [{row + 1},{column + 1}] of {product}", data
    coordinate = model.coordinates()[index]
    if len(coordinate.terms) <= 6:
        return f"the gradient of phi_{index + 1} = {law_text(coordinate, model)}", ""
    return f"the gradient of coordinate {index + 1} of phi", ""


def polynomial_lines(laws: Sequence[Polynomial], model: Model, most: int) -> list[str]:
    """The first ``most`` laws as text."""
    from .models import law_text

    return [law_text(law, model) for law in laws[:most]]
