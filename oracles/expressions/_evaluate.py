"""Expressions to matrices of polynomials in the parameters of a model, within a budget."""

from __future__ import annotations

from fractions import Fraction
from math import comb, prod
from typing import NoReturn

from .. import limits
from ..errors import TooLarge
from ..models import Model
from ..models._polynomial_map import Mask
from ..polynomials import Polynomial
from ..text import shown, suggestion
from ._budget import Budget
from ._matrix import Matrix, Terms, add_to, count, degree, determinant, determinant_work, dot, total, weight
from ._syntax import Call, Expression, Factor, Index, Name, Node, Number, Power, Product, Sum, Transpose, caret


def evaluate(expression: Expression, model: Model) -> Matrix:
    """The exact value of ``expression`` with the blocks of ``model`` as matrices of variables.

    A block with one axis is a column; a block with none is a scalar. A scalar is a 1 x 1 matrix.

    >>> from flowlaw.oracles.expressions import parse
    >>> from flowlaw.oracles.models import parse_model
    >>> evaluate(parse("U1.T*U1"), parse_model("linear:4-5-2")).shape
    (5, 5)

    Raises:
        BadInput: an unknown block, shapes that do not fit (the message gives both), an index outside its block.
        TooLarge: more work, higher degree or longer coefficients than ``limits`` allows; raised before the work.
    """
    return _Evaluator(expression.text, model).value(expression.root)


class _Evaluator(Budget):
    __slots__ = ("blocks", "masks", "model")

    def __init__(self, text: str, model: Model) -> None:
        super().__init__(text)
        self.model = model
        masks: tuple[Mask, ...] = getattr(model, "masks", ())
        self.masks = {mask.name: mask for mask in masks}
        self.blocks: dict[str, tuple[int, tuple[int, ...]]] = {}
        start = 0
        for block in model.blocks:
            self.blocks[block.name] = (start, block.shape)
            start += block.size

    def value(self, node: Node) -> Matrix:
        match node:
            case Number():
                return self.checked(Matrix((1, 1), (Polynomial.constant(node.value),)), node.position)
            case Name():
                return self.block(node)
            case Transpose():
                inside = self.value(node.operand)
                self.spend(len(inside.entries), node.position)
                return inside.transposed()
            case Power():
                return self.power(self.value(node.operand), node.exponent, node.position)
            case Index():
                return self.index(self.value(node.operand), node)
            case Call():
                return self.call(node)
            case Product():
                return self.product(node.factors)
            case Sum():
                parts = [(term.sign, self.value(term.operand), term.position) for term in node.terms]
                return self.sum(parts)

    def block(self, node: Name) -> Matrix:
        if node.name not in self.blocks:
            names = list(self.blocks)
            listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            self.fail(
                f"{shown(self.model.spec)} has no block {shown(node.name)}.{suggestion(node.name, names)} "
                f"Its blocks are {listed}.",
                node.position,
            )
        start, axes = self.blocks[node.name]
        mask = self.masks.get(node.name)
        if mask:
            axes = mask.shape
        if len(axes) > 2:
            self.fail(f"the block {node.name} has {len(axes)} axes; expressions need at most two.", node.position)
        self.spend(4 * prod(axes), node.position)  # an entry takes the memory of several terms
        shape = (axes[0] if axes else 1, axes[1] if len(axes) > 1 else 1)
        if not mask:
            return Matrix(shape, tuple(Polynomial.variable(start + i) for i in range(prod(shape))))
        entries: list[Polynomial] = []
        for fixed in mask.entries:
            entries.append(Polynomial.variable(start) if fixed is None else Polynomial.constant(fixed))
            start += fixed is None
        return Matrix(shape, tuple(entries))

    def index(self, matrix: Matrix, node: Index) -> Matrix:
        rows, columns = matrix.shape
        indices = node.indices
        if len(indices) == 1:
            if columns != 1 and rows != 1:
                self.fail(f"a single index needs a vector, and this is {rows} x {columns}. Write [i,j].", node.position)
            indices = (*indices, 1) if columns == 1 else (1, *indices)
        for axis, (index, side) in enumerate(zip(indices, matrix.shape, strict=True)):
            if index is not None and not 1 <= index <= side:
                what = ("row", "column")[axis]
                self.fail(
                    f"no {what} {shown(str(index))[1:-1]}: this is {rows} x {columns}, and indices start at 1.",
                    node.position,
                )
        i, j = indices
        if i is not None and j is not None:
            return Matrix((1, 1), (matrix.entries[(i - 1) * columns + j - 1],))
        if i is not None:
            return Matrix((1, columns), matrix.row(i - 1))
        if j is not None:
            return Matrix((rows, 1), matrix.column(j - 1))
        return matrix

    def sum(self, parts: list[tuple[int, Matrix, int]]) -> Matrix:
        sign, first, position = parts[0]
        shape = first.shape
        for _, matrix, place in parts[1:]:
            if matrix.shape != shape:
                self.fail(
                    f"cannot add shapes: {shape[0]} x {shape[1]} before, {matrix.shape[0]} x {matrix.shape[1]} here.",
                    place,
                )
        for _, matrix, place in parts if len(parts) > 1 or sign < 0 else ():
            self.spend(weight(matrix), place)
        gathered: list[Terms] = [{} for _ in first.entries]
        for sign, matrix, _ in parts:
            for terms, entry in zip(gathered, matrix.entries, strict=True):
                add_to(terms, entry, sign)
        return self.checked(Matrix(shape, tuple(map(Polynomial, gathered))), position)

    def product(self, factors: tuple[Factor, ...]) -> Matrix:
        result = self.value(factors[0].operand)
        for factor in factors[1:]:
            right = self.value(factor.operand)
            match factor.operator:
                case "*":
                    result = self.times(result, right, factor.position)
                case ".*":
                    result = self.entrywise(result, right, factor.position)
                case _:
                    result = self.divided(result, right, factor.position)
        return result

    def times(self, left: Matrix, right: Matrix, position: int) -> Matrix:
        if left.scalar or right.scalar:
            return self.entrywise(left, right, position)
        self.check_inner(left, right, position)
        self.check_degree(degree(left) + degree(right), position)
        inner = left.shape[1]
        self.spend(
            left.shape[0] * right.shape[1] + sum(count(left.column(k)) * count(right.row(k)) for k in range(inner)),
            position,
        )
        columns = [right.column(j) for j in range(right.shape[1])]
        entries = tuple(dot(left.row(i), column) for i in range(left.shape[0]) for column in columns)
        return self.checked(Matrix((left.shape[0], right.shape[1]), entries), position)

    def check_inner(self, left: Matrix, right: Matrix, position: int) -> None:
        if left.shape[1] != right.shape[0]:
            (a, b), (c, d) = left.shape, right.shape
            hint = " Did you forget a transpose (.T)?" if b == d or a == c else ""
            self.fail(f"cannot multiply shapes {a} x {b} and {c} x {d}: {b} is not {c}.{hint}", position)

    def entrywise(self, left: Matrix, right: Matrix, position: int) -> Matrix:
        if left.scalar and not right.scalar:
            left, right = right, left
        others = right.entries * len(left.entries) if right.scalar else right.entries
        if len(others) != len(left.entries) or not (right.scalar or right.shape == left.shape):
            (a, b), (c, d) = left.shape, right.shape
            self.fail(f"cannot multiply entrywise shapes {a} x {b} and {c} x {d}: they differ.", position)
        self.check_degree(degree(left) + degree(right), position)
        pairs = list(zip(left.entries, others, strict=True))
        self.spend(len(pairs) + sum(len(a.terms) * len(b.terms) for a, b in pairs), position)
        return self.checked(Matrix(left.shape, tuple(a * b for a, b in pairs)), position)

    def divided(self, left: Matrix, right: Matrix, position: int) -> Matrix:
        if not right.scalar or right.entries[0].degree:
            self.fail("only division by a number is supported.", position)
        divisor = right.entries[0].terms.get((), 0)
        if not divisor:
            self.fail("division by zero.", position)
        self.spend(weight(left), position)
        factor = 1 / Fraction(divisor)
        return self.checked(Matrix(left.shape, tuple(entry.scaled(factor) for entry in left.entries)), position)

    def power(self, base: Matrix, exponent: int, position: int) -> Matrix:
        rows, columns = base.shape
        if rows != columns:
            self.fail(f"a power needs a square matrix, and this is {rows} x {columns}. Write .* for entries.", position)
        self.check_degree(degree(base) * exponent, position)
        if base.scalar and exponent > 1:  # the number of terms is known before the work
            terms = len(base.entries[0].terms)
            self.spend(min(comb(terms + exponent - 1, exponent), self.left + 1) if terms > 1 else 1, position)
        if exponent == 0:
            self.spend(rows * rows, position)
            return _identity(rows)
        result = base
        for _ in range(exponent - 1):
            result = self.times(result, base, position)
        return result

    def call(self, node: Call) -> Matrix:
        position = node.position
        if node.function in ("ones", "eye"):
            sides = [self.side(argument) for argument in node.arguments]
            rows, columns = sides[0], sides[-1]
            self.spend(rows * columns, position)
            if node.function == "eye":
                return _identity(rows)
            return Matrix((rows, columns), (Polynomial.constant(1),) * (rows * columns))
        if node.function in ("trace", "diag"):
            diagonal = self.diagonal(node.arguments[0], node.function)
            if node.function == "diag":
                return Matrix((len(diagonal), 1), diagonal)
            self.spend(count(diagonal), position)
            return self.checked(Matrix((1, 1), (total(diagonal),)), position)
        inside = self.value(node.arguments[0])
        rows, columns = inside.shape
        self.spend(weight(inside), position)
        match node.function:
            case "transpose":
                return inside.transposed()
            case "norm2":
                self.check_degree(2 * degree(inside), position)
                self.spend(sum(len(entry.terms) ** 2 for entry in inside.entries), position)
                result = Matrix((1, 1), (dot(inside.entries, inside.entries),))
            case "sum":
                result = Matrix((1, 1), (total(inside.entries),))
            case "rowsums":
                result = Matrix((rows, 1), tuple(total(inside.row(i)) for i in range(rows)))
            case "colsums":
                result = Matrix((1, columns), tuple(total(inside.column(j)) for j in range(columns)))
            case _:
                result = self.determinant(inside, position)
        return self.checked(result, position)

    def side(self, node: Node) -> int:
        if not isinstance(node, Number) or not isinstance(node.value, int) or not 1 <= node.value <= limits.WIDTH:
            self.fail(f"expected a whole number from 1 to {limits.WIDTH}.", node.position)
        return node.value

    def determinant(self, matrix: Matrix, position: int) -> Matrix:
        rows, columns = matrix.shape
        if rows != columns:
            self.fail(f"det needs a square matrix, and this is {rows} x {columns}.", position)
        if rows > limits.DETERMINANT:
            raise TooLarge(
                f"Column {position + 1}: det is expanded up to {limits.DETERMINANT} x {limits.DETERMINANT}; this is "
                f"{rows} x {rows}. Use a smaller minor.\n{caret(self.text, position)}"
            )
        self.check_degree(sum(max(entry.degree for entry in matrix.row(i)) for i in range(rows)), position)
        self.spend(determinant_work(matrix), position)
        return Matrix((1, 1), (determinant(matrix),))

    def diagonal(self, node: Node, function: str) -> tuple[Polynomial, ...]:
        """The diagonal of ``node``; of a product ``A*B`` only what is needed is computed."""
        if isinstance(node, Sum):
            parts = [(term.sign, self.diagonal(term.operand, function), term.position) for term in node.terms]
            columns = [(sign, Matrix((len(entries), 1), entries), place) for sign, entries, place in parts]
            size = columns[0][1].shape[0]
            for _, matrix, place in columns[1:]:
                if matrix.shape[0] != size:
                    other = matrix.shape[0]
                    self.fail(f"cannot add shapes: {size} x {size} before, {other} x {other} here.", place)
            return self.sum(columns).entries
        if isinstance(node, Product) and node.factors[-1].operator == "*":
            *first, last = node.factors
            left, right = self.product(tuple(first)), self.value(last.operand)
            if left.scalar or right.scalar:
                return self.square_diagonal(self.entrywise(left, right, last.position), function, node.position)
            self.check_inner(left, right, last.position)
            if left.shape[0] == right.shape[1]:
                self.check_degree(degree(left) + degree(right), last.position)
                rows = range(left.shape[0])
                pairs = [(left.row(i), right.column(i)) for i in rows]
                self.spend(
                    sum(len(a.terms) * len(b.terms) for row, col in pairs for a, b in zip(row, col, strict=True)),
                    last.position,
                )
                column = Matrix((len(pairs), 1), tuple(dot(row, col) for row, col in pairs))
                return self.checked(column, last.position).entries
            self.fail_square((left.shape[0], right.shape[1]), function, node.position)
        return self.square_diagonal(self.value(node), function, node.position)

    def square_diagonal(self, matrix: Matrix, function: str, position: int) -> tuple[Polynomial, ...]:
        if matrix.shape[0] != matrix.shape[1]:
            self.fail_square(matrix.shape, function, position)
        return matrix.entries[:: matrix.shape[1] + 1]

    def fail_square(self, shape: tuple[int, int], function: str, position: int) -> NoReturn:
        self.fail(f"{function} needs a square matrix, and this is {shape[0]} x {shape[1]}.", position)


def _identity(side: int) -> Matrix:
    one, zero = Polynomial.constant(1), Polynomial()
    return Matrix((side, side), tuple(one if i == j else zero for i in range(side) for j in range(side)))
