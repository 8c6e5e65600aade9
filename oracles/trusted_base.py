"""The trusted base of a certificate: the code of the kernel that its judgement rests on.

The kernel knows many claims, models and rules; whoever relies on one certificate has to trust those that it uses, and
no others. They are found by watching: a function that was not called has had no part in the answer.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType

from . import kernel

FOLDER = Path(kernel.__file__).parent
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What one file of the kernel had to do with an answer.

    Attributes:
        file: its name.
        functions: the functions that were called, as ``Class.name``, in the order of the file. One that is defined
            inside of another belongs to it.
        lines: lines of code of these functions, whole, and of all statements of the file outside of functions.
    """

    file: str
    functions: tuple[str, ...]
    lines: int


@dataclass(frozen=True, slots=True)
class TrustedBase:
    """The kernel's answer, and the parts of the kernel that gave it."""

    judgement: kernel.Judgement
    parts: tuple[Part, ...]

    @property
    def lines(self) -> int:
        """Lines of code, without blank ones, comments and docstrings."""
        return sum(part.lines for part in self.parts)

    @property
    def functions(self) -> int:
        return sum(len(part.functions) for part in self.parts)


def trusted_base(text: str) -> TrustedBase:
    """Checks a certificate as it stands in a file, and watches which code of the kernel does it.

    Nothing is said about the interpreter, the standard library and numpy, which every answer rests on too.

    >>> found = trusted_base(
    ...     '{"flowlaw": "certificate", "version": 1,'
    ...     ' "claim": {"kind": "rank", "matrix": [[1, 2], [2, 4]], "rank": 1},'
    ...     ' "witness": {"prime": 65521, "kernel": [[-2, 1]]}}'
    ... )
    >>> found.judgement.accepted, "_flow.py" in [part.file for part in found.parts]
    (True, False)
    """
    called: set[CodeType] = set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        judgement = kernel.verify_text(text)
    finally:
        sys.setprofile(before)
    return TrustedBase(judgement, tuple(_parts(called)))


def kernel_lines() -> int:
    """Lines of code of the whole kernel, without blank ones, comments and docstrings."""
    return sum(len(code_lines(path.read_text(encoding="utf-8"))) for path in FOLDER.glob("*.py"))


def code_lines(text: str) -> set[int]:
    """The numbers of the lines of a Python file that hold code: no blank ones, comments and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(_span(node))
    return lines


def _parts(called: set[CodeType]) -> Iterator[Part]:
    for path in sorted(FOLDER.glob("*.py")):
        starts = {code.co_firstlineno for code in called if code.co_filename == str(path)}
        text = path.read_text(encoding="utf-8")
        lines, functions = code_lines(text), list(_functions(ast.parse(text)))
        used = [(name, span) for name, span in functions if not starts.isdisjoint(span)]
        if used or path.name == "__init__.py":
            inside = {line for _, span in functions for line in span}
            read = {line for _, span in used for line in span}
            yield Part(path.name, tuple(name for name, _ in used), len(lines - inside) + len(lines & read))


def _functions(within: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, range]]:
    for node in within.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, _span(node)
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _span(node: ast.stmt) -> range:
    """The lines of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return range(first, (node.end_lineno or node.lineno) + 1)
