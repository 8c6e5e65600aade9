"""Squares in floats and in balls."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, fmpq

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic.paths.recover import law_values, recover_squares, squares_of
from flowlaw.oracles.intrinsic.paths.wiring import pieces, wiring
from flowlaw.oracles.models import PathLifting, parse_model
from flowlaw.simulations.recover import Balances, PathLogs, metric_balls, recover, square_balls

F = Fraction
SPECS = ("relu:2-2-2-1+bias+skip0:2", "relu:3-8-8-2", "dag:x:2,h:3,g:2,y:1/x-h-y,x-g-y,h-g", "relu:2-4-2+outbias")


def read(spec: str) -> PathLifting:
    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


@pytest.mark.parametrize("spec", SPECS)
def test_squares_come_back_after_a_random_rescaling_within_the_errors_stated(spec: str) -> None:
    model, rng = read(spec), np.random.default_rng(3)
    balances = Balances.of(model)
    for _ in range(5):
        logs = rng.normal(size=model.parameters)
        laws = balances.values(np.exp(logs))
        found = balances.recover(logs + 2 * balances.changes(3 * rng.normal(size=model.hidden)), laws)
        off = np.abs(np.log(found.squares) - logs)
        assert (off <= found.errors).all()
        assert found.errors.max() < 1e-9
        assert found.residual < 1e-14
        assert found.changes[-1] < found.changes[0]


@pytest.mark.parametrize("spec", SPECS)
def test_floats_lie_in_the_exact_enclosure_for_random_laws(spec: str) -> None:
    model, rng = read(spec), np.random.default_rng(4)
    point = [F(int(rng.integers(1, 9)), 4) for _ in range(model.parameters)]
    laws = [F(int(rng.integers(-40, 40)), 2) for _ in range(model.hidden)]
    exact = recover_squares(model, squares_of(point), laws, digits=25)
    found = recover(model, [float(x) for x in point], [float(h) for h in laws])
    off = [abs(float(F(x) / y - 1)) for x, y in zip(found.squares.tolist(), exact.squares, strict=True)]
    assert (np.array(off) <= np.expm1(found.errors) + 1e-24).all()


def test_wrong_squares_have_large_errors_or_none() -> None:
    model = read(SPECS[0])
    balances, rng = Balances.of(model), np.random.default_rng(5)
    logs = rng.normal(size=model.parameters)
    laws = balances.values(np.exp(logs))
    near = np.exp(logs + 2 * balances.changes(1e-6 * rng.normal(size=model.hidden)))
    assert (np.abs(np.log(near) - logs) <= balances.errors(near, laws)).all()
    assert balances.errors(near, laws).max() > 1e-7
    far = np.exp(logs + 2 * balances.changes(rng.normal(size=model.hidden)))
    assert not np.isfinite(balances.errors(far, laws)).all()


def test_the_hessian_is_that_of_finite_differences() -> None:
    model = read(SPECS[0])
    balances, rng = Balances.of(model), np.random.default_rng(6)
    logs = rng.normal(size=model.parameters)
    step = 1e-5
    for v in range(model.hidden):
        unit = np.eye(model.hidden)[v] * step
        ahead, behind = (balances.values(np.exp(logs + sign * 2 * balances.changes(unit))) for sign in (1.0, -1.0))
        # central differences: an error of step^2 times third derivatives of size 8 sum of squares
        bound = 8 * step**2 * np.exp(logs).sum() + 1e-10
        assert np.abs((ahead - behind) / (2 * step) - balances.hessian(np.exp(logs))[v]).max() < bound


def test_a_piece_is_recovered_as_within_the_whole() -> None:
    model = read("dag:x:1,h:1,g:2,k:1,y:1/x-h-g-y,x-k-y,x-y")
    rng = np.random.default_rng(7)
    logs, moved = rng.normal(size=model.parameters), rng.normal(size=model.hidden)
    whole = Balances.of(model)
    laws = whole.values(np.exp(logs))
    start = logs + 2 * whole.changes(moved)
    squares = whole.solve(start, laws)
    for piece in pieces(model):
        edges, neurons = list(piece.edges), list(piece.neurons)
        part = Balances.part(wiring(model), piece).solve(start[edges], laws[neurons])
        assert np.allclose(part, squares[edges], rtol=1e-12)
    direct = wiring(model).direct
    assert np.array_equal(squares[list(direct)], np.exp(start)[list(direct)])


def test_least_squares_of_logarithms_start_on_the_right_orbit() -> None:
    model = read(SPECS[0])
    rng = np.random.default_rng(8)
    point = rng.choice([-1.0, 1.0], model.parameters) * rng.uniform(0.2, 2, model.parameters)
    paths = [[edge for edge, _ in path] for path in model.paths()]
    incidence = np.zeros((len(paths), model.parameters))
    for line, path in zip(incidence, paths, strict=True):
        line[path] = 1
    z = np.array([point[path].prod() for path in paths])
    balances = Balances.of(model)
    logs = PathLogs(incidence, balances)(z)
    assert np.allclose(incidence @ logs, 2 * np.log(np.abs(z)), atol=1e-12)
    assert np.abs(balances.values(logs)).max() < 1e-12  # the shortest one is orthogonal to all rescalings
    assert np.allclose(balances.solve(logs, balances.values(point**2)), point**2, rtol=1e-11)


def test_a_thousand_hidden_neurons_are_recovered() -> None:
    model, rng = read("relu:5-500-500-3+bias"), np.random.default_rng(9)
    balances = Balances.of(model)
    logs = np.log(rng.uniform(0.1, 1, model.parameters))
    found = balances.recover(logs + 2 * balances.changes(rng.normal(size=1000)), balances.values(np.exp(logs)))
    assert (np.abs(np.log(found.squares) - logs) <= found.errors).all()
    assert len(found.changes) < 60
    assert found.residual < 1e-12


def test_balls_contain_the_true_squares_and_the_true_metric() -> None:
    model = read("relu:1-2-1+bias")
    point = [F(x) for x in (1, 2, 2, -1, 3, 1)]
    laws = [F(h) for h in law_values(model, point)]
    off = [laws[0] + F(1, 7), laws[1]]  # squares that are not rational
    found = recover_squares(model, squares_of(point), off, digits=20)
    better = recover_squares(model, squares_of(point), off, digits=40)
    assert not found.exact
    for ball, square in zip(square_balls(found), better.squares, strict=True):
        assert ball.contains(arb(fmpq(square.numerator, square.denominator)))
        assert float(ball.rad()) < 1e-14
    paths = [[edge for edge, _ in path] for path in model.paths()]
    z = [F(p.evaluate(point)) for p in model.coordinates()]
    exact = metric_balls(paths, z, recover_squares(model, squares_of(point), laws))
    for line, known in zip(exact, [[10, 0, 2, 0], [0, 5, 0, -2], [2, 0, 13, 0], [0, -2, 0, 2]], strict=True):
        for ball, value in zip(line, known, strict=True):
            assert ball.contains(value)
            assert float(ball.rad()) < 1e-12
    other = metric_balls(paths, z, found)
    assert not other[0][0].overlaps(exact[0][0])  # other laws, another metric: proved


def test_what_cannot_be_recovered_is_refused() -> None:
    model = read("relu:2-1-1")
    with pytest.raises(BadInput, match="Parameter 1 is 0"):
        recover(model, [1.0, 0.0, 2.0], [0.0])
    with pytest.raises(BadInput, match="3 parameters and 1 laws"):
        recover(model, [1.0, 1.0], [0.0])
    with pytest.raises(BadInput, match="finite"):
        recover(model, [1.0, 1.0, float("nan")], [0.0])
    with pytest.raises(BadInput, match="over- or underflows"):
        recover(model, [1e300, 1e300, 1.0], [0.0])
    with pytest.raises(TooLarge, match="5000"):
        Balances.of(read("relu:1-5000-1"))
