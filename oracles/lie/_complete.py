"""All laws of a model: choose a rule, find its witness, and let the kernel decide.

Search is untrusted: a set of laws is called complete only after ``kernel.verify`` has accepted the certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .. import limits
from ..certificates import Certificate, certificate, laws_json
from ..errors import FlowlawError, TooLarge
from ..kernel import verify
from ..kernel._exact import Polynomial as Written
from ..kernel._exact import read_polynomial
from ..kernel._models import Form, Law, read_model
from ..kernel._read import Node, Rejected
from ..models import DeepLinear, Model, PathLifting, known_laws
from ..polynomials import Polynomial
from ._dense import dense_witness, involutive_witness
from ._flows import jacobian
from ._levels import level_ranks
from ._local import local_witness
from ._residues import PRIME, pivots

Family = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is known about the number of laws of a model near a generic point.

    Where ``complete`` is true, ``certificate`` proves ``independent_laws`` and ``lie_dimension`` and the kernel has
    accepted it. Elsewhere ``independent_laws`` counts the laws found, and there are at most
    ``parameters - lie_dimension``.
    """

    parameters: int
    w_dimension: int
    lie_dimension: int
    independent_laws: int
    level_ranks: tuple[int, ...] | None
    rule: str
    families: tuple[Family, ...]
    certificate: Certificate | None

    @property
    def complete(self) -> bool:
        return self.certificate is not None


def find_completeness(
    model: Model, polynomials: Sequence[Polynomial] = (), *, structure: bool = True, levels: bool = True, seed: int = 0
) -> Completeness:
    """Proves, where it can, that the known families and the given ``polynomials`` are all laws of ``model``.

    Args:
        model: any model.
        polynomials: laws found elsewhere; needed where no family is known (user maps).
        structure: whether structural rules may be used; without them only the dense sandwich is tried.
        levels: whether the rank after each level of brackets is wanted.
        seed: of the random points.

    Raises:
        TooLarge: the coordinates of the model cannot be written out and no structural rule applies.
        FlowlawError: the kernel does not accept what was found, for it asks for too much work.
    """
    kernel_model = dict(model.kernel_form())
    best = (0, 0)
    for search in _searches(model, structure):
        found = search(model, polynomials, seed)
        best = max(best, (found.lie_rank, found.law_rank))
        if found.witness is None:
            continue
        independent = found.law_rank
        claim = {
            "kind": "complete",
            "model": kernel_model,
            "laws": list(found.laws),
            "parameters": model.parameters,
            "independent_laws": independent,
            "lie_dimension": model.parameters - independent,
        }
        proved = certificate(claim, found.witness)
        judgement = verify(proved)
        if not judgement.accepted:
            raise FlowlawError(
                f"A certificate was found for {model.spec}, but the kernel does not accept it: {judgement.reason}. "
                "Nothing is claimed. Check that every polynomial handed in is a law, or use smaller widths."
            )
        return _result(model, found, proved, levels, seed)
    return _result(model, _Found((), None, *best), None, levels, seed)


@dataclass(frozen=True, slots=True)
class _Found:
    """What one search brought back: the laws it used, its witness if the ranks add up, and the ranks."""

    laws: tuple[Mapping[str, object], ...]
    witness: Mapping[str, object] | None
    lie_rank: int
    law_rank: int


def _result(model: Model, found: _Found, proved: Certificate | None, levels: bool, seed: int) -> Completeness:
    w = _w_dimension(model, seed)
    ranks: list[int] | None = [w]
    if isinstance(model, PathLifting) or not levels:
        ranks = [w] if levels else None
    elif w < found.lie_rank:
        ranks = level_ranks(read_model(dict(model.kernel_form())), found.lie_rank, seed)
    return Completeness(
        parameters=model.parameters,
        w_dimension=w,
        lie_dimension=found.lie_rank,
        independent_laws=found.law_rank,
        level_ranks=tuple(ranks) if ranks is not None else None,
        rule=str(found.witness["rule"]) if found.witness is not None else "none",
        families=tuple(law for law in found.laws if "family" in law),
        certificate=proved,
    )


def _searches(model: Model, structure: bool) -> Iterator[Callable[[Model, Sequence[Polynomial], int], _Found]]:
    if structure and isinstance(model, PathLifting):
        yield _by_paths
    if structure and isinstance(model, DeepLinear) and not model.logits and not _scalar_blocks(model):
        yield _by_chains
    yield _by_dense_sandwich
    if not isinstance(model, DeepLinear | PathLifting):
        yield _by_involutive_family


def _by_paths(model: Model, polynomials: Sequence[Polynomial], seed: int) -> _Found:
    hidden = model.hidden if isinstance(model, PathLifting) else 0
    return _Found(({"family": "neuron-balance"},), {"rule": "paths"}, model.parameters - hidden, hidden)


def _by_chains(model: Model, polynomials: Sequence[Polynomial], seed: int) -> _Found:
    widths = model.widths if isinstance(model, DeepLinear) else ()
    witness = local_witness(widths)
    known = balance_rank(widths) if witness else 0
    return _Found(({"family": "balance"},), witness, model.parameters - known if witness else 0, known)


def _by_dense_sandwich(model: Model, polynomials: Sequence[Polynomial], seed: int) -> _Found:
    if isinstance(model, DeepLinear):
        laws: list[Family] = [{"family": "balance"}]
        if model.logits:
            laws.append({"family": "output-sums"})
        laws += [{"family": "block-first-integrals", "from": i, "to": j} for i, j in _scalar_blocks(model)]
    elif isinstance(model, PathLifting):
        laws = [{"family": "neuron-balance"}]
    else:
        known = [law for family in known_laws(model) for law in family.polynomials()]
        laws = list(laws_json(list(dict.fromkeys([*known, *polynomials]))))
    form = _form(model)
    readable: list[Law] = [law if "family" in law else _polynomial(law, form.parameters) for law in laws]
    try:
        witness, lie_rank, law_rank = dense_witness(form, readable, seed)
    except Rejected as rejection:
        raise TooLarge(f"{model.spec} is too large for a dense certificate: {rejection}. Use smaller widths.") from None
    return _Found(tuple(laws), witness, lie_rank, law_rank)


def _by_involutive_family(model: Model, polynomials: Sequence[Polynomial], seed: int) -> _Found:
    found = involutive_witness(_form(model), seed)
    if found is None:
        return _Found((), None, 0, 0)
    witness, bound = found
    return _Found((), witness, bound, model.parameters - bound)


def _form(model: Model) -> Form:
    try:
        return read_model(dict(model.kernel_form()))
    except Rejected as rejection:
        raise TooLarge(f"{model.spec} is too large to be certified: {rejection}.") from None


def _polynomial(law: Mapping[str, object], parameters: int) -> Written:
    return read_polynomial(Node(law["polynomial"], "a law"), parameters, limits.LAW_TERMS)


def _scalar_blocks(model: DeepLinear) -> list[tuple[int, int]]:
    """Consecutive layers of width one with at least two layers between them (A1.deep-linear.count)."""
    ones = [i for i, width in enumerate(model.widths) if width == 1]
    return [(i, j) for i, j in pairwise(ones) if j - i >= 3]


def balance_rank(widths: Sequence[int]) -> int:
    """The number of independent entries of all balance matrices (A1.deep-linear.known-laws)."""
    total = 0
    for before, width, after in zip(widths, widths[1:], widths[2:], strict=False):
        lost = max(0, width - before - after)
        total += width * (width + 1) // 2 - lost * (lost + 1) // 2
    return total


def _w_dimension(model: Model, seed: int) -> int:
    """The generic rank of the Jacobian of phi.

    Linear networks: the dimension of the matrices of rank at most r, r the smallest width. Path liftings: see the rule
    'paths'. Elsewhere a modular rank at a random point.
    """
    if isinstance(model, DeepLinear):
        rows, columns = model.widths[0] - model.logits, model.widths[-1]
        r = min(rows, *model.widths[1:])
        return r * (rows + columns - r)
    if isinstance(model, PathLifting):
        return model.parameters - model.hidden
    form = _form(model)
    point = np.random.default_rng(seed).integers(1, PRIME, form.parameters)
    return len(pivots(jacobian(form.program(PRIME), point), PRIME)[0])
