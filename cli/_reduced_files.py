"""The files of ``flowlaw reduce``: an article, a record, a module, a page and its pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from ..oracles.errors import BadInput

if TYPE_CHECKING:
    from ..oracles.models import Model
    from ..oracles.polynomials import Rational
    from ..properties import Plot, Theorem
    from ..properties.reduction import Reduction
    from ..reports.events import Plot as PlotEvent

_PICTURES = ("trajectories.svg", "distance.svg")
_NUMBERS = 48
"""Entries of a point up to which it is printed."""


def write(found: Reduction, folder: Path, command: str) -> list[Path]:
    """Makes every text before the first file is written, and each file in one go.

    Raises:
        BadInput: the folder cannot be made or written to.
    """
    from ..oracles.certificates import write_text
    from ..reports.picture import picture

    plots = _plots(found)
    texts = {
        "reduced.tex": article(found),
        "formulas.json": json.dumps(record(found), indent=1) + "\n",
        "reduced.py": module(found),
        "index.html": html(found, command, list(plots.values())),
        **{name: picture(plot) for name, plot in plots.items()},
    }
    if (path := _model_file(found.model)) is not None:
        texts["model.toml"] = path.read_text("utf-8")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror or error}. Choose another one.") from None
    for name, text in texts.items():
        write_text(folder / name, text)
    for name in _PICTURES:  # one of an earlier run says nothing about this one
        if name not in texts:
            (folder / name).unlink(missing_ok=True)
    return [folder / name for name in texts]


def _model_file(model: Model) -> Path | None:
    """The file of a model that is not named by a short form."""
    spec = model.spec
    return Path(spec.removeprefix("file:")) if spec.startswith("file:") or spec.endswith(".toml") else None


def record(found: Reduction) -> dict[str, object]:
    """Everything for programs; exact numbers as text."""
    form, held, goal = found.form, found.held, found.goal
    compared = held.comparison
    return {
        "model": found.model.spec,
        "point": {"name": found.start.name, "says": found.start.says, "values": texts(found.start.point)},
        "start": None if found.values is None else texts(found.values),
        "name": form.name,
        "theorem": form.theorem,
        "domain": form.domain,
        "invariants": {name: str(value) for name, value in form.invariants.items()},
        "formulas": [{"says": f.says, "tex": f.tex, "sympy": f.sympy} for f in form.formulas],
        "loss": None
        if goal is None
        else {
            "says": goal.says,
            "slope": texts(goal.loss.slope),
            "curvature": [[i + 1, j + 1, str(a)] for i, j, a in goal.loss.curvature],
        },
        "verdict": held.verdict,
        "says": held.says,
        "time": None if held.time is None else str(held.time),
        "comparison": None
        if compared is None
        else {
            "distance": compared.distance,
            "bound": compared.bound,
            "rounding": compared.rounding,
            "step_lengths": list(compared.lengths),
            "distances": list(compared.distances),
            "orders": list(compared.slopes),
        },
    }


def texts(values: Sequence[Rational]) -> list[str]:
    """Numbers as text."""
    return [str(value) for value in values]


def point_text(model: Model, point: Sequence[Rational]) -> str:
    """The point by blocks; long ones are left to the record."""
    if len(point) > _NUMBERS:
        return f"{len(point)} numbers (formulas.json has them)"
    return ", ".join(f"{name} = {_matrix_text(rows)}" for name, rows in _blocks(model, point))


def _blocks(model: Model, point: Sequence[Rational]) -> Iterator[tuple[str, list[list[Rational]]]]:
    """Each block as a matrix; those without two sides as one row."""
    start = 0
    for block in model.blocks:
        values = list(point[start : start + block.size])
        start += block.size
        width = block.shape[1] if len(block.shape) == 2 else max(1, block.size)
        yield block.name, [values[i : i + width] for i in range(0, len(values), width)]


def _matrix_text(rows: Sequence[Sequence[Rational]]) -> str:
    return "[" + ", ".join("[" + ", ".join(map(str, row)) + "]" for row in rows) + "]"


def article(found: Reduction) -> str:
    """A TeX article that needs amsmath and nothing else."""
    form = found.form
    spec = f"\\texttt{{{_plain(found.model.spec)}}}"
    lines = [
        r"\documentclass{article}",
        r"\usepackage{amsmath,amssymb}",
        rf"\title{{The reduced flow of {spec}}}",
        r"\author{}\date{}",
        r"\begin{document}",
        r"\sloppy",
        r"\maketitle",
        rf"\noindent The gradient flow of a loss $f(\phi(\theta))$ moves $z = \phi(\theta)$ of {spec}, from the "
        rf"initialization \texttt{{{_plain(found.start.name)}}}, by",
        r"\[ z' = -K(z)\, \nabla f(z), \]",
        rf"where $K$ is the closed form \texttt{{{_plain(form.name)}}} of the theorem",
        rf"\texttt{{{_plain(form.theorem)}}}.",
        "",
        rf"\paragraph{{Domain.}} {_plain(form.domain)}",
    ]
    if form.invariants:
        values = (f"\\texttt{{{_plain(name)}}} $= {_number(value)}$" for name, value in form.invariants.items())
        lines += ["", r"\paragraph{Conserved.} " + ",\n".join(values) + "."]
    lines += ["", r"\paragraph{Formulas.}"]
    for formula in form.formulas:
        lines += ["", f"{_plain(formula.says)}:", f"\\[ {formula.tex} \\]"]
    lines += ["", r"\paragraph{Initialization.}" + (f" {_plain(found.start.says)}." if found.start.says else "")]
    if len(found.start.point) <= _NUMBERS:
        lines += [
            f"\\[ \\text{{{_plain(name)}}} = {_matrix_tex(rows)} \\]"
            for name, rows in _blocks(found.model, found.start.point)
        ]
    else:
        lines.append(r"Its numbers are in \texttt{formulas.json}.")
    return "\n".join([*lines, r"\end{document}", ""])


def _plain(text: str) -> str:
    """Text in which TeX sees no commands."""
    ascii_only = text.encode("ascii", "backslashreplace").decode()
    return "".join(_ESCAPES.get(character, character) for character in ascii_only)


_ESCAPES = {character: f"\\{character}" for character in "#$%&_{}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}


def _number(value: Rational) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{'-' if value < 0 else ''}\\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _matrix_tex(rows: Sequence[Sequence[Rational]]) -> str:
    """An array, since a ``pmatrix`` ends at ten columns."""
    body = r" \\ ".join(" & ".join(map(_number, row)) for row in rows)
    return rf"\left(\begin{{array}}{{{'r' * len(rows[0])}}} {body} \end{{array}}\right)"


def module(found: Reduction) -> str:
    """A module that makes the flow again from the exact point."""
    own = _model_file(found.model) is not None
    spec = 'str(Path(__file__).with_name("model.toml"))' if own else repr(found.model.spec)
    start = None if found.values is None else _split(found.values)
    return "\n".join(
        [
            '"""The flow ``z\' = -K(z) grad f(z)`` of a model without its parameters, by ``flowlaw reduce``.',
            "",
            "What it rests on is in formulas.json. The coordinates of z are those of ``MODEL.coordinates()``.",
            '"""',
            "",
            "from fractions import Fraction",
            *(["from pathlib import Path"] if own else []),
            "",
            "import numpy as np",
            "",
            "from flowlaw.oracles.models import parse_model",
            "from flowlaw.simulations.reduced import reduced_flow",
            "",
            f"MODEL = parse_model({spec})",
            f"POINT = tuple(map(Fraction, {_split(found.start.point)}))",
            '"""The initialization, block by block."""',
            f"START = {'None' if start is None else f'np.array([float(Fraction(value)) for value in {start}])'}",
            '"""Where z starts: phi at the initialization'
            + (", too large to be written out." if start is None else ".")
            + '"""',
            "",
            "_FLOW = reduced_flow(MODEL, POINT)",
            "",
            "",
            "def apply(z, covector):",
            '    """``K(z) covector``, all of shape (d,)."""',
            "    return _FLOW.apply(np.asarray(z, dtype=float), np.asarray(covector, dtype=float))",
            "",
            "",
            "def velocity(z, gradient):",
            '    """``z\'`` where ``gradient`` is the gradient of the loss at z."""',
            "    return -apply(z, gradient)",
            "",
        ]
    )


def _split(values: Sequence[Rational]) -> str:
    """An expression for the texts of numbers."""
    line = " ".join(texts(values))
    if len(line) < 80:
        return f'"{line}".split()'
    body = fill(
        line, 110, initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return f'"""\n{body}\n""".split()'


def _plots(found: Reduction) -> dict[str, PlotEvent]:
    """Both flows and their distance by file name; none where they were not compared."""
    from ..oracles.intrinsic.decisions.show import coordinate_text
    from ..properties._reduced import distances, trajectories

    compared = found.held.comparison
    if compared is None or found.values is None:
        return {}
    names = [coordinate_text(found.model, index) for index in range(len(found.values))]
    return dict(zip(_PICTURES, map(_event, (trajectories(compared, names), distances(compared))), strict=True))


def html(found: Reduction, command: str, plots: Sequence[PlotEvent]) -> str:
    """The page."""
    from ..reports.reduced import ReducedPage, page

    held, compared = found.held, found.held.comparison
    theorem = _theorem(found.form.theorem)
    return page(
        ReducedPage(
            model=found.model.spec,
            parameters=found.model.parameters,
            dimension=None if found.values is None else len(found.values),
            start=found.start.name,
            start_says=found.start.says,
            point=point_text(found.model, found.start.point),
            theorem=found.form.theorem,
            theorem_title=theorem.title if theorem else "",
            statement=theorem.statement if theorem else "",
            form=found.form.name,
            domain=found.form.domain,
            invariants=[(name, str(value)) for name, value in found.form.invariants.items()],
            formulas=[(f.says, f.tex, f.sympy) for f in found.form.formulas],
            loss=found.goal.says if found.goal else "",
            verdict=held.verdict,
            says=held.says,
            distance=compared.distance if compared else None,
            bound=compared.bound if compared else None,
            order=held.order,
            plots=plots,
            command=command,
        )
    )


def _theorem(name: str) -> Theorem | None:
    from ..properties import find

    return next((theorem for theorem in find((name,)) if theorem.id == name), None)


def _event(plot: Plot) -> PlotEvent:
    """A plot as the pages take it, with the six digits that a screen has."""
    return {
        "title": plot.title,
        "caption": plot.caption,
        "x": {"label": plot.x_label, "scale": plot.x_scale},
        "y": {"label": plot.y_label, "scale": plot.y_scale},
        "series": [
            {
                "label": one.label,
                "kind": one.kind,
                "points": [(float(f"{x:.6g}"), float(f"{y:.6g}")) for x, y in one.points],
            }
            for one in plot.series
        ],
    }
