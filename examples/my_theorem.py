"""A theorem of your own: the product x*y keeps x^2 - y^2, and does not keep x^2 + y^2.

Run it with ``python examples/my_theorem.py``; a package would hand THEOREM to flowlaw by the entry point
``flowlaw.theorems`` (docs/lawbook.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from hypothesis import strategies as st

from flowlaw.oracles.expressions import evaluate, parse
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.proofs import conserved, find_refutation
from flowlaw.properties import PROFILES, Mutant, Property, Residual, Step, Theorem
from flowlaw.properties.run import run_theorem

MODEL = parse_model("monomial:2")
LAW = evaluate(parse("x[1]^2 - x[2]^2"), MODEL).entries[0]
WRONG = evaluate(parse("x[1]^2 + x[2]^2"), MODEL).entries[0]


def derivation() -> Iterator[Step]:
    """One step, with the certificate that the kernel checks."""
    formula = r"2x \cdot y - 2y \cdot x = 0"
    yield Step("The gradients (2x, -2y) and (y, x) are orthogonal.", formula, conserved(MODEL, [LAW]))


def one_step(case: tuple[Fraction, Fraction, Fraction]) -> Residual:
    """One gradient step of (xy)^2/2 by eta changes the law by exactly eta^2 (g_x^2 - g_y^2)."""
    x, y, eta = case
    gx, gy = x * y * y, x * x * y
    after = (x - eta * gx) ** 2 - (y - eta * gy) ** 2
    return Residual(abs(after - (x * x - y * y) - eta**2 * (gx**2 - gy**2)), nontrivial=gx != 0)


def refutation() -> dict[str, object]:
    """A certificate that x^2 + y^2 is not a law."""
    found = find_refutation(MODEL, WRONG)
    assert found is not None
    return found.certificate


def cases() -> st.SearchStrategy[tuple[Fraction, Fraction, Fraction]]:
    """A point and a step size."""
    rational = st.fractions(-3, 3, max_denominator=9)
    return st.tuples(rational, rational, rational)


THEOREM = Theorem(
    id="X0.product",
    title="The product of two numbers",
    summary="Gradient flow of any loss of x*y keeps x^2 - y^2.",
    source="an exercise",
    status="proved",
    hypotheses=("The loss depends on x and y through their product alone.",),
    statement="x^2 - y^2 = \\text{const}",
    derivation=derivation,
    properties=(Property("one-step", "A step obeys the exact recursion.", "rational", cases, one_step),),
    mutants=(Mutant("plus", "x^2 + y^2 is kept.", refutes=refutation),),
)

if __name__ == "__main__":
    for event, _ in run_theorem(THEOREM, PROFILES["quick"], seed=0):
        print(event.get("verdict", event["event"]), event.get("name", event.get("says", event.get("title"))))
