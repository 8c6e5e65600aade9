"""A report as lines for people and as an object for programs."""

from __future__ import annotations

from collections.abc import Iterator

from ..models import law_text
from ._report import RegionReport

_LISTED = 6
"""Laws of one family that are written out for people."""


def region_record(report: RegionReport) -> dict[str, object]:
    """The report with stable field names; laws as texts that the expression grammar reads."""
    model = report.region.model
    return {
        "model": model.spec,
        "inputs": len(report.region.inputs),
        "parameters": report.parameters,
        "path_rank": report.path_rank,
        "path_laws": report.hidden,
        "seen_rank": report.seen_rank,
        "seen_rank_at_most": report.seen_rank_at_most,
        "rank_proof": report.rank_proof,
        "laws_found": report.laws_found,
        "laws_at_least": report.laws_at_least,
        "laws_at_most": report.laws_at_most,
        "complete": report.complete,
        "dead": [neuron.name for neuron in report.neurons if neuron.state == "dead"],
        "always_active": [neuron.name for neuron in report.neurons if neuron.state == "always active"],
        "linear_groups": list(report.linear_groups),
        "extra_laws": [
            {
                "why": law.why,
                "says": law.says,
                "count": law.count,
                "laws": [law_text(polynomial, model) for polynomial in law.polynomials],
            }
            for law in report.extra_laws
        ],
    }


def region_lines(report: RegionReport) -> Iterator[str]:
    """The report in a few lines of text."""
    model, samples = report.region.model, len(report.region.inputs)
    yield f"{model.spec} at given weights, {samples} input{'s' if samples > 1 else ''}: what these data see"
    exact = "" if report.seen_rank == report.seen_rank_at_most else f" to {report.seen_rank_at_most}"
    yield f"rank seen {report.seen_rank}{exact} of the {report.path_rank} of the path lifting ({report.rank_proof})"
    for neuron in report.neurons:
        if neuron.state == "dead":
            yield f"{neuron.name} is dead"
        elif neuron.state == "always active":
            yield f"{neuron.name} is always active"
        else:
            yield f"{neuron.name} is active at {neuron.active} of {neuron.engaged} inputs"
    for name in report.linear_groups:
        yield f"all of {name} is always active: a linear layer, its full balance matrix is conserved"
    if report.complete:
        how = "a certificate that the kernel accepted" if report.certificate is not None else "the ranks add up to D"
        yield f"{report.laws_at_least} laws in this region, {report.hidden} of them of the path lifting ({how})"
    else:
        yield (
            f"{report.laws_at_least} to {report.laws_at_most} laws in this region, {report.hidden} of them of the path "
            "lifting"
        )
    if report.laws_found < report.laws_at_least:
        yield f"{report.laws_found} of them are written down here"
    for family in report.extra_laws:
        yield f"{family.count} more: {family.says}"
        texts = [law_text(polynomial, model) for polynomial in family.polynomials[:_LISTED]]
        yield from (f"    {text}" for text in texts)
        if family.count > len(texts):
            yield f"    ... and {family.count - len(texts)} more"
