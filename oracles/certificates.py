"""Certificates as files: canonical text, names, and writing without leaving anything half-written."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import BadInput
from .polynomials import Polynomial, Rational

Certificate = dict[str, object]


def certificate(claim: Mapping[str, object], witness: Mapping[str, object] | None = None) -> Certificate:
    """A certificate object of the current version (docs/certificates.md)."""
    return {"flowlaw": "certificate", "version": 1, "claim": dict(claim), "witness": dict(witness or {})}


def canonical(certificate: Mapping[str, object]) -> str:
    """The one text of a certificate: sorted names, no spaces, ends with a newline."""
    return json.dumps(certificate, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def digest(certificate: Mapping[str, object]) -> str:
    """The SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(certificate).encode()).hexdigest()


def number_json(value: Rational) -> int | str:
    """An integer as itself, a fraction as a string such as ``"-3/2"``."""
    return value if isinstance(value, int) else f"{value.numerator}/{value.denominator}"


def polynomial_json(polynomial: Polynomial) -> list[list[object]]:
    """A polynomial as ``[[coefficient, [[variable, exponent], ...]], ...]``, terms in a fixed order."""
    return [[number_json(c), [list(power) for power in monomial]] for monomial, c in sorted(polynomial.terms.items())]


def laws_json(polynomials: Sequence[Polynomial]) -> list[dict[str, object]]:
    """Laws written out, as claims list them."""
    return [{"polynomial": polynomial_json(law)} for law in polynomials]


def write_text(path: Path, text: str) -> None:
    """Writes ``text`` to ``path`` under a temporary name beside it, then moves it into place.

    Raises:
        BadInput: the folder does not exist, cannot be written to, or the disk is full.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise BadInput(
            f"Cannot write {path}: {error.strerror or error}. Choose a folder that exists, can be written to and has "
            "room; nothing was left behind."
        ) from None
