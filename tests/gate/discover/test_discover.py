"""Discovery itself: nullities, traps, near-laws, and what it says to a target it cannot use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="the targets are torch modules")

from torch import nn  # noqa: E402  # after the skip
from torch_blocks import (  # noqa: E402
    TINY,
    Attention,
    Gated,
    Recurrent,
    Residual,
    cross_entropy,
    mlp,
    mse,
    normal,
    weight_normed,
)
from torch_targets import target_of  # noqa: E402

from flowlaw.gate import Target  # noqa: E402
from flowlaw.gate.discover import _draws as draws  # noqa: E402
from flowlaw.gate.discover import discover, kind_of  # noqa: E402
from flowlaw.gate.discover._affine import affine_count  # noqa: E402
from flowlaw.gate.discover._cuts import entry_cuts  # noqa: E402
from flowlaw.gate.discover._draws import Sampler  # noqa: E402
from flowlaw.gate.discover._null import null_space  # noqa: E402
from flowlaw.gate.discover._search import features  # noqa: E402
from flowlaw.oracles.errors import BadInput  # noqa: E402


def norms(norm: Any) -> Any:
    return mlp(norm, nn.ReLU(), widths=(5, 5, 3))


def deep() -> Any:
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))


def targeted(module: Any, inputs: Any, loss: Any = mse, **options: Any) -> Target:
    return target_of("net", module, inputs, loss, **options)


@pytest.mark.parametrize(
    ("act", "loss", "nullity", "beyond"),
    [
        # Linear(2, 3), act, Linear(3, 2), 17 parameters; cross entropy has 4 constant translations
        (nn.ReLU, mse, 3, 3),
        (nn.ReLU, cross_entropy, 75, 3),
        (nn.Tanh, mse, 0, 0),
        (nn.Tanh, cross_entropy, 72, 0),
        (nn.Identity, mse, 12, 12),  # gl(3) and 3 shears of the biases
        (nn.Identity, cross_entropy, 93, 21),  # 9 more: only one difference of logits matters
    ],
)
def test_all_affine_generators_of_a_tiny_network_are_counted(
    act: Callable[[], Any], loss: Any, nullity: int, beyond: int
) -> None:
    count = affine_count(Sampler(targeted(mlp(act(), widths=(2, 3, 2)), normal(6, 2), loss), 0))
    assert (count.unknowns, count.nullity, count.beyond) == (306, nullity, beyond)
    assert count.kept > 1e3 * count.dropped


@pytest.mark.parametrize(
    ("name", "module", "shape", "nullity"),
    [
        ("ReLU", lambda: mlp(nn.ReLU()), (8, 6), 5),
        ("tanh", lambda: mlp(nn.Tanh()), (8, 6), 0),
        ("identity", lambda: mlp(nn.Identity()), (8, 6), 5),
        ("three layers", deep, (8, 3), 9),
        ("residual", lambda: Residual(torch.relu), (8, 4), 12),
        ("layer norm", lambda: norms(nn.LayerNorm(5, eps=TINY)), (8, 5), 6),
        ("layer norm with epsilon", lambda: norms(nn.LayerNorm(5, eps=1e-5)), (8, 5), 5),
        ("batch norm", lambda: norms(nn.BatchNorm1d(5, eps=TINY)), (8, 5), 15),
        ("attention", lambda: Attention(), (3, 4, 6), 24),
        ("SwiGLU", lambda: Gated(nn.functional.silu), (8, 4), 5),
        ("ReGLU", lambda: Gated(torch.relu), (8, 4), 10),
        ("recurrence", lambda: Recurrent("relu"), (3, 4, 4), 5),
        ("weight norm", lambda: weight_normed(nn.ReLU()), (8, 4), 10),
    ],
)
def test_the_diagonal_nullity_of_a_block_is_the_one_of_the_table(
    name: str, module: Callable[[], Any], shape: tuple[int, ...], nullity: int
) -> None:
    sampler = Sampler(targeted(module(), normal(*shape)), 0)
    matrix, sizes = features(sampler, entry_cuts(sampler.shapes), "scaling", sampler.size + 40)
    scale = np.sqrt(np.mean(sizes**2, axis=0))
    dead = scale < 1e-13  # such a column is null by itself
    rows = matrix[:, ~dead] / scale[~dead]
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    assert len(null_space(rows, 1e-10).basis) + int(dead.sum()) == nullity


def test_relu6_looks_like_relu_only_where_no_unit_saturates(monkeypatch: pytest.MonkeyPatch) -> None:
    target = targeted(mlp(nn.ReLU6()), normal(8, 6), size=0.3)
    assert discover(target).dimension == 0
    monkeypatch.setattr(draws, "SCALES", (0.3,))
    monkeypatch.setattr(draws, "EXTREMES", (0.3,))
    assert discover(target, traced=False).dimension == 5


def test_zero_biases_hide_no_wrong_law() -> None:
    def zero(tensors: dict[str, Any]) -> None:
        for name in tensors:
            if name.endswith("bias"):
                tensors[name][:] = 0

    target = targeted(mlp(nn.ReLU()), normal(8, 6), prepare=zero, trace=False)
    (family,) = discover(target).families
    assert "incoming weights and bias" in family.names[0]


@pytest.mark.parametrize("eps", [1e-5, 1e-3])
def test_what_epsilon_does_to_a_scale_law_is_predicted(eps: float) -> None:
    found = discover(targeted(norms(nn.BatchNorm1d(5, eps=eps)), normal(8, 5)))
    (near,) = found.near
    assert near.row == "M7"
    assert near.members == 5
    assert near.reason == f"broken by eps = {eps:g} of batch_norm"
    assert near.predicted is not None
    assert near.measured == pytest.approx(near.predicted, rel=1e-4)  # a central difference, h = 1e-3
    assert near.defect > 1e3 * 1e-10


def test_members_of_all_families_are_independent() -> None:
    target = targeted(Residual(lambda x: x), normal(8, 4), cross_entropy)
    found = discover(target)
    draw = Sampler(target, 5).take(1)[0]
    size = sum(theta.size for theta in draw.theta)
    units = np.eye(size)
    splits = np.cumsum([theta.size for theta in draw.theta])[:-1]
    generators: list[Any] = []
    for family in found.families:
        rows: list[Any] = []
        for unit in units:
            parts = zip(np.split(unit, splits), draw.theta, strict=True)
            leaves = tuple(part.reshape(t.shape) for part, t in parts)
            rows.append(family.pair(leaves, draw.theta))
        generators.append(np.array(rows).T)
    stacked: Any = np.concatenate(generators)
    assert stacked.shape[0] == found.dimension
    # at one point rotations and shears may depend on others; on three points they do not
    assert np.linalg.matrix_rank(stacked) >= sum(found.dimensions[k] for k in ("scaling", "translation"))


def test_every_family_is_orthogonal_to_fresh_gradients() -> None:
    target = targeted(Attention(), normal(3, 4, 6), cross_entropy)
    found = discover(target)
    assert {kind_of(family) for family in found.families} == {"scaling", "translation", "mixing", "rotation", "shear"}
    for draw in Sampler(target, 99).take(3):
        length = np.sqrt(sum(float(np.vdot(g, g)) for g in draw.gradient))
        for family in found.families:
            value = np.abs(family.pair(draw.gradient, draw.theta))
            assert value.max() <= 1e-10 * length * max(float(np.linalg.norm(t)) for t in draw.theta)


def test_a_large_module_is_discovered_from_its_trace_alone() -> None:
    module = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 300), nn.Tanh(), nn.Linear(300, 10))
    found = discover(targeted(module, normal(8, 300), cross_entropy))
    assert dict(found.rows) == {"M2 scaling": 400, "M17 translation": 301}
    assert any("null space of scalings was not computed" in limit for limit in found.limits)
    assert not found.searches


def test_units_that_agree_on_a_batch_of_two_by_accident_do_not_mix() -> None:
    module = nn.Sequential(nn.Linear(20, 200), nn.ReLU(), nn.Linear(200, 4))
    assert dict(discover(targeted(module, normal(2, 20)), numeric=False).rows) == {"M2 scaling": 200}


def test_a_module_that_cannot_be_traced_is_searched_by_gradients() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(nn.ReLU())

        def forward(self, x: Any) -> Any:
            return self.net(x) if x.sum() > 0 else 2 * self.net(x)

    found = discover(targeted(Branching(), normal(8, 6)))
    assert not found.traced
    assert found.dimension == 5
    assert any("could not be traced" in limit for limit in found.limits)


def test_rows_of_a_lookup_that_no_batch_meets_are_not_called_symmetries() -> None:
    def few(generator: Any) -> tuple[Any, ...]:
        return (torch.randint(0, 3, (12,), generator=generator),)

    module = nn.Sequential(nn.Embedding(6, 4), nn.Linear(4, 3, bias=False))
    found = discover(targeted(module, few))
    assert found.dimensions == {"scaling": 4, "mixing": 6, "rotation": 6}
    assert any(limit.startswith("3 rows of 0.weight met no batch") for limit in found.limits)


def other_names(target: Target) -> Target:
    def draw(seed: int) -> dict[str, Any]:
        return {f"w{seed % 2}": np.ones(3)}

    return replace(target, draw=draw)


def no_number(target: Target) -> Target:
    def nothing(values: Any, batch: Any) -> tuple[float, dict[str, Any]]:
        return 0.0, {name: np.full_like(value, np.nan) for name, value in values.items()}

    return replace(target, loss_and_gradient=nothing)


def other_shape(target: Target) -> Target:
    def sevens(values: Any, batch: Any) -> tuple[float, dict[str, Any]]:
        return 0.0, {name: np.ones(7) for name in values}

    return replace(target, loss_and_gradient=sevens)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other_names, "must not depend on the seed"),
        (no_number, "no finite non-zero gradient"),
        (other_shape, "has shape (7,)"),
    ],
)
def test_a_target_that_is_of_no_use_is_refused_in_one_sentence(change: Callable[[Target], Target], says: str) -> None:
    target = change(targeted(mlp(nn.ReLU()), normal(8, 6), trace=False))
    with pytest.raises(BadInput) as raised:
        discover(target)
    assert says in str(raised.value)
