"""Deep linear networks: phi is a product of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise, product
from math import prod

from .. import limits
from ..errors import BadInput
from ..polynomials import Monomial, Polynomial, Rational
from ._base import Block
from ._laws import LawFamily
from ._spec import check_parameters, check_terms, no_options, wholes
from ._sums import pair, plain_sum

EXAMPLE = "linear:4-5-2"


@dataclass(frozen=True, slots=True)
class DeepLinear:
    """``phi = U1 U2 ... UL`` with ``Ui`` of shape ``(widths[i-1], widths[i])``: the OUTPUT dimension comes first.

    With ``logits`` the loss is cross-entropy on the outputs: its gradients sum to zero over the output dimension, so a
    loss sees only the differences ``phi[i, j] - phi[d_0 - 1, j]`` (A1.loss-span, A1.two-layer-linear.logit-ce).

    >>> DeepLinear((4, 5, 2)).spec, DeepLinear((4, 5, 2)).parameters
    ('linear:4-5-2', 30)

    Raises:
        BadInput: fewer than two widths, a width below 1, or ``logits`` with a single output.
        TooLarge: more layers, wider layers or more parameters than ``limits`` allows.
    """

    widths: tuple[int, ...]
    logits: bool = False

    def __post_init__(self) -> None:
        spec = self.spec
        wholes(
            "-".join(map(str, self.widths)),
            what="the widths",
            spec=spec,
            example=EXAMPLE,
            least_count=2,
            most_count=limits.LAYERS + 1,
        )
        if self.logits and self.widths[0] == 1:
            raise BadInput(
                f"'{spec}': cross-entropy on a single logit is constant. Give at least two outputs (the first width), "
                "as in linear:2-3-4+logits, or leave out +logits."
            )
        check_parameters(self.parameters, spec)

    @property
    def spec(self) -> str:
        return "linear:" + "-".join(map(str, self.widths)) + "+logits" * self.logits

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(Block(f"U{i}", shape) for i, shape in enumerate(pairwise(self.widths), 1))

    @property
    def parameters(self) -> int:
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def hidden(self) -> int:
        """The number of hidden neurons."""
        return sum(self.widths[1:-1])

    def coordinate_terms(self) -> int:
        first, *rest = self.widths
        return (2 * (first - 1) if self.logits else first) * prod(rest)

    def coordinates(self) -> tuple[Polynomial, ...]:
        check_terms(self.coordinate_terms(), self.spec, limits.COORDINATE_TERMS, "its coordinates")
        entries = _product_entries(self.widths)
        if not self.logits:
            return tuple(Polynomial(terms) for terms in entries)
        columns = self.widths[-1]
        *rows, last = [entries[start : start + columns] for start in range(0, len(entries), columns)]
        return tuple(
            Polynomial({**terms, **{monomial: -c for monomial, c in reference.items()}})
            for row in rows
            for terms, reference in zip(row, last, strict=True)
        )

    def kernel_form(self) -> dict[str, object]:
        return {"kind": "linear", "widths": list(self.widths), "output": "zero-sum" if self.logits else "all"}

    def known_laws(self) -> tuple[LawFamily, ...]:
        """The balance matrix of each hidden layer and, for logits, the column sums of ``U1``."""
        families: list[LawFamily] = []
        if self.logits:
            rows, columns = self.widths[:2]
            families.append(
                LawFamily(
                    name="output-sums",
                    says="the column sums of U1 are constant: every gradient of the loss sums to zero over the outputs",
                    matrix_form="colsums(U1)",
                    tex=r"\mathbf{1}^\top U_{1}",
                    count=columns,
                    terms=rows * columns,
                    build=partial(_column_sums, rows, columns),
                )
            )
        for i in range(1, len(self.widths) - 1):
            width = self.widths[i]
            count = width * (width + 1) // 2
            families.append(
                LawFamily(
                    name="balance",
                    says=f"the balance matrix of hidden layer {i} is constant",
                    matrix_form=f"U{i}.T*U{i} - U{i + 1}*U{i + 1}.T",
                    tex=rf"U_{{{i}}}^\top U_{{{i}}} - U_{{{i + 1}}} U_{{{i + 1}}}^\top",
                    count=count,
                    terms=count * (self.widths[i - 1] + self.widths[i + 1]),
                    build=partial(_balance, self.widths, i),
                )
            )
        return tuple(families)


def _offsets(widths: tuple[int, ...]) -> list[int]:
    """The number of the first parameter of each layer, and the number of parameters."""
    return list(accumulate((a * b for a, b in pairwise(widths)), initial=0))


def _product_entries(widths: tuple[int, ...]) -> list[dict[Monomial, Rational]]:
    """The entries of ``U1 ... UL``, row-major, each as one monomial for every path through the hidden layers."""
    start = _offsets(widths)
    rows: list[list[tuple[Monomial, int]]] = [[((), i)] for i in range(widths[0])]
    for layer, (_, width) in enumerate(pairwise(widths[:-1])):
        rows = [
            [((*path, (start[layer] + a * width + b, 1)), b) for path, a in row for b in range(width)] for row in rows
        ]
    last, columns = start[len(widths) - 2], widths[-1]
    return [
        {(*path, (last + a * columns + column, 1)): 1 for path, a in row}
        for row, column in product(rows, range(columns))
    ]


def _column_sums(rows: int, columns: int) -> tuple[Polynomial, ...]:
    return tuple(plain_sum(((i * columns + j, 1),) for i in range(rows)) for j in range(columns))


def _balance(widths: tuple[int, ...], layer: int) -> tuple[Polynomial, ...]:
    """The entries on and above the diagonal of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for ``i = layer``."""
    before, width, after = widths[layer - 1 : layer + 2]
    first, second = _offsets(widths)[layer - 1 : layer + 1]
    laws: list[Polynomial] = []
    for a in range(width):
        for b in range(a, width):
            terms: dict[Monomial, Rational] = {}
            for k in range(before):
                terms[pair(first + k * width + a, first + k * width + b)] = 1
            for k in range(after):
                terms[pair(second + a * after + k, second + b * after + k)] = -1
            laws.append(Polynomial(terms))
    return tuple(laws)


def parse(body: str, options: list[str], spec: str) -> DeepLinear:
    """Reads ``4-5-2`` and the option ``+logits``."""
    widths = wholes(body, what="the widths", spec=spec, example=EXAMPLE, least_count=2, most_count=limits.LAYERS + 1)
    logits = options == ["logits"]
    if not logits:
        no_options(options, spec=spec, kind="linear", known=("logits",))
    return DeepLinear(widths, logits)
