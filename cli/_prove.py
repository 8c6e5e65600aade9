"""``flowlaw prove``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("prove", short_help="Prove that an expression is a law of a model, or refute it exactly.")
@click.argument("expression")
@click.option("--model", "spec", required=True, help="The model, as for `flowlaw laws`.")
@click.option("--certificate", "path", type=click.Path(path_type=Path), help="Write the certificate to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def prove_command(expression: str, spec: str, path: Path | None, as_json: bool) -> None:
    """PROVED with a certificate, or REFUTED with an exact counterexample. Exit code 1 if refuted.

    EXPRESSION is made of the blocks of the model: "trace(U1.T*U1 - U2*U2.T)". A matrix is a law if every entry is.
    """
    from ..oracles.answers import counterexample, prove
    from ..oracles.certificates import canonical, digest, write_text
    from ..oracles.models import parse_model

    proof = prove(expression, parse_model(spec))
    if path is not None:
        write_text(path, canonical(proof.certificate))
    lines = list(counterexample(proof))
    if as_json:
        refutation = proof.refutation
        record: dict[str, object] = {
            "expression": expression,
            "model": proof.model.spec,
            "verdict": proof.verdict,
            "shape": list(proof.value.shape),
            "entry": list(proof.entry) if proof.entry else None,
            "point": [str(value) for value in refutation.point] if refutation else None,
            "derivative": str(refutation.derivative) if refutation else None,
            "explanation": lines,
            "certificate": str(path) if path else digest(proof.certificate),
        }
        click.echo(json.dumps(record, indent=1))
    else:
        click.echo(f"{click.style(proof.verdict, bold=True)}: {expression}")
        if proof.verdict == "PROVED":
            click.echo(f"  conserved by every gradient flow of {proof.model.spec}, whatever the data and the loss")
        elif proof.entry and proof.value.shape != (1, 1):
            click.echo(f"  entry [{proof.entry[0]},{proof.entry[1]}] is not a law of {proof.model.spec}:")
        for line in lines:
            click.echo(f"  {line}")
        where = str(path) if path else f"sha256 {digest(proof.certificate)[:16]}, write it with --certificate FILE"
        click.echo(f"  certificate: {where}")
    if proof.verdict == "REFUTED":
        raise SystemExit(1)
