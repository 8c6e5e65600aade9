"""Targets made of PyTorch modules and of JAX losses: right ones hold, wrong ones are seen through the adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from networks import families

from flowlaw.gate import Marginal, Scalings, Target
from flowlaw.gate.adapters import RootOfSum, describe, optax_target, torch_target
from flowlaw.gate.check import check
from flowlaw.oracles.dynamics import SGD, Adagrad, Adam, AdamW, ClipGlobalNorm, Grouped, RMSprop
from flowlaw.oracles.errors import BadInput


@pytest.fixture
def torch() -> Any:
    module = pytest.importorskip("torch")
    return module


def network(torch: Any) -> Callable[[int], Any]:
    """The network of ``networks``."""
    return lambda seed: torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4))


def made(torch: Any, optimize: Callable[[Any], Any], **chosen: Any) -> Target:
    def loss(model: Any, data: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(data[0]), data[1])

    def batch(seed: int) -> Any:
        return torch.randn(9, 5), torch.randint(0, 4, (9,))

    parts: dict[str, Any] = {"build": network(torch), "loss": loss, "batch": batch, "families": families(), **chosen}
    return torch_target(optimize=optimize, **parts)


def of(torch: Any, kind: str, **chosen: Any) -> Callable[[Any], Any]:
    return lambda model: getattr(torch.optim, kind)(model.parameters(), **chosen)


OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1, "foreach": True}),
    "dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5, "foreach": False}),
    "Nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "maximize": ("SGD", {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1, "maximize": True}),
    "Adam": ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "AdamW": ("AdamW", {"lr": 0.01, "foreach": False}),
    "RMSprop": ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5}),
    "Adagrad": ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_torch_does_is_what_its_description_says(torch: Any, name: str, dtype: str) -> None:
    kind, chosen = OPTIMIZERS[name]
    findings = check(made(torch, of(torch, kind, **chosen), dtype=dtype), runs=2, steps=6)
    assert findings[0].verdict == "HOLDS"
    assert all(f.verdict != "VIOLATED" for f in findings)
    assert max(f.ratio for f in findings) < 0.5


def test_a_description_is_read_off_the_groups(torch: Any) -> None:
    model = network(torch)(0)
    named = list(model.named_parameters())
    matrices, vectors = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "lr": 0.2, "momentum": 0.5}]
    described = describe(torch.optim.SGD(groups, lr=0.1), named)
    assert described == Grouped((SGD(lr=0.1, weight_decay=0.1), SGD(lr=0.2, momentum=0.5)), (0, 1, 0, 1))
    assert describe(torch.optim.SGD(model.parameters(), lr=torch.tensor(0.5)), named) == SGD(lr=0.5)
    partial = describe(torch.optim.AdamW(matrices, lr=0.1), named)
    assert partial == Grouped(
        (AdamW(lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01), SGD(lr=0.0)), (0, 1, 0, 1)
    )

    own: Any = type("Own", (torch.optim.Adam,), {})
    assert describe(own(model.parameters()), named) == Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8)
    with pytest.raises(BadInput, match="LBFGS"):
        describe(torch.optim.LBFGS(model.parameters()), named)


def test_parameters_are_not_degenerate(torch: Any) -> None:
    def build(seed: int) -> Any:
        return torch.nn.LayerNorm(4)

    norm = made(torch, of(torch, "SGD", lr=0.1), build=build)
    drawn = norm.draw(0)
    assert all(len(np.unique(values)) == 4 for values in drawn.values())
    assert not np.array_equal(drawn["bias"], norm.draw(1)["bias"])
    assert np.array_equal(drawn["bias"], norm.draw(0)["bias"])


def test_a_schedule_is_that_of_a_fresh_scheduler(torch: Any) -> None:
    def scheduler(optimizer: Any) -> Any:
        def factor(k: int) -> float:
            return 1 / (1 + k)

        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    right = made(torch, of(torch, "SGD", lr=0.1, momentum=0.5), scheduler=scheduler)
    told: list[Any] = [right.optimizer(k) for k in (3, 0, 1)]
    assert [optimizer.lr for optimizer in told] == [0.025, 0.1, 0.05]
    assert all(f.verdict == "HOLDS" for f in check(right, runs=1, steps=5))

    def late(model: Any, optimizer: Any, data: Any, schedule: Any) -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(data[0]), data[1]).backward()
        optimizer.step()
        if schedule.last_epoch or optimizer.state.setdefault("second", False):
            schedule.step()
        optimizer.state["second"] = True

    findings = check(made(torch, of(torch, "SGD", lr=0.1, momentum=0.5), scheduler=scheduler, step=late), steps=6)
    assert "The schedule is applied one step late." in findings[0].explanations


def test_a_tied_tensor_is_one_parameter_and_dropout_draws_twice_the_same(torch: Any) -> None:
    def build(seed: int) -> Any:
        model = torch.nn.Sequential(
            torch.nn.Embedding(7, 5), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(5, 7, bias=False)
        )
        model[3].weight = model[0].weight
        return model

    def batch(seed: int) -> Any:
        return torch.randint(0, 7, (9,))

    def loss(model: Any, data: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(data), data)

    one = made(
        torch,
        of(torch, "SGD", lr=0.1, momentum=0.9),
        build=build,
        batch=batch,
        loss=loss,
        families=(),
    )
    assert list(one.draw(0)) == ["0.weight"]
    before = torch.random.get_rng_state()
    finding, _ = check(one, runs=1, steps=4)
    assert finding.verdict == "HOLDS"
    assert bool((torch.random.get_rng_state() == before).all()), "nobody else's random numbers are touched"


def test_buffers_are_no_parameters_and_frozen_ones_stay(torch: Any) -> None:
    def build(seed: int) -> Any:
        model = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 4))
        model[0].bias.requires_grad_(False)
        return model

    target = made(torch, of(torch, "SGD", lr=0.1), build=build, families=())
    assert "1.running_mean" not in target.draw(0)
    assert target.loss_and_gradient(target.draw(0), target.batch(0))[1]["0.bias"] is None
    assert check(target, runs=1, steps=4)[0].verdict == "HOLDS"


def test_a_step_of_ones_own_is_what_is_measured(torch: Any) -> None:
    def clip(model: Any, optimizer: Any, data: Any) -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(data[0]), data[1]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()

    clipping = ClipGlobalNorm(limit=0.1, eps=1e-6)
    right = made(torch, of(torch, "SGD", lr=0.1), step=clip, transform=clipping)
    assert all(f.verdict == "HOLDS" for f in check(right, runs=1, steps=4))
    wrong = check(made(torch, of(torch, "SGD", lr=0.1), transform=clipping), runs=1, steps=4)
    assert "Gradients are not clipped." in wrong[0].explanations


def test_autocast_and_bfloat16_are_not_called_right(torch: Any) -> None:
    lowered = check(made(torch, of(torch, "SGD", lr=0.1), dtype="float32", autocast="bfloat16"), runs=1, steps=4)
    assert all(f.verdict == "SKIPPED" for f in lowered if f.identity == "orthogonality")
    assert all(f.verdict != "VIOLATED" for f in lowered)
    low = check(made(torch, of(torch, "SGD", lr=0.1), dtype="bfloat16"), runs=1, steps=4)
    assert {f.verdict for f in low} == {"SKIPPED"}
    assert all("precision" in f.reason for f in low)


# -- optax -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def optax() -> Any:
    pytest.importorskip("jax")
    return pytest.importorskip("optax")


def _init(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"b1": rng.normal(size=6), "w1": rng.normal(size=(5, 6)), "w2": rng.normal(size=(6, 3))}


def _loss(p: Any, data: Any) -> Any:
    import jax

    return ((jax.nn.relu(data[0] @ p["w1"] + p["b1"]) @ p["w2"] - data[1]) ** 2).mean()


def _batch(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(9, 5)), rng.normal(size=(9, 3))


def _neurons() -> tuple[Scalings, ...]:
    i, ones = np.arange(6), np.ones(6)
    incoming = Marginal(0, 0, i, i, ones), Marginal(1, 1, i, i, ones)
    return (Scalings(tuple(map(str, i)), (*incoming, Marginal(2, 0, i, i, -ones)), "M2"),)


PAIRS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "sgd": (lambda o: o.sgd(0.05, momentum=0.9), SGD(lr=0.05, momentum=0.9)),
    "nesterov": (
        lambda o: o.sgd(0.05, momentum=0.9, nesterov=True),
        SGD(lr=0.05, momentum=0.9, nesterov=True),
    ),
    "adam": (lambda o: o.adam(0.01), Adam(lr=0.01)),
    "adamw": (lambda o: o.adamw(0.01, weight_decay=0.1), AdamW(lr=0.01, weight_decay=0.1)),
    "rmsprop": (
        lambda o: o.rmsprop(0.01, decay=0.9, eps=1e-4),
        RMSprop(lr=0.01, alpha=0.9, eps=0, root=RootOfSum(1e-4)),
    ),
    "adagrad": (lambda o: o.adagrad(0.1), Adagrad(lr=0.1, initial=0.1, eps=0, root=RootOfSum(1e-7))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_optax_does_is_what_was_described(optax: Any, name: str) -> None:
    transform, described = PAIRS[name]
    dtype = "float32" if name in ("adam", "sgd") else "float64"
    target = optax_target(_loss, _init, transform(optax), described, _batch, dtype=dtype, families=_neurons())
    findings = check(target, runs=1, steps=4)
    assert all(f.verdict == "HOLDS" for f in findings)
    assert max(f.ratio for f in findings) < 0.5


def test_a_schedule_of_optax_is_described_by_what_it_gives(optax: Any) -> None:
    """``linear_schedule`` divides integers, in float32 whatever the dtype: 0.1 (1 - k / 20) is not what it gives."""
    schedule = optax.linear_schedule(0.1, 0.0, 20)

    def checked(rate: Callable[[int], float]) -> Any:
        def described(k: int) -> SGD:
            return SGD(lr=rate(k))

        target = optax_target(_loss, _init, optax.sgd(schedule), described, _batch, families=_neurons())
        return check(target, runs=1, steps=4)[0]

    assert checked(lambda k: float(schedule(np.int32(k)))).verdict == "HOLDS"
    assert checked(lambda k: 0.1 * (1 - k / 20)).explanations == ("The step is computed in float32.",)


def test_where_optax_adds_its_epsilon_is_told(optax: Any) -> None:
    described = RMSprop(lr=0.01, alpha=0.9, eps=1e-4)
    target = optax_target(
        _loss, _init, optax.rmsprop(0.01, decay=0.9, eps=1e-4), described, _batch, families=_neurons()
    )
    findings = check(target, runs=1, steps=4)
    assert findings[0].explanations == ("Epsilon is added inside of the root instead of outside.",)
    outside = optax.rmsprop(0.01, decay=0.9, eps=1e-4, eps_in_sqrt=False)
    inside = RMSprop(lr=0.01, alpha=0.9, eps=0, root=RootOfSum(1e-4))
    findings = check(optax_target(_loss, _init, outside, inside, _batch, families=_neurons()), runs=1, steps=4)
    assert findings[0].explanations == ("Epsilon is added outside of the root instead of inside.",)


def test_names_are_paths_in_the_tree(optax: Any) -> None:
    def init(seed: int) -> Any:
        return {"layers": [(np.ones(2), np.ones(3))]}

    def loss(p: Any, data: Any) -> Any:
        return sum((x**2).sum() for x in p["layers"][0])

    target = optax_target(loss, init, optax.sgd(0.1), SGD(lr=0.1), lambda seed: np.zeros(1), families=())
    assert list(target.draw(0)) == ["layers.0.0", "layers.0.1"]
    assert target.draw(0)["layers.0.0"].dtype == np.float64
