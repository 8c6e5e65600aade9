"""Formulas: the table, the fallback, and the printer for what is found at run time."""

import json
import os
import shutil
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from flowlaw.oracles.polynomials import Polynomial
from flowlaw.reports.mathml import collect_formulas, formula, load_table, mathml, matrix, polynomial, split_prose
from flowlaw.reports.mathml.printer import names_of, variable
from flowlaw.reports.mathml.regenerate import TEMML, ConversionError, convert, dump, install, lawbook_formulas

TABLES = {"mtable", "mtr", "mtd"}
SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts"}
OTHERS = {
    "math",
    "mrow",
    "mi",
    "mo",
    "mn",
    "mtext",
    "mspace",
    "mfrac",
    "msqrt",
    "mroot",
    "mpadded",
    "mphantom",
    "mstyle",
}
CORE = TABLES | SCRIPTS | OTHERS


def plain(markup: str) -> str:
    return "".join(ET.fromstring(markup).itertext()).replace("\u2062", "·")


def test_prose_is_split_at_dollars_and_backticks() -> None:
    assert list(split_prose("for $x$ in `f(x)`.")) == [
        ("text", "for "),
        ("tex", "x"),
        ("text", " in "),
        ("code", "f(x)"),
        ("text", "."),
    ]
    assert list(split_prose("it costs 3$")) == [("text", "it costs 3$")]


def test_a_formula_that_is_not_in_the_table_is_shown_as_it_was_written() -> None:
    assert mathml(r"\nonsense<x>") == '<code class="tex">\\nonsense&lt;x&gt;</code>'


def test_a_table_of_another_package_comes_first() -> None:
    assert mathml("x", inline=True, table={"$x$": "<math/>"}) == "<math/>"


@pytest.mark.parametrize("which", ["package", "sample"])
def test_the_tables_hold_mathml_core_and_nothing_active(which: str, sample: Any) -> None:
    table = load_table() if which == "package" else sample.formulas()
    for tex, markup in table.items():
        for element in ET.fromstring(markup).iter():
            assert element.tag in CORE, (tex, element.tag)
            active = [name for name in element.attrib if name.startswith("on") or name in ("href", "src")]
            assert not active, (tex, active)


@pytest.mark.once
def test_every_formula_of_the_lawbook_is_in_the_table() -> None:
    absent = [tex for tex in lawbook_formulas() if tex not in load_table()]
    assert not absent, "run python -m flowlaw.reports.mathml.regenerate for:\n" + "\n".join(absent)


def test_the_table_is_what_temml_makes(tmp_path: Path) -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("SKIPPED: Node.js is not here")
    try:
        folder = Path(os.environ.get("FLOWLAW_TEMML") or install(tmp_path, offline=True))
        assert dump(convert(load_table(), folder)) == dump(dict(load_table()))
    except ConversionError as error:
        if "ENOTCACHED" in str(error) or "does not exist" in str(error):
            pytest.skip(f"SKIPPED: temml {TEMML} is not in npm's cache; set FLOWLAW_TEMML to a folder that has it")
        raise


def test_a_wrong_formula_stops_the_conversion(tmp_path: Path) -> None:
    if shutil.which("node") is None or not (folder := os.environ.get("FLOWLAW_TEMML")):
        pytest.skip("SKIPPED: Node.js or FLOWLAW_TEMML is not here")
    with pytest.raises(ConversionError, match=r"\\frac"):
        convert(["x", r"\frac{1"], Path(folder))


def test_a_formula_that_lost_a_backslash_stops_the_conversion(tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "temml" / "dist").mkdir(parents=True)
    (tmp_path / "node_modules" / "temml" / "dist" / "temml.mjs").touch()
    with pytest.raises(ConversionError, match="control character"):
        convert(["\tfrac12"], tmp_path)


def test_formulas_are_collected_from_entries_of_the_lawbook() -> None:
    from flowlaw.properties import Step, Table, Theorem

    entry = Theorem(
        id="T.x",
        title="About $a$",
        summary="",
        source="us",
        status="proved",
        hypotheses=("$b > 0$", "none"),
        statement="c = d",
        derivation=lambda: [Step("since $e$", "f"), Step("prose")],
        tables=(lambda: Table("values of $g$", ("$n$", "laws"), [[1, 2]]),),
    )
    assert collect_formulas([entry]) == ["$a$", "$b > 0$", "$e$", "$g$", "$n$", "c = d", "f"]


def test_a_polynomial_is_printed_by_falling_degree() -> None:
    x, y = Polynomial.variable(0), Polynomial.variable(1)
    law = (x * x).scaled(Fraction(-3, 2)) + x * y - y + Polynomial.constant(4)
    assert plain(polynomial(law, ["u_1", "U1[2,3]"])) == "−32·u12+u1·U12,3−U12,3+4"
    assert plain(polynomial(Polynomial(), [])) == "0"


def test_a_long_polynomial_says_how_many_terms_are_left_out() -> None:
    total = Polynomial({((k, 1),): 1 for k in range(100)})
    assert "60 more terms" in plain(polynomial(total, [f"x_{k}" for k in range(100)]))


def test_a_matrix_is_a_table_and_a_large_one_is_its_shape() -> None:
    assert matrix([[1, Fraction(-1, 2)], [Polynomial.variable(0), 0]], ["x"]).count("<mtd>") == 4
    assert plain(matrix([[0] * 100] * 100)) == "a 100 × 100 matrix"


@pytest.mark.parametrize(
    ("name", "shown"), [("theta", "θ"), ("U1[2,3]", "U12,3"), ("x_3", "x3"), ("x_1_2", "x1,2"), ("<b>", "<b>")]
)
def test_names_of_variables(name: str, shown: str) -> None:
    assert plain(f"<math>{variable(name)}</math>") == shown


def test_variables_are_named_block_by_block() -> None:
    assert names_of([("U", (2, 2)), ("b", (1,))]) == ["U[1,1]", "U[1,2]", "U[2,1]", "U[2,2]", "b[1]"]


NONSENSE: list[Any] = [
    {"polynomial": [["nan", []]], "names": []},
    {"polynomial": [["1", [[3, 1]]]], "names": ["x"]},
    {"polynomial": [["1", [[0, -1]]]], "names": ["x"]},
    {"matrix": [["one"]]},
]


@pytest.mark.parametrize("found", NONSENSE)
def test_a_formula_of_a_file_that_makes_no_sense_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        formula(found)


def test_the_table_is_kept_sorted_one_formula_a_line() -> None:
    text = Path(__file__).with_name("formulas.json").read_text("utf-8")
    assert text == dump(json.loads(text))
