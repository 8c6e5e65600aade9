"""``flowlaw reduce``: the acceptance cases, the files, the module in a process of its own, refusals, and wrong use."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

import flowlaw.simulations.reduced as reduced
from flowlaw.oracles.intrinsic import ClosedForm, initialization
from flowlaw.oracles.models import Model, parse_model
from flowlaw.oracles.polynomials import Rational
from flowlaw.simulations import Loss
from flowlaw.simulations.integrators import EULER
from flowlaw.simulations.reduced import ReducedFlow

from .conftest import Command

ROOT = Path(__file__).parent.parent.parent
LOSS = ROOT / "examples" / "reduce-loss.toml"
PICTURES = {"trajectories.svg", "distance.svg"}
FILES = {"reduced.tex", "formulas.json", "reduced.py", "index.html"} | PICTURES
ACCEPTANCE = {
    ("linear:2-2-2", "relaxed:1"): "relaxed-balanced",
    ("linear:2-2-2-2", "balanced"): "balanced",
    ("relu:2-3-2+bias", "generic"): "neurons",
    ("conv:2-2+stride2", "generic"): "outer-product",
    ("diagonal:3", "generic"): "mirror-arcsinh",
}

Record = dict[str, Any]


def reduce(flowlaw: Command, *arguments: object) -> Record:
    """The record of a run that must end well."""
    ran = flowlaw("reduce", *arguments, "--json")
    assert ran.code == 0, ran.err + ran.out
    record: Record = json.loads(ran.out)
    return record


@pytest.mark.parametrize(("model", "start"), ACCEPTANCE)
def test_the_reduced_flow_is_written_and_agrees_with_the_full_one(
    flowlaw: Command, tmp_path: Path, model: str, start: str
) -> None:
    out = tmp_path / "out"
    record = reduce(flowlaw, model, "--init", start, "--out", out)
    assert record["verdict"] == "HOLDS"
    assert record["name"] == ACCEPTANCE[model, start]
    compared = record["comparison"]
    assert 0 < compared["distance"] <= compared["bound"] < 1e-3
    assert compared["orders"][-1] == pytest.approx(4, abs=0.5)
    assert {path.name for path in out.iterdir()} == FILES
    assert {Path(path) for path in record.pop("files")} == set(out.iterdir())
    assert json.loads((out / "formulas.json").read_text()) == record


class Wrong:
    """The negative control: the flow of a metric that is a hundredth too large."""

    def __init__(self, flow: ReducedFlow) -> None:
        self.flow = flow

    @property
    def form(self) -> ClosedForm:
        return self.flow.form

    @property
    def dimension(self) -> int:
        return self.flow.dimension

    def apply(self, z: np.ndarray[Any, Any], covector: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return 1.01 * self.flow.apply(z, covector)


@pytest.mark.once
@pytest.mark.parametrize(("model", "start"), ACCEPTANCE)
def test_a_wrong_flow_is_violated(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str, start: str
) -> None:
    right = reduced.reduced_flow

    def wrong(model: Model, point: tuple[Rational, ...]) -> Wrong:
        return Wrong(right(model, point))

    monkeypatch.setattr(reduced, "reduced_flow", wrong)
    ran = flowlaw("reduce", model, "--init", start, "--out", tmp_path / "out")
    assert ran.code == 1
    assert "VIOLATED: up to time" in ran.out
    assert 'class="v v-violated">VIOLATED' in (tmp_path / "out" / "index.html").read_text()


def test_the_terminal_shows_formulas_values_and_no_number_that_rounding_could_change(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = flowlaw("reduce", "linear:2-2-2", "--init", "relaxed:1")
    assert ran.code == 0
    assert "closed form 'relaxed-balanced' (A3.linear2.relaxed-balanced): All Z that the flow reaches." in ran.out
    assert "with lambda = 1" in ran.out
    assert "U U^T: (1*eye(2) + (1*eye(2) + 4*Z*Z.T)**Rational(1, 2))/2" in ran.out
    assert "HOLDS: both flows agree up to time 1:" in ran.out
    assert "falls with order 4 as the steps are halved" in " ".join(ran.out.split())
    assert (
        "wrote reduced.tex, formulas.json, reduced.py, index.html, trajectories.svg, distance.svg to flowlaw-reduced"
        in ran.out
    )
    assert not re.search(r"\d\.\d|e-\d", ran.out)
    assert {path.name for path in (tmp_path / "flowlaw-reduced").iterdir()} == FILES


@pytest.mark.once
@pytest.mark.parametrize(("model", "start"), ACCEPTANCE)
def test_the_module_makes_the_same_flow_in_a_process_of_its_own(
    flowlaw: Command, tmp_path: Path, model: str, start: str
) -> None:
    out = tmp_path / "out"
    record = reduce(flowlaw, model, "--init", start, "--out", out)
    seen = run_module(out)
    parsed = parse_model(model)
    point = initialization(parsed, start).point
    assert record["point"]["values"] == [str(value) for value in point]
    values = np.array([float(phi.evaluate(point)) for phi in parsed.coordinates()])
    flow = reduced.reduced_flow(parsed, point)
    covector = np.arange(1.0, 1 + len(values))
    assert seen["start"] == values.tolist()
    np.testing.assert_allclose(seen["apply"], flow.apply(values, covector), rtol=1e-12)
    np.testing.assert_allclose(seen["velocity"], -np.array(seen["apply"]), rtol=0)


def run_module(folder: Path) -> dict[str, list[float]]:
    """What reduced.py says when it is imported from a place where nothing else of the run is."""
    script = (
        "import json, sys; import numpy as np; sys.path.insert(0, sys.argv[1]); import reduced as r\n"
        "c = np.arange(1.0, 1 + len(r.START)); z = r.START\n"
        "print(json.dumps({'start': z.tolist(), 'apply': r.apply(z, c).tolist(), "
        "'velocity': r.velocity(z.tolist(), c.tolist()).tolist()}))"
    )
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-c", script, folder], capture_output=True, text=True, check=True
    )
    found: dict[str, list[float]] = json.loads(ran.stdout)
    return found


def test_a_model_of_ones_own_travels_with_the_module(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("squares.toml").write_text('name = "squares"\nphi = ["x[1]^2", "x[2]^2 - x[3]^2"]\n[blocks]\nx = [3]\n')
    record = reduce(flowlaw, "squares.toml", "--out", "out")
    assert record["name"].startswith("mirror")
    Path("squares.toml").unlink()
    monkeypatch.chdir("/")
    values = [int(value) for value in record["point"]["values"]]
    assert run_module(tmp_path / "out")["start"] == [values[0] ** 2, values[1] ** 2 - values[2] ** 2]


@pytest.mark.parametrize(
    "arguments", [["linear:2-2-2", "--init", "generic"], ["symmetric:3-3"], ["relu:2-2-1", "--init", "zero-weights"]]
)
def test_without_a_closed_form_the_reason_is_given_and_nothing_is_written(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = flowlaw("reduce", *arguments)
    assert ran.code == 3
    assert "UNDECIDED: no closed form is claimed here." in ran.out
    assert not ran.err
    record = flowlaw("reduce", *arguments, "--json")
    assert record.code == 3
    assert json.loads(record.out)["verdict"] == "UNDECIDED"
    assert len(json.loads(record.out)["reason"]) > 40
    assert not list(tmp_path.iterdir())


def test_linear_models_start_balanced_and_others_generic(flowlaw: Command, tmp_path: Path) -> None:
    assert "linear:2-2-2 at balanced" in flowlaw("reduce", "linear:2-2-2", "--out", tmp_path).out
    assert "diagonal:2 at generic" in flowlaw("reduce", "diagonal:2", "--out", tmp_path).out


def test_a_point_from_a_file(flowlaw: Command, tmp_path: Path) -> None:
    point = ROOT / "examples" / "intrinsic-point.toml"
    assert reduce(flowlaw, "linear:1-3-2", "--at", point, "--out", tmp_path)["name"] == "two-valued"


def test_a_loss_from_a_file(flowlaw: Command, tmp_path: Path) -> None:
    arguments = ("linear:2-2-2", "--init", "relaxed:1", "--out", tmp_path / "out", "--loss")
    loss = reduce(flowlaw, *arguments, LOSS)["loss"]
    assert loss["slope"] == ["-1", "1/2", "0", "-1"]
    assert loss["curvature"] == [[1, 1, "2"], [1, 4, "1/2"], [4, 1, "1/2"], [4, 4, "1"]]
    path = tmp_path / "loss.toml"
    path.write_text('target = [1, 0, 0, "1/2"]')
    loss = reduce(flowlaw, *arguments, path)["loss"]
    expected = Loss.squared([1, 0, 0, 1])
    assert loss["slope"] == ["-1", "0", "0", "-1/2"]
    assert [tuple(entry[:2]) for entry in loss["curvature"]] == [(i + 1, j + 1) for i, j, _ in expected.curvature]
    path.write_text("slope = [1, 0, 0, 1]")
    assert reduce(flowlaw, *arguments, path)["loss"]["curvature"] == []


def test_another_seed_is_another_loss_and_another_point(flowlaw: Command, tmp_path: Path) -> None:
    first, second = (reduce(flowlaw, "diagonal:3", "--seed", seed, "--out", tmp_path) for seed in (0, 1))
    assert first["point"]["values"] != second["point"]["values"]
    assert first["loss"]["slope"] != second["loss"]["slope"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["relu:150-1-140"], "21000 coordinates"),
        (["linear:2-2-2", "--time", "1000"], "Take a shorter time"),
    ],
)
def test_what_cannot_be_compared_is_skipped_and_the_formulas_are_written(
    flowlaw: Command, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "distance.svg").write_text("of an earlier run")
    ran = flowlaw("reduce", *arguments, "--out", tmp_path / "out")
    assert ran.code == 3
    assert "SKIPPED" in ran.out
    assert reason in " ".join(ran.out.split())
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - PICTURES
    record = json.loads((tmp_path / "out" / "formulas.json").read_text())
    assert record["formulas"]
    assert record["comparison"] is None


@pytest.mark.once
def test_no_verdict_is_given_where_the_error_of_integration_is_not_known(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # changes of Euler's method fall by 2 from halving to halving, and 8 is asked for
    monkeypatch.setattr(reduced, "compare", partial(reduced.compare, method=EULER))
    ran = flowlaw("reduce", "linear:2-2-2", "--init", "relaxed:1", "--time", "1/2", "--out", tmp_path / "out")
    assert ran.code == 3
    assert "SKIPPED: up to time 1/2: Halving the step does not change the flows as it should." in ran.out


@pytest.mark.once
def test_a_flow_that_does_not_move_says_nothing(flowlaw: Command, tmp_path: Path) -> None:
    path = tmp_path / "loss.toml"
    path.write_text("slope = [0, 0, 0, 0]")
    ran = flowlaw("reduce", "linear:2-2-2", "--init", "relaxed:1", "--loss", path, "--out", tmp_path / "out")
    assert ran.code == 3
    assert "SKIPPED: up to time" in ran.out
    assert "z does not move" in ran.out


def test_the_page_is_one_file_without_scripts_and_shows_both_flows(flowlaw: Command, tmp_path: Path) -> None:
    pages: list[str] = []
    for _ in range(2):
        reduce(flowlaw, "linear:2-2-2", "--init", "relaxed:1", "--out", tmp_path)
        pages.append((tmp_path / "index.html").read_text())
    assert pages[0] == pages[1]
    page = pages[0]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert "<script" not in page
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org/[\w/]+", "", page)
    assert page.count('<svg class="plot"') == 2
    assert "U1 = [[5/4, 0], [0, 5/3]], U2 = [[3/4, 0], [0, 4/3]]" in page
    assert "4*Z*Z.T)**Rational(1, 2))/2" in page
    assert "flowlaw reduce linear:2-2-2 --init relaxed:1<" in page
    statement = page.split('<div class="statement">')[1].split("</div>")[0]
    assert statement.startswith("<math")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_names_from_outside_are_no_markup_and_no_commands(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a<b>\"&\\input{x}$'_%é"
    Path(f"{name}.toml").write_text("U1 = [[1]]\nU2 = [[1]]")
    reduce(flowlaw, "linear:1-1-1", "--at", f"{name}.toml", "--out", "out")
    page, article = (Path("out", file).read_text() for file in ("index.html", "reduced.tex"))
    assert "a<b>" not in page
    assert "a&lt;b&gt;" in page
    assert r"\input" not in article
    assert r"a\textless{}b\textgreater{}''\&\textbackslash{}input\{x\}\$'\_\%" in article
    assert article.isascii()


@pytest.mark.slow
@pytest.mark.skipif(which("pdflatex") is None, reason="pdflatex is not installed (Debian: texlive-latex-base)")
@pytest.mark.parametrize(("model", "start"), ACCEPTANCE)
def test_the_article_compiles_and_fits_its_page(flowlaw: Command, tmp_path: Path, model: str, start: str) -> None:
    reduce(flowlaw, model, "--init", start, "--out", tmp_path)
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "reduced.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-2000:]
    assert "Overfull" not in ran.stdout
    assert (tmp_path / "reduced.pdf").stat().st_size > 10_000


@pytest.mark.once
@pytest.mark.parametrize(("model", "start"), ACCEPTANCE)
def test_the_article_is_balanced_and_uses_only_what_it_loads(
    flowlaw: Command, tmp_path: Path, model: str, start: str
) -> None:
    reduce(flowlaw, model, "--init", start, "--out", tmp_path)
    article = (tmp_path / "reduced.tex").read_text()
    bare = re.sub(r"\\[{}\\]", "", article)
    assert bare.count("{") == bare.count("}")
    assert article.count(r"\[") == article.count(r"\]") >= 2
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", article) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    for text in re.split(r"\\\[.*?\\\]|\$[^$]*\$", article, flags=re.DOTALL)[1:]:
        assert not re.search(r"(?<!\\)[_^&#%]", text), text


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["linear:2-2-2", "--init", "balancd"], "Did you mean 'balanced'"),
        (["diagonal:3", "--init", "balanced"], "no linear network"),
        (["linear:2-2-2", "--at", "nosuch.toml"], "nosuch.toml"),
        (["linear:2-2-2", "--at", "nosuch.toml", "--init", "generic"], "one of them"),
        (["linear:2-2-2", "--loss", "nosuch.toml"], "nosuch.toml"),
        (["linear:2-2-2", "--time", "soon"], "--time 'soon' is not a rational number"),
        (["linear:2-2-2", "--time", "1e9"], "is not a rational number"),
        (["linear:2-2-2", "--time", "-1"], "is not between"),
        (["linear:2-2-2", "--time", "1/0"], "is not a rational number"),
        (["linear:2-2-2", "--time", "99999999999"], "is not between"),
        (["relu:784-1000-10"], "20000"),
        (["liner:2-2-2"], "linear"),
    ],
)
def test_wrong_use_is_one_paragraph_that_names_the_culprit(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], culprit: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = flowlaw("reduce", *arguments)
    assert ran.code == 2
    assert culprit in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err) < 1000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        ("target = [1, 2, 3]", "target has 3 entries, and linear:2-2-2 has 4 coordinates"),
        ("target = 3", "target is no list"),
        ("target = [1, 2, 3, 4.5]", "'4.5'"),
        ('target = [1, 2, 3, "__import__(1)"]', "__import__"),
        ('target = [1, 2, 3, "1e9999"]', "1e9999"),
        ("traget = [1, 2, 3, 4]", "Did you mean 'target'?"),
        ("", "either target alone"),
        ("target = [1, 2, 3, 4]\nslope = [1, 2, 3, 4]", "either target alone"),
        ("target = [1, 2, 3, 4]\ncurvature = []", "either target alone"),
        ("curvature = []", "either target alone"),
        ("slope = [1, 2, 3, 4]\ncurvature = 1", "must be a list of entries"),
        ("slope = [1, 2, 3, 4]\ncurvature = [1]", "cannot hold '1'"),
        ("slope = [1, 2, 3, 4]\ncurvature = [[0, 1, 1]]", "from 1 to 4"),
        ("slope = [1, 2, 3, 4]\ncurvature = [[1, 5, 1]]", "from 1 to 4"),
        ("slope = [1, 2, 3, 4]\ncurvature = [[true, 1, 1]]", "from 1 to 4"),
        ("slope = [1, 2, 3, 4]\ncurvature = [[1, 1, 0.5]]", "'0.5'"),
        ("slope = [1, 2, 3, 4]\ncurvature = [[1, 2, 1], [2, 1, 1]]", "the pair (1, 2) twice"),
        ("[", "not valid TOML"),
    ],
)
def test_a_bad_loss_file_is_refused(flowlaw: Command, tmp_path: Path, content: str, culprit: str) -> None:
    path = tmp_path / "loss.toml"
    path.write_text(content)
    ran = flowlaw("reduce", "linear:2-2-2", "--loss", path, "--out", tmp_path / "out")
    assert ran.code == 2
    assert culprit in ran.err
    assert "loss.toml'" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(flowlaw: Command, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    ran = flowlaw("reduce", "linear:2-2-2", "--out", blocked)
    assert ran.code == 2
    assert str(blocked) in ran.err
    assert blocked.read_text() == "not a folder"


def test_the_page_shows_what_the_command_prints(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "reduce.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    sessions = re.findall(r"```console\n\$ flowlaw ([^\n]*)\n(.*?)```", page, re.DOTALL)
    assert len(sessions) >= 3
    for command, shown in sessions:
        assert flowlaw(*shlex.split(command)).out == shown
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    expected = example.rsplit("# ", 1)[1].strip()
    ran = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected
