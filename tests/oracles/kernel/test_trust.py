"""What the kernel is made of: the standard library and numpy's integers; and how little of it a certificate needs."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from inspect import isgeneratorfunction
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import flowlaw.oracles.kernel as kernel
from flowlaw.oracles.certificates import canonical, write_text
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.proofs import conserved, exact_rank
from flowlaw.oracles.trusted_base import TrustedBase, code_lines, kernel_lines, trusted_base

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


# The trusted base


DOCS = Path(__file__).parents[3] / "docs" / "certificates.md"


@pytest.fixture(scope="module")
def bases(corpus: list[Any]) -> list[tuple[Any, TrustedBase]]:
    return [(certificate, trusted_base(canonical(certificate))) for certificate in corpus]


def test_the_kernel_is_small_enough_to_be_read() -> None:
    """Lines of code, without blank ones, comments and docstrings."""
    assert kernel_lines() < 1034


def test_a_certificate_rests_on_a_few_hundred_lines(bases: list[tuple[Any, TrustedBase]]) -> None:
    most: dict[str, int] = {}
    for certificate, found in bases:
        assert found.judgement.accepted
        rule = certificate["witness"].get("rule")
        kind = f"rule `{rule}`" if rule else f"`{certificate['claim']['kind']}`"
        most[kind] = max(most.get(kind, 0), found.lines)
    told = re.findall(r"^\| ((?:rule )?`[a-z]+`) \| (\d+) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert most == {kind: int(lines) for kind, lines in told}
    assert max(most.values()) <= 600


def ends(*_: Any, **__: Any) -> Any:
    raise SystemExit  # a built-in name, found in whatever module this code is put


def ends_at_once(*_: Any, **__: Any) -> Iterator[None]:
    """A generator, since its code takes the place of a generator's."""
    for _time in ("once",):
        raise SystemExit
    yield


def replaceable() -> dict[tuple[str, str], FunctionType]:
    """The functions of the kernel by file and name, without those with free variables (the cell of ``super()``)."""
    found: dict[tuple[str, str], FunctionType] = {}
    for module in [module for name, module in sys.modules.items() if name.startswith("flowlaw.oracles.kernel._")]:
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        for member in [member for holder in [module, *classes] for member in vars(holder).values()]:
            function = getattr(member, "func", member)
            if isinstance(function, FunctionType) and not function.__code__.co_freevars:
                path = Path(function.__code__.co_filename)
                if path in SOURCES:
                    found[path.name, function.__qualname__] = function
    return found


@contextmanager
def without(places: set[tuple[str, str]]) -> Generator[int]:
    """The kernel while its functions of these files and names end the program; the number of those replaced."""
    replaced = {function: function.__code__ for place, function in replaceable().items() if place in places}
    for function in replaced:
        function.__code__ = (ends_at_once if isgeneratorfunction(function) else ends).__code__
    try:
        yield len(replaced)
    finally:
        for function, code in replaced.items():
            function.__code__ = code


def names(found: TrustedBase) -> set[tuple[str, str]]:
    return {(part.file, name) for part in found.parts for name in part.functions}


def test_nothing_but_the_trusted_base_has_a_part_in_the_answer(bases: list[tuple[Any, TrustedBase]]) -> None:
    """With every other function of the kernel gone the answer is the same."""
    everything = set(replaceable())
    assert len(everything) > 120
    for certificate, found in bases:
        with without(everything - names(found)) as count:
            assert count > 20
            assert kernel.verify(certificate) == found.judgement


def test_every_function_of_the_trusted_base_has_a_part_in_the_answer() -> None:
    certificate = find_completeness(parse_model("linear:2-2-2")).certificate
    assert certificate is not None
    text, seen = canonical(certificate), 0
    for place in sorted(names(trusted_base(text))):
        with without({place}) as count:
            if count:
                seen += 1
                with pytest.raises(SystemExit):
                    kernel.verify_text(text)
    assert seen > 40


def test_a_rejection_rests_on_what_found_the_fault() -> None:
    found = trusted_base('{"flowlaw": "certificate"}')
    assert not found.judgement.accepted
    assert {part.file for part in found.parts} == {"__init__.py", "_claims.py", "_read.py"}
    assert found.lines < 150


def test_whoever_watches_the_calls_of_a_program_goes_on_watching() -> None:
    seen: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name))
    try:
        trusted_base("{}")
        seen.clear()
        kernel.verify_text("{}")
    finally:
        sys.setprofile(before)
    assert "verify_text" in seen


def test_lines_of_code_are_counted_without_blank_ones_comments_and_docstrings() -> None:
    text = '"""A\nB"""\n\n# c\nx = (\n    1,  # d\n)\n"""E"""\n\n\ndef f():\n    """G"""\n    return "H"\n'
    assert code_lines(text) == {5, 6, 7, 11, 13}
