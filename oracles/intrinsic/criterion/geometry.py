"""Exact local geometry: the ranks of dphi and dh at a rational point, and whether they are constant near it.

Gradients of laws are orthogonal to the gradients of phi at every point, so over Q the ranks add up: with J = dphi and
H = dh, ``rank (J ; H) = rank J + rank H`` and ``dim K_1 = D - rank J - rank H``. Both are constant near a point iff
they are the generic ranks there, since a rank can only fall at special points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from ...certificates import Certificate, certificate
from ...errors import BadInput, TooLarge
from ...kernel import verify
from ...kernel._flow import Program, times
from ...lie._flows import jacobian, span
from ...lie._residues import pivots
from ...models import DeepLinear, Model, PathLifting
from ...polynomials import Rational
from ..linear.matrices import rank, transposed, whole_matrix
from .local import Local, matrices
from .residues import Residues, prime_for, residue
from .setting import PARAMETERS, Setting, law_names

_WORK = 6 * 10**9
"""Numbers that the rows of dphi may pass through."""
_CHUNK = 2**21
_BRACKETS = 6 * 10**8
"""Multiplications of one evaluation of each bracket up to which they are evaluated at a point."""
_EXACT_CELLS = 250_000
"""Entries of dphi up to which its exact rank is taken where the modular one is not enough."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Ranks at a point.

    Attributes:
        setting: the model and its laws.
        point: D rationals.
        jacobian_rank: of dphi at the point, exact; None where it could not be decided.
        law_rank: of dh at the point for the listed laws, exact; None where it could not be decided.
    """

    setting: Setting
    point: tuple[Rational, ...]
    jacobian_rank: int | None
    law_rank: int | None

    @property
    def kernel_dimension(self) -> int | None:
        """``dim K_1``, K_1 = ker dphi cap ker dh."""
        if self.jacobian_rank is None or self.law_rank is None:
            return None
        return self.setting.parameters - self.jacobian_rank - self.law_rank

    @property
    def constant(self) -> bool | None:
        """Whether the rank of (dphi ; dh) is constant near the point; None where that is not proved either way."""
        if self.jacobian_rank is None or self.law_rank is None:
            return None
        setting = self.setting
        if self.jacobian_rank < setting.jacobian or self.law_rank < setting.listed:
            return False
        if setting.jacobian_exact and (setting.all_listed or isinstance(setting.model, DeepLinear | PathLifting)):
            return True
        # rank dphi <= dim Lie <= D - rank dh everywhere, so nothing larger is possible where they add up to D
        return True if self.kernel_dimension == 0 else None

    @property
    def fibre_dimension(self) -> int | None:
        """``dim Lie(W) - rank dphi``: of the fibres of phi inside the reachable set, where dimensions are constant."""
        if self.setting.complete is None or self.jacobian_rank is None:
            return None
        return self.setting.lie - self.jacobian_rank


def geometry(setting: Setting, point: Sequence[Rational]) -> Geometry:
    """The ranks at ``point``.

    Raises:
        BadInput: a point of another length, or one whose denominators contain all primes in use.
        TooLarge: the model has too many parameters or coordinates to be looked at; said before the work starts.
    """
    model = setting.model
    if len(point) != model.parameters:
        raise BadInput(f"A point of {model.spec} has {model.parameters} entries; {len(point)} were given.")
    at = tuple(point)
    if isinstance(model, PathLifting) and all(at):
        # docs/rules.md, rule 'paths': at every point without zero weights
        return Geometry(setting, at, model.parameters - model.hidden, model.hidden)
    if model.parameters > PARAMETERS:
        raise TooLarge(
            f"{model.spec} has {model.parameters} parameters; points with zero weights are looked at for up to "
            f"{PARAMETERS}. Use a smaller network, or a point without zero weights."
        )
    if isinstance(model, DeepLinear) and len(model.widths) == 3:
        return Geometry(setting, at, *_two_layers(setting, model, at))
    prime = prime_for(at)
    if prime is None:
        raise BadInput("The denominators of the point are multiples of all primes in use. Change them by a little.")
    numbers = residue(at, prime)
    of_phi: int | None = len(pivots(jacobian_rows(setting, numbers, prime), prime)[0])
    if not (setting.jacobian_exact and of_phi == setting.jacobian):
        of_phi = _exact_jacobian(model, at)
    laws = setting.law_rows(numbers, prime)
    of_laws: int | None = len(pivots(laws, prime)[0]) if len(laws) else 0
    if of_laws not in (len(laws), _most_laws(setting)):
        of_laws = _exact_laws(setting, at)
    return Geometry(setting, at, of_phi, of_laws)


def _most_laws(setting: Setting) -> int | None:
    """An upper bound of the rank of dh at any point."""
    if isinstance(setting.model, DeepLinear | PathLifting):
        return setting.listed
    return setting.parameters - setting.lie if setting.complete is not None else None


def jacobian_rows(setting: Setting, point: Residues, prime: int) -> Residues:
    """Rows that span, modulo ``prime``, a part of the range of ``dphi^T``: all of it but for bad luck.

    All gradients; where phi has many more coordinates than parameters, D + 8 random combinations of them.
    """
    form = setting.form()
    program = form.program(prime)
    size, parameters = program.dimension, setting.parameters
    wanted = min(size, parameters + 8)
    if wanted * program.cells > _WORK:
        raise TooLarge(
            f"{setting.model.spec}: the gradients of its {size} coordinates at {parameters} parameters are too large "
            "to be looked at. Use smaller widths."
        )
    if size <= wanted:
        return jacobian(program, point)
    return _combinations(program, point, wanted, prime)


def lie_certificate(geometry: Geometry) -> Certificate | None:
    """A proof that ``dim Lie(W)`` at the point is the generic one; None where that was not found.

    It is the claim ``complete``, by brackets at a whole point with the residues of this one: modular ranks depend on
    residues alone, and they bound the ranks at this point from below as well. With laws that are all listed, they have
    full rank at the point too; without, W fills an involutive family of fields.
    """
    setting, prime = geometry.setting, prime_for(geometry.point)
    if setting.complete is None or prime is None:
        return None
    claim, witness = (cast("dict[str, object]", setting.complete[part]) for part in ("claim", "witness"))
    if setting.all_listed and geometry.law_rank == setting.listed:
        claim = {**claim, "laws": law_names(setting.model, setting.laws)}
        family: dict[str, object] = {"rule": "dense"}
    elif witness["rule"] == "involutive":
        family = {name: witness[name] for name in ("rule", "basis", "fields", "brackets")}
    else:
        return None
    program = setting.form().program(prime)
    if setting.lie * program.products > _BRACKETS:
        return None
    at, draw = residue(geometry.point, prime), np.random.default_rng(0)
    found = span(program, program.dimension, at, prime, target=setting.lie, generator=draw)
    proof = certificate(claim, {**family, "prime": prime, "point": at.tolist(), **found.fields()})
    return proof if len(found.rows) == setting.lie and verify(proof).accepted else None


def _combinations(program: Program, point: Residues, wanted: int, prime: int) -> Residues:
    draw = np.random.default_rng(0)
    each = max(1, _CHUNK // program.cells)
    rows = [
        program.field(
            point[None, None], draw.integers(prime, size=(1, min(each, wanted - low), program.dimension)), times
        )
        for low in range(0, wanted, each)
    ]
    return np.concatenate([part[0] for part in rows])


def _two_layers(setting: Setting, model: DeepLinear, point: Sequence[Rational]) -> tuple[int, int | None]:
    """The ranks of dphi and dh from those of U, V and P = (U ; V); see docs/intrinsic.md.

    ``dphi(A, B) = A V^T + U B^T`` fills the matrices whose rows lie in the row space of V^T, and those whose columns
    lie in that of U: ``n v + m u - u v``. dDelta fills the symmetric forms that vanish on ker P.
    """
    first, second = matrices(model, point)
    r, m = model.widths[1], model.widths[2]
    n = model.widths[0] - model.logits
    seen = [[a - b for a, b in zip(row, first[-1], strict=True)] for row in first[:-1]] if model.logits else first
    u, v = rank(seen), rank(second)
    lost = r - rank([*first, *transposed(second)])
    of_laws = _exact_laws(setting, point) if model.logits else r * (r + 1) // 2 - lost * (lost + 1) // 2
    return n * v + m * u - u * v, of_laws


def law_gradients(setting: Setting, point: Sequence[Rational]) -> list[dict[int, Rational]]:
    """The exact gradients of the listed laws, their entries that are not zero."""
    rows: list[dict[int, Rational]] = []
    for law in setting.written():
        row = {k: part.evaluate(point) for k, part in law.gradient().items()}
        rows.append({k: value for k, value in row.items() if value})
    return rows


def _exact_laws(setting: Setting, point: Sequence[Rational]) -> int | None:
    if len(setting.written()) * setting.parameters > _EXACT_CELLS:
        return None
    return _rank(law_gradients(setting, point), setting.parameters)


def _exact_jacobian(model: Model, point: Sequence[Rational]) -> int | None:
    local = Local(model, point)
    if local.size * model.parameters > _EXACT_CELLS:
        return None
    return _rank([local.gradient(i) for i in range(local.size)], model.parameters)


def _rank(rows: Sequence[dict[int, Rational]], columns: int) -> int:
    return int(whole_matrix(rows, columns).rank()) if rows else 0
