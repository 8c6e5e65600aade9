"""What is known of a model before a point is looked at: its laws, whether they are all, and its generic dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...certificates import Certificate, laws_json
from ...errors import BadInput, FlowlawError, TooLarge
from ...kernel._models import Form, read_law, read_model
from ...kernel._read import Node, Rejected
from ...kernel._rules import law_gradients
from ...lie import balance_rank, find_completeness
from ...lie._complete import _scalar_blocks  # pyright: ignore[reportPrivateUsage]
from ...lie._residues import pivots
from ...models import DeepLinear, Model, PathLifting, PolynomialMap, Symmetric, known_laws
from ...polynomials import Polynomial
from .residues import PRIMES, Residues

PARAMETERS = 3_000
"""The largest number of parameters of a model whose points are looked at, path liftings without zero weights aside."""
_SEARCHED, _SMALL = 60, 12
"""Up to how many parameters unknown quadratic laws, and unknown laws of degree 4, are searched for."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A model, its listed laws h, and the dimensions at generic points.

    Attributes:
        model: any model.
        laws: the listed laws as polynomials, or None for the families that theory names.
        lie: dim Lie(W) at generic points, if ``complete``; else a lower bound.
        jacobian: the generic rank of dphi; exact if ``jacobian_exact``, else a lower bound.
        listed: the generic rank of dh for the listed laws; exact if ``all_listed`` or a family is known.
        complete: the certificate that there are ``D - lie`` independent laws; None if that is not proved.
        all_listed: the listed laws contain ``D - lie`` independent ones, so that they are all laws.
    """

    model: Model
    laws: tuple[Polynomial, ...] | None
    lie: int
    jacobian: int
    jacobian_exact: bool
    listed: int
    complete: Certificate | None
    _written: list[Polynomial] = field(default_factory=list[Polynomial], repr=False, compare=False)

    @property
    def parameters(self) -> int:
        return self.model.parameters

    @property
    def all_listed(self) -> bool:
        return self.complete is not None and self.listed == self.parameters - self.lie

    def written(self) -> list[Polynomial]:
        """The listed laws as polynomials."""
        if self.laws is not None:
            return list(self.laws)
        if not self._written:
            self._written.extend(law for family in known_laws(self.model) for law in family.polynomials())
        return self._written

    def form(self) -> Form:
        """The model as the kernel reads it, with a fresh budget.

        Raises:
            TooLarge: the kernel does not read models of this size.
        """
        try:
            return read_model(dict(self.model.kernel_form()))
        except Rejected as rejection:
            raise TooLarge(f"{self.model.spec} is too large to be looked at: {rejection}.") from None

    def law_rows(self, point: Residues, prime: int) -> Residues:
        """The gradients of the listed laws modulo ``prime``: shape (laws, D)."""
        return _law_rows(self.form(), law_names(self.model, self.laws), point, prime)


def setting(model: Model, *, seed: int = 0) -> Setting:
    """The listed laws are the known families; where theory names none, what a search for polynomial laws finds.

    Raises:
        TooLarge: more than ``PARAMETERS`` parameters (path liftings excepted), or coordinates that cannot be written.
    """
    if model.parameters > PARAMETERS and not isinstance(model, PathLifting):
        raise TooLarge(
            f"{model.spec} has {model.parameters} parameters; points of models with up to {PARAMETERS} are looked at. "
            "Use smaller widths."
        )
    try:
        return _by_families(model, seed) if isinstance(model, DeepLinear | PathLifting) else _by_search(model, seed)
    except Rejected as rejection:
        raise TooLarge(f"{model.spec} is too large to be looked at: {rejection}. Use smaller widths.") from None


def _by_families(model: DeepLinear | PathLifting, seed: int) -> Setting:
    found = find_completeness(model, levels=False, seed=seed)
    listed = model.hidden if isinstance(model, PathLifting) else found.independent_laws
    if isinstance(model, DeepLinear) and _scalar_blocks(model):
        # beside the balances there are laws that are no polynomials (A1.deep-linear.count)
        listed = balance_rank(model.widths) + (model.widths[1] if model.logits else 0)
    return Setting(
        model=model,
        laws=None,
        lie=found.lie_dimension,
        jacobian=found.w_dimension,
        jacobian_exact=True,
        listed=listed,
        complete=found.certificate,
    )


def _by_search(model: Model, seed: int) -> Setting:
    laws = list(dict.fromkeys(law for family in known_laws(model) for law in family.polynomials()))
    if not laws and model.parameters <= _SEARCHED:
        from ...laws import up_to

        degree = 4 if model.parameters <= _SMALL else 2
        try:
            laws = [law for found in up_to(model, degree) for law in found.new_generators]
        except BadInput:  # too large to be searched: nothing is listed
            laws = []
    try:
        found = find_completeness(model, laws, levels=False, seed=seed)
    except TooLarge:
        raise
    except FlowlawError:  # the kernel is not willing to check so much: nothing is proved complete
        found = find_completeness(model, levels=False, seed=seed)
    prime = PRIMES[0]
    point = np.random.default_rng(seed).integers(1, prime, model.parameters)
    rows = _law_rows(read_model(dict(model.kernel_form())), law_names(model, tuple(laws)), point, prime)
    listed = len(pivots(rows, prime)[0]) if len(rows) else 0
    upper = min(len(model.coordinates()), found.lie_dimension if found.complete else model.parameters)
    recipe = model.polynomials if isinstance(model, PolynomialMap) else None
    if isinstance(recipe, Symmetric) and recipe.r <= recipe.n:
        # dphi vanishes on U R, R skew, and U R = 0 for R = 0 alone where U has full rank
        upper = min(upper, model.parameters - recipe.r * (recipe.r - 1) // 2)
    return Setting(
        model=model,
        laws=tuple(laws),
        lie=found.lie_dimension,
        jacobian=found.w_dimension,
        jacobian_exact=found.w_dimension == upper,
        listed=listed,
        complete=found.certificate,
    )


def law_names(model: Model, laws: Sequence[Polynomial] | None) -> list[Mapping[str, object]]:
    """The listed laws as claims list them."""
    if laws is not None:
        return list(laws_json(laws))
    if isinstance(model, PathLifting):
        return [{"family": "neuron-balance"}]
    logits = isinstance(model, DeepLinear) and model.logits
    return [{"family": "balance"}, *([{"family": "output-sums"}] if logits else [])]


def _law_rows(form: Form, names: Sequence[Mapping[str, object]], point: Residues, prime: int) -> Residues:
    laws = [read_law(Node(law, "a law"), form.parameters) for law in names]
    try:
        return law_gradients(form, laws, point, prime)
    except Rejected as rejection:
        raise TooLarge(f"The laws are too large to be looked at: {rejection}.") from None
