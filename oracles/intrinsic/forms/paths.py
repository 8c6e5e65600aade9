r"""Reduced flows of path liftings: ReLU networks on any graph (A3.path-lifting and its closed forms).

A path lifting splits into pieces of hidden neurons that share no path (``pieces``). What holds at zero weights depends
on the piece. A row of neurons has ``Z = u a ... b v^T``, and for Z not 0 its fibre is the orbit of its rescalings even
where entries of u and v vanish, so the squares and ``u u^T``, ``v v^T`` are functions of Z and the laws. A single
neuron with Z = 0 still has a metric where the side that is left over has one entry, or where nothing is left. A row
with one edge at each end has one for every z: at z = 0 the laws give all squares. Any other piece needs every weight.
Edges from a source to an output are coordinates themselves, with metric 1, at any value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import BadInput
from ...models import Model, PathLifting, parameter_name
from ...polynomials import Rational
from .._closed_form import ClosedForm, Formula, NotClaimed
from ..paths.recover import law_values
from ..paths.representative import quotients
from ..paths.wiring import Piece, Row, Wiring, neuron_names, pieces, wiring

EXPLICIT = 40
"""Up to how many paths and edges formulas are written out for SymPy."""

Kind = Literal["neurons", "rows", "paths"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the reduced flow of a path lifting from a point rests on.

    Attributes:
        kind: single neurons, rows of neurons, or any graph.
        parts: the pieces.
        laws: the value of ``h_v`` for each hidden neuron.
    """

    kind: Kind
    parts: tuple[Piece, ...]
    laws: tuple[Rational, ...]


def plan(model: PathLifting, point: Sequence[Rational]) -> Plan:
    """The pieces with the values of their laws, after a look at zero weights.

    Raises:
        BadInput: a point of the wrong length.
        NotClaimed: a weight is zero where the metric is then no function of z and the laws.
    """
    if len(point) != model.parameters:
        raise BadInput(f"A point of {model.spec} has {model.parameters} entries; {len(point)} were given.")
    parts = pieces(model)
    for piece in parts:
        _check(model, piece, point)
    kind: Kind = "neurons"
    if any(piece.row is None for piece in parts):
        kind = "paths"
    elif any(len(piece.neurons) > 1 for piece in parts):
        kind = "rows"
    return Plan(kind, parts, law_values(model, point))


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """The reduced flow of a path lifting; None for other models.

    Raises:
        NotClaimed: a weight is zero where the theory has no claim; the message names it.
        BadInput: a point of the wrong length.
    """
    if not isinstance(model, PathLifting):
        return None
    found = plan(model, point)
    names = neuron_names(model)
    invariants = {f"h_{name}": value for name, value in zip(names, found.laws, strict=True)}
    if found.kind == "paths":
        formulas = (*_METRIC, *_explicit(model, found))
        return ClosedForm("paths", "A3.path-lifting.recover", _domain(model, found), formulas, invariants)
    formulas = _NEURON if found.kind == "neurons" else (*_ROW, _polynomial(found))
    return ClosedForm(found.kind, "A3.path-lifting.closed-forms", _domain(model, found), formulas, invariants)


def _check(model: PathLifting, piece: Piece, point: Sequence[Rational]) -> None:
    names = neuron_names(model)
    if piece.row is None:
        zero = [parameter_name(model, e) for e in piece.edges if not point[e]]
        if zero:
            raise NotClaimed(
                f"{_listed(zero)} of {model.spec} {'is' if len(zero) == 1 else 'are'} zero. Squares of weights are "
                "functions of z and the laws only where no weight of the neurons "
                f"{_listed([names[v] for v in piece.neurons])} is zero (A3.zero-weights). Start elsewhere."
            )
        return
    row = piece.row
    if _scalar(row):
        return
    into, out = (any(point[e] for e in side) for side in (row.entering, row.leaving))
    if into and out and all(point[e] for e in row.inner):
        return
    if not row.inner and (not into and not out):
        return  # stays at 0, where the metric is 0
    if not row.inner and len(row.leaving if out else row.entering) == 1:
        return  # the square of the one weight is the law, up to sign
    lost = row.entering if not into else row.leaving if not out else [e for e in row.inner if not point[e]]
    culprits = _listed([parameter_name(model, e) for e in lost])
    if row.inner:
        remedy = "A row of neurons has a closed form only where its product is not zero"
    else:
        kept = "outgoing" if out else "incoming"
        remedy = f"Its {kept} weights are several then, and z does not say in which direction they point"
    raise NotClaimed(
        f"All paths through {_listed([names[v] for v in piece.neurons])} of {model.spec} are zero, because of "
        f"{culprits}. {remedy} (A3.zero-weights). Start elsewhere."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _domain(model: PathLifting, found: Plan) -> str:
    if not found.parts:
        return "all z: there are no hidden neurons, and K is the identity"
    if found.kind == "paths":
        return "z with the signs of the initial z, as long as no path vanishes except edges from a source to an output"
    names = neuron_names(model)
    anywhere: list[str] = []
    for piece in found.parts:
        row, law = piece.row, found.laws[piece.neurons[0]]
        if row is not None and (_scalar(row) or (not row.inner and _everywhere(row, law))):
            anywhere.append(names[piece.neurons[0]])
    if len(anywhere) == len(found.parts):
        return "all z in the image of phi"
    text = "z with Z not 0 for every neuron" if found.kind == "neurons" else "z with Z not 0 for every row of neurons"
    return text + (f" (for {_listed(anywhere)} also Z = 0)" if anywhere else "")


def _scalar(row: Row) -> bool:
    return len(row.entering) == len(row.leaving) == 1


def _everywhere(row: Row, law: Rational) -> bool:
    """Whether the metric of a neuron is a function of Z on the whole level set of its law, Z = 0 included."""
    return law == 0 or len(row.entering if law > 0 else row.leaving) == 1


_NEURON = (
    Formula(
        "for each neuron the matrix of its paths, outgoing weights u times incoming weights and bias v, and its law",
        r"Z = u v^T, \qquad h = |v|^2 - |u|^2",
    ),
    Formula("the root", r"w = \sqrt{h^2 + 4 |Z|^2}", "sqrt(h**2 + 4*n2)"),
    Formula(
        "the squared length of the incoming weights, n2 being |Z|^2",
        r"|v|^2 = \frac{w + h}{2}",
        "(sqrt(h**2 + 4*n2) + h)/2",
    ),
    Formula("the squared length of the outgoing weights", r"|u|^2 = \frac{w - h}{2}", "(sqrt(h**2 + 4*n2) - h)/2"),
    Formula(
        "K for each neuron, G being the gradient of f in Z; different neurons do not mix",
        r"K(G) = \frac{Z Z^T G}{|v|^2} + \frac{G Z^T Z}{|u|^2}",
        "2/(sqrt(h**2 + 4*n2) + h)*Z*Z.T*G + 2/(sqrt(h**2 + 4*n2) - h)*G*Z.T*Z",
    ),
    Formula("paths of one edge", r"K(G) = G", "G"),
)

_ROW = (
    Formula(
        "for each row of neurons the matrix of its paths, with its laws from the output on",
        r"Z = u a_k \cdots a_2 v^T, \qquad \mu_1 = |u|^2 - a_k^2, \quad \mu_2 = a_k^2 - a_{k-1}^2, \; \ldots, \quad "
        r"\mu_k = a_2^2 - |v|^2, \qquad s_i = \mu_1 + \cdots + \mu_i",
    ),
    Formula(
        "the largest root, larger than 0 and all s",
        r"x (x - s_1)(x - s_2) \cdots (x - s_k) = |Z|^2, \qquad x = |u|^2, \quad x - s_i = a_{k+1-i}^2, \quad "
        r"x - s_k = |v|^2",
    ),
    Formula(
        "K for each row, G being the gradient of f in Z; different rows do not mix",
        r"K(G) = \frac{Z Z^T G}{|v|^2} + \frac{G Z^T Z}{|u|^2} + \langle Z, G \rangle Z \sum_i \frac{1}{a_i^2}",
    ),
    Formula("K for a row with one edge at each end, at any z", r"K = \sum_i \prod_{j \neq i} \theta_j^2"),
    Formula("paths of one edge", r"K(G) = G", "G"),
)

_METRIC = (
    Formula(
        "the metric, as a matrix over paths",
        r"K_{pq} = z_p z_q \sum_{e \in p \cap q} \frac{1}{\theta_e^2}",
    ),
    Formula(
        "the squares, r being 1 at sources and outputs",
        r"\theta_e^2 = q_e \frac{r_v}{r_u} \qquad (e : u \to v)",
    ),
    Formula(
        "r is the unique positive solution of one equation for each hidden neuron",
        r"\sum_{e : u \to v} q_e \frac{r_v}{r_u} - \sum_{e : v \to w} q_e \frac{r_w}{r_v} = h_v",
    ),
    Formula(
        "q from z: one edge out of each hidden neuron has q = 1; for the others, with a way i(u) from a source to u "
        "and the way o(v) along those edges from v to an output",
        r"q_e = \left( \frac{z_{i(u)\, e\, o(v)}}{z_{i(u)\, o(u)}} \right)^2, \qquad "
        r"q_e = z_{e\, o(v)}^2 \text{ if } u \text{ is a source}",
    ),
)


def _polynomial(found: Plan) -> Formula:
    """The polynomial of the longest row."""
    longest = max(len(piece.neurons) for piece in found.parts)
    factors = ["x", *("(x - " + " - ".join(f"mu{j + 1}" for j in range(i + 1)) + ")" for i in range(longest))]
    says = f"for the longest row, of {longest} neurons, x is the largest root of this, n2 being |Z|^2"
    tex = r"x" + "".join(rf"(x - s_{{{i + 1}}})" for i in range(longest)) + r" - |Z|^2"
    return Formula(says, tex, "*".join(factors) + " - n2")


def _explicit(model: PathLifting, found: Plan) -> tuple[Formula, ...]:
    """The equations and squares of a small network, in its coordinates z1, z2, ... and laws."""
    if model.parameters > EXPLICIT or model.coordinate_terms() > EXPLICIT:
        return ()
    wires, names = wiring(model), neuron_names(model)
    squares = _square_texts(model, wires)
    formulas: list[Formula] = []
    for v, name in enumerate(names):
        terms = [squares[e] for e, head in enumerate(wires.heads) if head == v]
        terms += [f"-{squares[e]}" for e, tail in enumerate(wires.tails) if tail == v]
        text = " + ".join([*terms, f"-h_{name}"]).replace("+ -", "- ")
        tex = rf"\sum_{{e \to v}} \theta_e^2 - \sum_{{v \to e}} \theta_e^2 = h_v, \quad v = \mathrm{{{_escaped(name)}}}"
        formulas.append(Formula(f"vanishes: the equation of the neuron {name}", tex, text))
    for e, text in enumerate(squares):
        name = parameter_name(model, e)
        formulas.append(Formula(f"s{e + 1}, the square of {name}", rf"\theta_{{{e + 1}}}^2", text))
    paths = [{edge for edge, _ in path} for path in model.paths()]
    lines = [", ".join(_entry(paths, p, q) for q in range(len(paths))) for p in range(len(paths))]
    formulas.append(
        Formula(
            "the metric with these squares",
            r"\left( K_{pq} \right)",
            "Matrix([" + ", ".join(f"[{x}]" for x in lines) + "])",
        )
    )
    return tuple(formulas)


def _entry(paths: Sequence[set[int]], p: int, q: int) -> str:
    shared = " + ".join(f"1/s{edge + 1}" for edge in sorted(paths[p] & paths[q]))
    return f"z{p + 1}*z{q + 1}*({shared})" if shared else "0"


def _square_texts(model: PathLifting, wires: Wiring) -> list[str]:
    names = neuron_names(model)
    texts: list[str] = []
    for e, (top, bottom) in enumerate(quotients(model)):
        over = [f"z{top + 1}**2"] * (top >= 0) + [f"r_{names[wires.heads[e]]}"] * (wires.heads[e] >= 0)
        under = [f"z{bottom + 1}**2"] * (bottom >= 0) + [f"r_{names[wires.tails[e]]}"] * (wires.tails[e] >= 0)
        texts.append("/".join(["*".join(over) or "1", *under]))
    return texts


def _escaped(name: str) -> str:
    return name.replace("_", r"\_")
