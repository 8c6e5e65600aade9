"""What the kernel is made of: nothing but the standard library and numpy's integers."""

import ast
import io
import json
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any

import pytest

import flowlaw.oracles.kernel as kernel
from flowlaw.oracles.certificates import canonical, write_text
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.proofs import conserved, exact_rank

SOURCES = sorted(Path(kernel.__file__).parent.glob("*.py"))

PROGRAM = """
import json, sys
before = set(sys.modules)
from flowlaw.oracles.kernel import verify_text
answers = [verify_text(open(name).read()).accepted for name in sys.argv[1:]]
print(json.dumps([answers, sorted(set(sys.modules) - before)]))
"""


def test_checking_certificates_loads_the_kernel_and_nothing_of_the_search(tmp_path: Path) -> None:
    specs = ["linear:2-2-2", "linear:1-2-2-1", "relu:2-2-2+bias", "symmetric:2-3", "monomial:3", "linear:2-2-2+logits"]
    found = [find_completeness(parse_model(spec)).certificate for spec in specs]
    model = parse_model("linear:2-2-2")
    found += [conserved(model, [law for family in known_laws(model) for law in family.polynomials()])]
    found += [exact_rank([[1, 2], [3, 6]])]
    names: list[str] = []
    for number, certificate in enumerate(found):
        assert certificate is not None
        names.append(str(tmp_path / f"{number}.json"))
        write_text(Path(names[-1]), canonical(certificate))
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=True)
    answers, loaded = json.loads(ran.stdout)
    assert answers == [True] * len(names)
    ours = {name for name in loaded if name.split(".")[0] == "flowlaw"}
    assert {name for name in ours if not name.startswith("flowlaw.oracles.kernel")} == {"flowlaw", "flowlaw.oracles"}
    others = {name.split(".")[0] for name in loaded} - {"flowlaw"} - sys.stdlib_module_names
    assert {name for name in others if not name.startswith("_")} == {"numpy"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_kernel_holds_no_float_and_divides_no_two_numbers(path: Path) -> None:
    """No float literal, no name of a float type, no linear algebra of numpy; ``/`` divides Fractions only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float | complex), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            allowed = path.name == "_read.py" and name == "parse_float"
            assert "float" not in name or allowed, f"{path.name}:{node.lineno}"
            assert name not in ("linalg", "sqrt", "log", "exp", "mean", "average", "double"), (
                f"{path.name}:{node.lineno}"
            )
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            left = node.left if isinstance(node, ast.BinOp) else node.target
            exact = isinstance(left, ast.Call) and isinstance(left.func, ast.Name) and left.func.id == "Fraction"
            assert exact, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_kernel_imports_the_standard_library_numpy_and_itself(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = {alias.name.split(".")[0] for alias in node.names}
            assert names <= sys.stdlib_module_names | {"numpy"}, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.ImportFrom):
            inside = node.level == 1
            assert inside or (node.module or "").split(".")[0] in sys.stdlib_module_names | {"numpy"}, node.module
            assert node.level <= 1


def test_the_arrays_of_the_kernel_are_of_integers() -> None:
    """Every array that a check makes has an integer type: made once with the checks' own functions watched."""
    from flowlaw.oracles.kernel import _flow, _modular

    seen: set[str] = set()

    def watch(function: Any) -> Any:
        def watched(*arguments: Any, **named: Any) -> Any:
            answer = function(*arguments, **named)
            seen.update(str(part.dtype) for part in (*arguments, answer) if hasattr(part, "dtype"))
            return answer

        return watched

    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(_flow, "generators", watch(_flow.generators))
        patch.setattr(_flow, "push", watch(_flow.push))
        patch.setattr(_modular, "_eliminate", watch(_modular._eliminate))  # pyright: ignore[reportPrivateUsage]
        for spec in ("linear:3-4-3", "relu:2-2-2+bias", "homogeneous:2-3-2+degree2"):
            certificate = find_completeness(parse_model(spec), structure=False).certificate
            seen.clear()
            assert kernel.verify(certificate).accepted
            assert seen
            assert seen <= {"int32", "int64"}
    finally:
        patch.undo()


def test_the_kernel_is_small_enough_to_be_read() -> None:
    """Lines of code, without blank ones, comments and docstrings."""
    assert sum(map(code_lines, SOURCES)) < 1036


def code_lines(path: Path) -> int:
    text = path.read_text(encoding="utf-8")
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_lines_of_code_are_counted_without_blank_ones_comments_and_docstrings(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text('"""A\nB"""\n\n# c\nx = (\n    1,  # d\n)\n"""E"""\n\n\ndef f():\n    """G"""\n    return "H"\n')
    assert code_lines(path) == 5
