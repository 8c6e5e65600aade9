"""``discover``: proposals from a trace and from null spaces, confirmed by gradients, named and classified."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..symmetry import Family, Pairs, Shears
from ..target import Target
from ._affine import affine_count
from ._cuts import (
    Cut,
    Vector,
    axis_cuts,
    defects,
    entry_cuts,
    independent,
    on_entries,
    on_slices,
    scalings,
    shifts,
    signature,
)
from ._draws import Sampler
from ._mixing import BLOCK, Mixed, upgrade
from ._names import (
    Context,
    Mixes,
    name_of_scaling,
    name_of_translation,
    oriented,
    row_of_scaling,
    row_of_translation,
)
from ._pairs import Products, search_pairs
from ._proposals import Proposal
from ._result import Discovery, NearLaw, Searched
from ._search import Search, search
from ._settling import Settling
from ._shears import shears
from ._trace import Trace, trace_of
from ._translations import dead_entries, scan

SLICES = 1500
"""Unknown slices up to which a null space is computed without a trace."""
TRACED_SLICES = 400
"""The same where a trace has proposed the symmetries, and the null space only has to agree."""
ENTRIES = 260
"""Entries up to which each is an unknown of its own."""
PAIRS = 600
"""Pairs of slices up to which mixings without a scaling are searched."""
PRODUCTS = 4096
"""Channels up to which products of gradients and parameters are formed."""
AFFINE = 20
"""Parameters up to which all affine generators are counted."""
LARGE = 1_000_000
"""Parameters from which on each gradient is asked for as seldom as may be: three draws, three to confirm, one extreme
one. An entry of a large gradient fails a wrong law by as much as an entry of a small one."""
_SATURATED = 1e-4
"""A law may fail by this at extreme scales, where gradients are small differences; saturation breaks one by 1."""
_NEAR = 1e-2
"""A generator whose defect is below this, and is not zero, is reported as a near-law."""


def discover(target: Target, seed: int = 0, *, numeric: bool = True, traced: bool = True) -> Discovery:
    """The linear symmetries of a target: scalings, translations, mixings, rotations and shears.

    Args:
        target: only ``draw``, ``batch`` and ``loss_and_gradient`` are used, and ``module`` for a trace.
        seed: of all draws.
        numeric: compute null spaces, within the limits.
        traced: use ``target.module``.

    Returns:
        Families of independent generators, each confirmed on fresh draws. It does not say that there are no others:
        ``searches`` says what was searched completely, ``limits`` what was not.

    Raises:
        BadInput: the target's parameters or gradients are of no use.
    """
    begin = time.perf_counter()
    work = _Work(target, seed)
    work.trace(traced)
    work.find_translations(numeric)
    work.find_scalings(numeric)
    work.find_mixings(numeric)
    work.find_shears()
    if numeric and work.sampler.size <= AFFINE:
        work.count_affine()
    return work.result(time.perf_counter() - begin)


class _Work:
    """The steps of one discovery and what they have found so far."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.sampler = Sampler(target, seed)
        large = self.sampler.size >= LARGE
        self.draws = self.sampler.take(3 if large else 9)
        self.fresh = self.sampler.confirming(3 if large else 6)
        self.extreme = self.sampler.extreme(1 if large else 4)
        self.settling = Settling(self.sampler)
        self.dead = dead_entries(self.sampler, [*self.draws, *self.fresh])
        self.searches: list[Searched] = []
        self.near: list[NearLaw] = []
        self.limits: list[str] = []
        self.traced: Trace | None = None
        self.scalings: list[Vector] = []
        self.tags: list[frozenset[str]] = []
        self.diagonal: list[Vector] = []
        self.translations: list[Vector] = []
        self.mixed: list[Mixed] = []
        self.rotations: list[Pairs] = []
        self.shears: list[Shears] = []
        self.refuted = 0
        if self.dead.unseen:
            named = sorted({self.sampler.names[t] for t, _ in self.dead.unseen})
            self.limits.append(
                f"{len(self.dead.unseen)} rows of {', '.join(named[:4])} met no batch of the search; nothing is said "
                "of them alone."
            )

    @property
    def context(self) -> Context:
        names, shapes = self.sampler.names, self.sampler.shapes
        if self.traced is None:
            return Context(names, shapes)
        return Context(names, shapes, self.traced.tags, self.traced.roles, True)

    def trace(self, wanted: bool) -> None:
        if not wanted or self.target.module is None:
            return
        self.traced = trace_of(self.target, self.sampler, self.limits)

    def find_translations(self, numeric: bool) -> None:
        blocks = self.traced.blocks if self.traced else ()
        found = scan(self.sampler, self.draws, self.dead, blocks)
        found = self._confirmed(found, "translation")
        cuts = self._cuts("translations")
        if numeric and cuts:
            search_ = search(self.sampler, cuts, "translation", known=found, dead=self.dead.masks)
            self._note("translations of slices", search_)
            found = self._merged(found, search_, "translation")
        self.translations = [*self.dead.entries, *found]
        self._entries("translation", numeric)

    def find_scalings(self, numeric: bool) -> None:
        proposals = self.traced.proposals if self.traced else ()
        exact = self._weigh([p for p in self._alive(proposals) if p.vector])
        self.scalings = [proposal.vector for proposal in exact]
        self.tags = [proposal.tags for proposal in exact]
        cuts = self._cuts("scalings")
        if numeric and cuts:
            found = search(self.sampler, cuts, "scaling", known=self.scalings, dead=self.dead.masks)
            self._note("scalings of slices", found)
            before = len(self.scalings)
            self.scalings = self._merged(self.scalings, found, "scaling")
            self.tags += [frozenset()] * (len(self.scalings) - before)
            self.diagonal = list(found.vectors)
        self._entries("scaling", numeric)

    def _entries(self, kind: str, numeric: bool) -> None:
        """Entries one by one, for tiny targets: what slices cannot express, such as groups of channels."""
        if not numeric or self.sampler.size > ENTRIES:
            return
        shapes = self.sampler.shapes
        cuts = entry_cuts(shapes, self.sampler.skipped)
        known = self.scalings if kind == "scaling" else self.translations[len(self.dead.entries) :]
        spread = [on_entries(vector, shapes) for vector in known]
        found = search(self.sampler, cuts, kind, known=spread, dead=self.dead.masks, keep=False)
        self._note(f"{kind}s of entries", found)
        if len(found.vectors) <= len(known):
            return
        tags = self.tags if kind == "scaling" else [frozenset[str]()] * len(known)
        result: list[Vector] = []
        result_tags: list[frozenset[str]] = []
        for vector in found.vectors:
            number = _position(on_entries(vector, shapes), spread)
            if number is not None:
                result.append(known[number])
                result_tags.append(tags[number])
            elif self._confirmed([vector], kind):
                result.append(on_slices(vector, shapes))
                result_tags.append(frozenset())
        if kind == "scaling":
            self.scalings, self.tags = result, result_tags
        else:
            self.translations = [*self.dead.entries, *result]

    def _cuts(self, what: str) -> list[Cut]:
        cuts = axis_cuts(self.sampler.shapes, self.sampler.skipped)
        unknowns = sum(cut.length(self.sampler.shapes) for cut in cuts)
        limit = TRACED_SLICES if self.traced else SLICES
        if unknowns > limit:
            self.limits.append(
                f"The null space of {what} was not computed: {unknowns:,} slices are more than {limit:,}."
            )
            return []
        return cuts

    def _note(self, what: str, found: Search) -> None:
        self.searches.append(
            Searched(
                what,
                found.unknowns,
                found.nullity,
                len(found.vectors),
                found.unexplained,
                found.null.kept,
                found.null.dropped,
            )
        )
        if found.unexplained:
            self.limits.append(
                f"{found.unexplained} dimensions among the {what} have no basis of small rationals; they are not "
                "reported."
            )

    def _confirmed(self, vectors: Sequence[Vector], kind: str) -> list[Vector]:
        worst, seen = defects(vectors, self.fresh, kind)
        rough, _ = defects(vectors, self.extreme, kind)
        return [
            vector
            for vector, defect, power, far in zip(vectors, worst, seen, rough, strict=True)
            if defect <= self.sampler.tolerance and power > 0 and far <= _SATURATED
        ]

    def _merged(self, known: Sequence[Vector], found: Search, kind: str) -> list[Vector]:
        """Known vectors and those of a search that they do not span, confirmed."""
        new = self._confirmed([vector for vector in found.vectors if vector not in known], kind)
        if any(cut.view or len(cut.axes) > 1 for vector in known for cut, _ in vector):
            new = independent(new, known, self.sampler.shapes)
        return [*known, *new]

    def _weigh(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Proposals that fresh gradients confirm; those that fail by little become near-laws."""
        worst, seen = defects([p.vector for p in proposals], self.fresh, "scaling")
        kept: list[Proposal] = []
        near: dict[tuple[str, str], list[tuple[float, Proposal]]] = defaultdict(list)
        for proposal, defect, power in zip(proposals, worst, seen, strict=True):
            if power <= 1e-3 * self.sampler.tolerance:
                continue  # nothing of it moves: dead, or never reached
            if defect <= self.sampler.tolerance:
                kept.append(proposal)
            elif defect <= _NEAR or (proposal.broken_by and "root" not in proposal.broken_by):
                near[proposal.broken_by, str(signature(proposal.vector))].append((float(defect), proposal))
            else:
                self.refuted += 1
        for (reason, _), members in near.items():
            defect, proposal = max(members, key=lambda pair: pair[0])
            name = name_of_scaling(proposal.vector, self.context)
            row = row_of_scaling(proposal.vector, self.context, Mixes(), proposal.tags)
            predicted = self.traced.predict([p for _, p in members]) if self.traced and reason else None
            self.near.append(
                NearLaw(
                    name,
                    row,
                    defect,
                    f"broken by {reason}" if reason else "",
                    predicted[0] if predicted else None,
                    predicted[1] if predicted else None,
                    len(members),
                )
            )
        return kept

    def _alive(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Proposals without slices that no gradient reaches: these are translations already."""
        dead = {tensor for tensor, mask in enumerate(self.dead.masks) if mask.any()}
        living = [(~mask).astype(np.float64) for mask in self.dead.masks]
        cuts = {cut for proposal in proposals for cut, _ in proposal.vector if cut.tensor in dead}
        counts = {cut: cut.sums(living) for cut in cuts}
        return [
            replace(
                proposal,
                vector={
                    (cut, index): value
                    for (cut, index), value in proposal.vector.items()
                    if cut not in counts or counts[cut][index] > 0
                },
            )
            for proposal in proposals
        ]

    def find_mixings(self, numeric: bool) -> None:
        half = min(3, len(self.fresh) - 1 or 1)
        first, more = [*self.draws[:3], *self.fresh[:half]], [*self.draws[3:], *self.fresh[half:]]
        self.mixed = upgrade(self.scalings, self.sampler, first, more, PRODUCTS, self.settling)
        larger = sorted({mixed.channels for mixed in self.mixed if mixed.channels > BLOCK})
        if larger:
            self.limits.append(
                f"Of {' and '.join(map(str, larger))} channels that all mix, the first {BLOCK} are paired in families."
            )
        lengths = [n for t, s in enumerate(self.sampler.shapes) if t not in self.sampler.skipped for n in s if n > 1]
        unknowns = sum(n * (n + 1) // 2 for n in lengths)
        if not numeric:
            return
        if unknowns > PAIRS:
            self.limits.append(
                f"Mixings of slices that belong to no scaling were not searched: {unknowns:,} pairs are more than "
                f"{PAIRS:,}."
            )
            return
        known = [mixed.pairs for mixed in self.mixed]
        products = Products(self.sampler)
        for kind in ("antisymmetric", "quadratic"):
            found = search_pairs(self.sampler, products, kind, known, self.diagonal)
            self.rotations.extend(found.families)
            if found.unexplained:
                self.limits.append(
                    f"{found.unexplained} {kind} generators on pairs of slices have no sparse form; they are not "
                    "reported."
                )

    def find_shears(self) -> None:
        self.shears = shears(self.scalings, self.sampler, [*self.draws[:3], *self.fresh[:3]], self.dead, self.settling)

    def count_affine(self) -> None:
        count = affine_count(self.sampler)
        self.searches.append(
            Searched("affine generators", count.unknowns, count.nullity, count.beyond, 0, count.kept, count.dropped)
        )

    def result(self, seconds: float) -> Discovery:
        context = self.context
        self.scalings = [oriented(vector, context) for vector in self.scalings]
        mixes: dict[int, Mixes] = {}
        for mixed in self.mixed:
            for number in mixed.origin:
                old = mixes.get(number, Mixes())
                planes = old.planes or mixed.pairs.names[0].startswith("plane")
                full = old.full if mixed.pairs.names[0].startswith("plane") else len(mixed.origin)
                mixes[number] = Mixes(full, planes)
        rows = [
            row_of_scaling(vector, context, mixes.get(k, Mixes()), tags)
            for k, (vector, tags) in enumerate(zip(self.scalings, self.tags, strict=True))
        ]
        families: list[Family] = []
        for row, members in _grouped(list(zip(rows, self.scalings, strict=True))):
            families.append(scalings(members, [name_of_scaling(v, context) for v in members], row))
        rows_of_translations = [row_of_translation(vector, context) for vector in self.translations]
        for row, members in _grouped(list(zip(rows_of_translations, self.translations, strict=True))):
            families.append(shifts(members, [name_of_translation(v, context) for v in members], row))
        for mixed in self.mixed:
            row = rows[mixed.origin[0]]
            where = context.module(mixed.pairs.slots[0].tensor)
            names = tuple(f"{self._mixing_name(name)} of {where}" for name in mixed.pairs.names)
            families.append(replace(mixed.pairs, row=row, names=names))
        for pairs in self.rotations:
            where = context.module(pairs.slots[0].tensor)
            row = "M13" if pairs.kind == "antisymmetric" else ""
            families.append(replace(pairs, row=row, names=tuple(f"{name} of {where}" for name in pairs.names)))
        for family in self.shears:
            bias = family.shear.shifted
            entry = family.shear.entries[0]
            own = next(
                (
                    r
                    for r, v in zip(rows, self.scalings, strict=True)
                    if any(c.tensor == bias and i == entry for c, i in v)
                ),
                "",
            )
            families.append(replace(family, row="M21" if own in {"M19", "M23"} else "M1"))
        return Discovery(
            self.target.name,
            self.sampler.size,
            tuple(families),
            tuple(self.near),
            tuple(self.searches),
            self.traced is not None,
            len(self.traced.proposals) if self.traced else 0,
            self.refuted,
            tuple(self.limits),
            seconds,
        )

    def _mixing_name(self, name: str) -> str:
        if name.startswith("plane of "):
            vector = self.scalings[int(name.removeprefix("plane of "))]
            return f"rotation in the plane of rows {', '.join(str(i) for (_, i) in list(vector)[:2])}"
        return f"mixing of {name}"


def _grouped(items: Sequence[tuple[str, Vector]]) -> list[tuple[str, list[Vector]]]:
    """Members by row and signature, in order of appearance."""
    groups: dict[tuple[str, object], list[Vector]] = {}
    for row, vector in items:
        groups.setdefault((row, signature(vector)), []).append(vector)
    return [(row, members) for (row, _), members in groups.items()]


def _position(vector: Vector, known: Sequence[Vector]) -> int | None:
    """Where a vector, or its negative, stands in a list."""
    negative = {place: -value for place, value in vector.items()}
    return next((n for n, k in enumerate(known) if k in (vector, negative)), None)
