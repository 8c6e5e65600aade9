"""Expressions as TeX."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.expressions import FUNCTIONS, expression_tex, parse
from flowlaw.oracles.models import block_tex

CASES = [
    ("U1.T*U1 - U2*U2.T", r"U_{1}^{\top} U_{1} - U_{2} U_{2}^{\top}"),
    ("trace(U1.T*U1)", r"\operatorname{tr}\left(U_{1}^{\top} U_{1}\right)"),
    ("(U1+U2)*U3", r"\left(U_{1} + U_{2}\right) U_{3}"),
    ("(U1*U2).T", r"\left(U_{1} U_{2}\right)^{\top}"),
    ("U1.T^2", r"\left(U_{1}^{\top}\right)^{2}"),
    ("(x[2]^2).T", r"\left(x_{2}^{2}\right)^{\top}"),
    ("U1[1,2]^2", r"(U_{1})_{1,2}^{2}"),
    ("x[:,1]", r"x_{:,1}"),
    ("(A*B)[1,2]", r"(A B)_{1,2}"),
    ("3/2*x", r"\frac{3}{2} x"),
    ("0.5*x", r"\frac{1}{2} x"),
    ("0.5^2", r"\left(\frac{1}{2}\right)^{2}"),
    ("x*2", r"x \cdot 2"),
    ("(A+B)/2", r"\frac{\left(A + B\right)}{2}"),
    ("A .* B", r"A \odot B"),
    ("-A - (B - C)", r"-A - \left(B - C\right)"),
    ("norm2(A)", r"\left\|A\right\|^{2}"),
    ("det(A)", r"\det\left(A\right)"),
    ("transpose(A+B)", r"\left(A + B\right)^{\top}"),
    ("ones(1,3)*A", r"\mathbf{1}_{1 \times 3} A"),
    ("eye(3)", "I_{3}"),
    ("colsums(A)", r"\left(\mathbf{1}^{\top} A\right)"),
]


@pytest.mark.parametrize(("text", "tex"), CASES)
def test_an_expression_is_written_in_tex(text: str, tex: str) -> None:
    assert expression_tex(parse(text)) == tex


@pytest.mark.parametrize(
    ("name", "tex"),
    [
        ("x", "x"),
        ("U1", "U_{1}"),
        ("S0_2", "S_{0,2}"),
        ("W_in_h", r"W_{\mathrm{in},h}"),
        ("weight", r"\mathrm{weight}"),
        ("b12", "b_{12}"),
    ],
)
def test_a_block_is_written_in_tex(name: str, tex: str) -> None:
    assert block_tex(name) == tex


WORDS = st.sampled_from(
    [*FUNCTIONS, "U1", "x", "2", "0.5", "(", ")", "[1,2]", "[:]", ",", "+", "-", "*", ".*", "/", "^2", "'"]
)


@given(st.lists(WORDS, max_size=12).map("".join))
def test_whatever_is_read_has_balanced_tex(text: str) -> None:
    try:
        tex = expression_tex(parse(text))
    except BadInput:
        return
    assert tex.count("{") == tex.count("}")
    assert tex.count(r"\left") == tex.count(r"\right")
