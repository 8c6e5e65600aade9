"""The answers to the three questions of A3.def.properties, and how each is reached from the geometry at a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...certificates import Certificate
from ...models import DeepLinear, PathLifting
from ..criterion.functions import metric_identity
from ..criterion.geometry import Geometry, lie_certificate
from ..linear.classification import Classification, classify_model
from .evidence import (
    Evidence,
    by_basis,
    by_rotations,
    nonzero_kernel,
    pair_certificate,
    rank_certificate,
    same_values,
    trivial_kernel,
    values_of_laws,
    violation_certificate,
)

Verdict = Literal["PROVED", "REFUTED", "UNDECIDED"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One property at one point.

    Attributes:
        verdict: PROVED and REFUTED rest on ``certificates``, which the kernel has accepted; UNDECIDED on nothing.
        reason: one or two sentences: what was found, and how far it reaches.
        theorem: the id of the entry of the lawbook that turns the certificates into the verdict.
        certificates: accepted by the kernel.
    """

    verdict: Verdict
    reason: str
    theorem: str
    certificates: tuple[Certificate, ...] = ()


def undecided(reason: str, theorem: str, evidence: Evidence) -> Answer:
    """UNDECIDED, with what the kernel did not accept, if there is such a thing."""
    extra = f". The kernel did not accept what was found: {evidence.refused[-1]}" if evidence.refused else ""
    return Answer("UNDECIDED", reason + extra, theorem)


def recoverability(evidence: Evidence) -> Answer:
    """Is theta locally a function of (phi(theta), h(theta))?"""
    geometry = evidence.geometry
    setting, k = geometry.setting, geometry.kernel_dimension
    if k == 0:
        proofs = trivial_kernel(evidence)
        if proofs:
            return Answer(
                "PROVED",
                f"locally: rank (dphi ; dh) = {setting.parameters} = D, an open condition, so K_1 = 0 near this point",
                "A3.path-lifting" if isinstance(setting.model, PathLifting) else "A3.recoverability-criterion",
                proofs,
            )
    if setting.complete is not None and geometry.jacobian_rank == setting.lie:
        # rank dphi <= dim Lie(W) <= its generic value, so both are constant here, and ker dh = range dphi^T
        proofs = evidence.accepted(rank_certificate(geometry))
        if proofs:
            return Answer(
                "PROVED",
                f"locally: rank dphi = dim Lie(W) = {setting.lie} near this point, so K_1 = 0 for the laws that exist "
                "there by Frobenius' theorem; the listed polynomials are not enough here",
                "A3.frobenius",
                (setting.complete, *proofs),
            )
    refuted = _by_pair(evidence, "two points with the same phi and the same laws")
    if refuted is not None:
        return refuted
    if k and geometry.constant and setting.all_listed:
        proofs = nonzero_kernel(evidence)
        if proofs:
            return Answer(
                "REFUTED",
                f"K_1 has dimension {k} at all points near this one: the fibre of (phi, h) through it is a manifold "
                "of that dimension",
                "A3.recoverability-criterion",
                proofs,
            )
    if setting.jacobian_exact and geometry.jacobian_rank == setting.jacobian < setting.lie:
        brackets = lie_certificate(geometry)
        if brackets is not None:
            return Answer(
                "REFUTED",
                f"dim Lie(W) is {setting.lie} at this point and rank dphi {setting.jacobian} near it: inside the orbit "
                f"of Lie(W) phi is constant on a manifold of dimension {setting.lie - setting.jacobian}, and so is "
                "every law, polynomial or not",
                "A3.recoverability-criterion",
                (brackets,),
            )
    proofs = evidence.accepted(same_values(evidence))
    if proofs:
        return Answer(
            "REFUTED",
            "turning a hidden layer by a rotation that commutes with its balance matrix gives another theta with the "
            "same phi and the same laws",
            "A3.recoverability-criterion",
            proofs,
        )
    return undecided(_why_open(geometry), "A3.recoverability-criterion", evidence)


def metric(evidence: Evidence, recovered: Answer) -> Answer:
    """Is M a function of phi on the level set of the laws?"""
    geometry, model = evidence.geometry, evidence.geometry.setting.model
    if recovered.verdict == "PROVED":
        return Answer(
            "PROVED",
            "locally: theta is a function of (phi, h) near this point, hence M is",
            recovered.theorem,
            recovered.certificates,
        )
    refuted = _by_pair(evidence, "M differs at two points with the same phi and the same laws")
    if refuted is not None:
        return refuted
    if isinstance(model, DeepLinear) and geometry.constant and geometry.kernel_dimension == len(evidence.rotations):
        proofs = evidence.accepted(by_rotations(evidence))
        if proofs:
            k = geometry.kernel_dimension
            return Answer(
                "PROVED",
                f"locally: at all points of the level set near this one K_1 is spanned by {k} "
                f"rotation{'s' * (k != 1)} of hidden layers that commute with the balance matrices, and M does not "
                "change along these",
                "A3.kernel-criterion",
                proofs,
            )
    if evidence.witness is not None and geometry.constant and geometry.setting.all_listed:
        proofs = evidence.accepted(violation_certificate(evidence, evidence.witness))
        if proofs:
            return Answer(
                "REFUTED",
                "the rank of (dphi ; dh) is constant near this point, and M changes along a direction of K_1",
                "A3.kernel-criterion",
                proofs,
            )
    if isinstance(model, DeepLinear) and len(model.widths) == 3 and not model.logits:
        classified = _by_classification(evidence, classify_model(model, geometry.point))
        if classified is not None:
            return classified
    if isinstance(model, DeepLinear) and evidence.closed_form is not None:
        proofs = evidence.accepted(values_of_laws(evidence))
        if proofs:
            return Answer(
                "PROVED",
                f"on the level set: the hypotheses of {evidence.closed_form.theorem} hold at this point exactly, and "
                "its closed form gives M there",
                evidence.closed_form.theorem,
                proofs,
            )
    if not isinstance(model, DeepLinear | PathLifting):
        proofs = evidence.accepted(metric_identity(geometry.setting))
        if proofs:
            return Answer(
                "PROVED",
                "everywhere: each entry of M is a combination of 1, coordinates of phi and laws, by an identity",
                "A3.def.properties",
                proofs,
            )
    return undecided(_why_open(geometry), "A3.kernel-criterion", evidence)


def dynamic(evidence: Evidence, of_metric: Answer) -> Answer:
    """Is M a function of phi along all trajectories from the point?"""
    theorem = "A3.def.properties"
    if of_metric.verdict == "PROVED":
        return Answer(
            "PROVED",
            f"{of_metric.reason.partition(':')[0]}: the metric property implies it",
            theorem,
            of_metric.certificates,
        )
    pair = evidence.pair
    if of_metric.verdict == "REFUTED" and pair is not None and pair.orbit:
        return Answer(
            "REFUTED",
            "the two points lie on one orbit of Lie(W), so that gradient flows of losses that change in time lead from "
            f"one to the other: {pair.orbit}",
            theorem,
            (*of_metric.certificates, *([pair.brackets] if pair.brackets is not None else [])),
        )
    if of_metric.verdict == "REFUTED" and evidence.witness is not None and evidence.geometry.constant:
        # the orbit fills the level set near the point, and K_1 is the tangent space of its fibres
        brackets = lie_certificate(evidence.geometry)
        if brackets is not None:
            return Answer(
                "REFUTED",
                f"dim Lie(W) is {evidence.geometry.setting.lie} at this point, so near it the level set is an orbit of "
                "Lie(W), where gradient flows of losses that change in time lead, and M changes along its fibres",
                theorem,
                (*of_metric.certificates, brackets),
            )
    if of_metric.verdict == "REFUTED":
        reason = (
            "M is no function of phi on the level set, but no two exact points on one orbit of Lie(W) were found that "
            "show the same of the points that trajectories reach"
        )
        return Answer("UNDECIDED", reason, theorem)
    return Answer("UNDECIDED", of_metric.reason, theorem)


def frobenius(evidence: Evidence, recovered: Answer) -> Answer:
    """Is rank dphi constant near the point, and equal to dim Lie(W)?"""
    geometry, theorem = evidence.geometry, "A3.frobenius"
    setting, rank = geometry.setting, geometry.jacobian_rank
    if rank is None or setting.complete is None:
        return undecided(_why_open(geometry), theorem, evidence)
    if rank == setting.lie:
        # what shows that K_1 = 0 for all laws shows the rank at the point as well
        proofs = (setting.complete, *(proof for proof in recovered.certificates if proof is not setting.complete))
        return Answer("PROVED", f"rank dphi = dim Lie(W) = {rank} near this point", theorem, proofs)
    if rank < setting.jacobian:
        reason = (
            f"rank dphi is {rank} here and {setting.jacobian} at generic points: it is not constant near this point"
        )
        proofs = evidence.accepted(rank_certificate(geometry))
        if proofs:
            return Answer("REFUTED", reason, theorem, proofs)
        return undecided("dphi is too large for a certificate of its rank at this point", theorem, evidence)
    if setting.jacobian_exact:
        return Answer(
            "REFUTED",
            f"rank dphi is {rank} near this point, and dim Lie(W) is {setting.lie} at the generic points among them",
            theorem,
            (setting.complete,),
        )
    return undecided(_why_open(geometry), theorem, evidence)


def _by_pair(evidence: Evidence, says: str) -> Answer | None:
    pair, setting = evidence.pair, evidence.geometry.setting
    if pair is None:
        return None
    proofs = evidence.accepted(pair_certificate(setting, pair))
    theorem = "A3.def.properties"
    if isinstance(setting.model, PathLifting):
        theorem = "A3.zero-weights"
    elif isinstance(setting.model, DeepLinear) and len(setting.model.widths) == 3:
        n, r, m = setting.model.widths
        theorem = "A3.linear2.counterexample" if min(n, m) < r < max(n, m) else "A3.linear2.converse"
    return Answer("REFUTED", f"{says}, given below", theorem, proofs) if proofs else None


def _by_classification(evidence: Evidence, found: Classification) -> Answer | None:
    """Points at which the rank is not constant, but the orbit is understood."""
    theorem = "A3.linear2.converse"
    if found.holds is None:
        return None
    if found.holds:
        proofs = evidence.accepted(by_basis(evidence))
        if not proofs and evidence.geometry.kernel_dimension == len(evidence.rotations):
            proofs = evidence.accepted(by_rotations(evidence))
        return Answer("PROVED", f"locally on the orbit: {found.reason}", theorem, proofs) if proofs else None
    if evidence.witness is None:
        return None
    proofs = evidence.accepted(violation_certificate(evidence, evidence.witness))
    return Answer("REFUTED", f"on the orbit: {found.reason}", theorem, proofs) if proofs else None


def _why_open(geometry: Geometry) -> str:
    setting = geometry.setting
    if setting.complete is None:
        return "the laws that were found are not proved to be all"
    if geometry.kernel_dimension is None:
        return "the exact ranks at this point are too large to be taken"
    if geometry.kernel_dimension == 0:
        return "K_1 = 0, but no certificate of that is short enough for the kernel"
    if geometry.constant is False:
        return (
            f"the rank of (dphi ; dh) is {setting.parameters - geometry.kernel_dimension} here and larger at points "
            "near by, so the kernel criterion decides nothing at this point"
        )
    if not setting.all_listed:
        return "not all laws are polynomials that were found, so K_1 may be smaller than what is seen"
    if geometry.constant is None:
        return "it is not proved that the rank of (dphi ; dh) is constant near this point"
    return "no direction of K_1 with numbers short enough for a certificate was found"
