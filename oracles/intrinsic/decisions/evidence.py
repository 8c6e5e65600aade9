"""What was found at a point, and the certificates that it gives; only what the kernel has accepted is passed on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...certificates import Certificate
from ...kernel import verify
from ...models import DeepLinear, Model, PathLifting
from ...polynomials import Rational
from ...proofs import exact_rank, inclusion, two_points, values, violation
from .._closed_form import ClosedForm
from ..criterion.directions import Witness, kernel_basis
from ..criterion.functions import tree
from ..criterion.geometry import Geometry
from ..criterion.local import Local
from ..criterion.residues import PRIMES, prime_for
from ..criterion.rotations import Rotation, rotated
from ..criterion.setting import Setting
from .pairs import Pair

_WRITTEN = 250_000
"""Entries of a matrix that goes into a certificate of its rank."""
_KERNEL_WORK = 260_000_000
"""Products of weights that the kernel may take for the rank of a path lifting; above, the structural rule is alone."""
_TERMS = 20_000
"""Terms of polynomials whose values go into a certificate."""
_BASIS = 40
"""Parameters up to which a basis of K_1 that is no set of rotations goes into a certificate."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found at a point, before it is turned into verdicts.

    Attributes:
        geometry: ranks.
        rotations: independent rotations of hidden layers that keep all balances.
        witness: a direction in K_1 that changes M, or None.
        pair: two points of one fibre with different M, or None.
        closed_form: of the reduced flow from the point, or None.
    """

    geometry: Geometry
    rotations: tuple[Rotation, ...]
    witness: Witness | None
    pair: Pair | None
    closed_form: ClosedForm | None
    refused: list[str] = field(default_factory=list[str], compare=False)

    def accepted(self, certificate: Certificate | None) -> tuple[Certificate, ...]:
        """The certificate if the kernel accepts it; why not is kept in ``refused``."""
        if certificate is None:
            return ()
        judgement = verify(certificate)
        if not judgement.accepted:
            self.refused.append(judgement.reason)
        return (certificate,) if judgement.accepted else ()


def _prime(point: Iterable[Rational]) -> int:
    return prime_for(list(point)) or PRIMES[0]


def trivial_kernel(evidence: Evidence) -> tuple[Certificate, ...]:
    """Certificates that K_1 = 0 at the point: the criterion itself where it is affordable, the structural rule."""
    geometry = evidence.geometry
    setting, point = geometry.setting, geometry.point
    structural = isinstance(setting.model, PathLifting) and all(point) and setting.complete is not None
    proofs: tuple[Certificate, ...] = (setting.complete,) if structural and setting.complete is not None else ()
    if structural:
        paths = setting.model.coordinate_terms()
        if min(paths, setting.parameters) * paths * _length(setting.model) ** 2 > _KERNEL_WORK:
            return proofs
    found = evidence.accepted(inclusion(setting.model, setting.laws, point, [], prime=_prime(point)))
    return (*found, *proofs) if found or structural else ()


def _length(model: Model) -> int:
    """The weights on the first path of a path lifting."""
    return len(next(iter(model.paths()))) if isinstance(model, PathLifting) else 1


def by_rotations(evidence: Evidence) -> Certificate:
    """The claim that the rotations found span K_1, so that M does not change on it."""
    geometry = evidence.geometry
    setting, point = geometry.setting, geometry.point
    return inclusion(setting.model, setting.laws, point, [], rotations=evidence.rotations, prime=_prime(point))


def violation_certificate(evidence: Evidence, found: Witness) -> Certificate:
    """The claim that M changes along a direction of K_1."""
    geometry = evidence.geometry
    setting = geometry.setting
    return violation(setting.model, setting.laws, geometry.point, found.vector, found.coordinates, found.derivative)


def nonzero_kernel(evidence: Evidence) -> tuple[Certificate, ...]:
    """A certificate that shows a direction in K_1."""
    geometry = evidence.geometry
    if evidence.rotations and geometry.kernel_dimension == len(evidence.rotations):
        return evidence.accepted(by_rotations(evidence))
    if evidence.witness is not None:
        return evidence.accepted(violation_certificate(evidence, evidence.witness))
    return evidence.accepted(by_basis(evidence))


def by_basis(evidence: Evidence) -> Certificate | None:
    """The claim that M does not change on K_1, by a basis of it; none for larger models."""
    geometry = evidence.geometry
    setting, point = geometry.setting, geometry.point
    if setting.parameters > _BASIS:
        return None
    return inclusion(setting.model, setting.laws, point, kernel_basis(geometry), prime=_prime(point))


def rank_certificate(geometry: Geometry) -> Certificate | None:
    """The exact rank of dphi at the point, if it is short enough to be written down."""
    model, local = geometry.setting.model, Local(geometry.setting.model, geometry.point)
    if local.size * model.parameters > _WRITTEN:
        return None
    rows: list[list[Rational]] = []
    for index in range(local.size):
        gradient = local.gradient(index)
        rows.append([gradient.get(k, 0) for k in range(model.parameters)])
    return exact_rank(rows)


def values_of_laws(evidence: Evidence) -> Certificate | None:
    """The exact values of all listed laws at the point."""
    geometry = evidence.geometry
    laws = geometry.setting.written()
    if sum(len(law.terms) for law in laws) > _TERMS:
        return None
    return values(geometry.point, [(tree(law), law.evaluate(geometry.point)) for law in laws])


def same_values(evidence: Evidence) -> Certificate | None:
    """The point and another one, turned by a rotation of a hidden layer: all coordinates and laws have equal values."""
    geometry = evidence.geometry
    setting, point, size = geometry.setting, geometry.point, geometry.setting.parameters
    model = setting.model
    if not evidence.rotations or not isinstance(model, DeepLinear) or model.coordinate_terms() > _TERMS:
        return None
    both = [*model.coordinates(), *setting.written()]
    if sum(len(polynomial.terms) for polynomial in both) > _TERMS:
        return None
    turned = rotated(model, point, evidence.rotations[0])
    pairs = [(tree(f, shift), f.evaluate(point)) for f in both for shift in (0, size)]
    return values([*point, *turned], pairs)


def pair_certificate(setting: Setting, pair: Pair) -> Certificate:
    """The claim that phi and the laws agree at the two points, and M does not."""
    return two_points(setting.model, setting.laws, (pair.first, pair.second), pair.coordinates, pair.metric)
