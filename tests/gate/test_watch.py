"""Watched PyTorch loops: right ones are silent, wrong ones are named."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from flowlaw.gate import Family, LawViolated, LawWarning, Watch, watch
from flowlaw.gate.discover import discover
from flowlaw.gate.modules import symmetries_of, target_of_module
from flowlaw.oracles.errors import BadInput

torch: Any = pytest.importorskip("torch")

Bug = Callable[[Any], None]


def network(dtype: Any = None) -> Any:
    torch.manual_seed(0)
    layers = torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)
    return torch.nn.Sequential(*layers).to(dtype or torch.float32)


def sgd(model: Any) -> Any:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)


@cache
def neurons() -> tuple[Family, ...]:
    """Of the network, found once."""
    return symmetries_of(network(), (torch.randn(5, 6),))


def train(
    model: Any,
    optimizer: Any,
    *,
    steps: int = 24,
    bug: Bug = lambda model: None,
    late: Bug = lambda model: None,
    **how: Any,
) -> Watch:
    dtype = next(model.parameters()).dtype
    options: dict[str, Any] = {"every": 6, "on_violation": "ignore", "families": neurons(), **how}
    with watch(model, optimizer, **options) as laws:
        for _ in range(steps):
            x, y = torch.randn(32, 6, dtype=dtype), torch.randn(32, 3, dtype=dtype)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            with torch.no_grad():
                bug(model)
            optimizer.step()
            with torch.no_grad():
                late(model)
    return laws


def clip_entries(model: Any) -> None:
    for p in model.parameters():
        p.grad.clamp_(-0.01, 0.01)


def decay_twice(model: Any) -> None:
    for p in model.parameters():
        p.mul_(1 - 1e-3)


def lose_a_bias(model: Any) -> None:
    model[0].bias.grad.zero_()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_right_loop_is_silent(dtype: Any) -> None:
    model = network(dtype)
    laws = train(model, sgd(model), families=None)
    assert laws.violations == []
    assert [(len(family.names), family.row) for family in laws.families] == [(12, "M2"), (8, "M2")]
    held = {finding.identity for finding in laws.findings if finding.verdict == "HOLDS"}
    assert {"orthogonality", "hb-two-step.quadratic"} <= held
    assert laws.recorded == 8
    assert "HOLDS" in laws.summary()


def adamw(model: Any) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=1e-3)


def nesterov(model: Any) -> Any:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def rmsprop(model: Any) -> Any:
    return torch.optim.RMSprop(model.parameters(), lr=1e-3)


@pytest.mark.parametrize(
    ("optimize", "identity"), [(adamw, "adamw.metric"), (nesterov, "nesterov.quadratic"), (rmsprop, "rmsprop.metric")]
)
def test_other_optimizers_are_read_as_they_are(optimize: Callable[[Any], Any], identity: str) -> None:
    model = network()
    laws = train(model, optimize(model))
    assert laws.violations == []
    assert identity in {finding.identity for finding in laws.findings if finding.verdict == "HOLDS"}


def test_a_schedule_needs_no_word() -> None:
    model = network(torch.float64)
    optimizer = sgd(model)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    assert train(model, optimizer, every=2, late=lambda model: schedule.step()).violations == []


def test_global_clipping_is_no_violation_and_clipping_of_entries_is() -> None:
    model = network()
    clipped = train(model, sgd(model), bug=lambda m: torch.nn.utils.clip_grad_norm_(m.parameters(), 0.1))
    assert clipped.violations == []
    model = network()
    broken = {finding.identity for finding in train(model, sgd(model), bug=clip_entries).violations}
    assert "orthogonality" in broken


@pytest.mark.parametrize("after", [False, True])
def test_weights_changed_behind_the_optimizer_are_seen(after: bool) -> None:
    model = network()
    laws = train(model, sgd(model), late=decay_twice) if after else train(model, sgd(model), bug=decay_twice)
    assert "hb-two-step.quadratic" in {finding.identity for finding in laws.violations}


def test_a_backward_pass_that_loses_a_bias_is_seen_by_its_neurons() -> None:
    model = network()
    laws = train(model, sgd(model), bug=lose_a_bias)
    wrong = [finding for finding in laws.violations if finding.identity == "orthogonality"]
    assert wrong
    assert all("0.weight" in finding.family for finding in wrong)
    assert "of 0" in wrong[0].where


def test_a_violation_warns_once_for_each_law() -> None:
    model = network()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        laws = train(model, sgd(model), bug=clip_entries, on_violation="warn")
    told = [w for w in caught if issubclass(w.category, LawWarning)]
    assert len(told) == len({(f.identity, f.family) for f in laws.violations}) > 0


def test_a_violation_can_stop_the_loop() -> None:
    model = network()
    with pytest.raises(LawViolated, match="VIOLATED"):
        train(model, sgd(model), bug=clip_entries, on_violation="raise")


def test_hooks_are_gone_after_the_loop() -> None:
    model = network()
    optimizer = sgd(model)
    laws = train(model, optimizer, steps=6)
    recorded = laws.recorded
    optimizer.step()
    optimizer.step()
    assert laws.recorded == recorded


def test_a_loop_too_short_says_that_nothing_was_measured() -> None:
    model = network()
    assert train(model, sgd(model), steps=1).summary().startswith("nothing was measured")


def test_what_cannot_be_watched_is_refused_before_the_loop() -> None:
    model = network()
    with pytest.raises(BadInput, match="every=1"):
        watch(model, sgd(model), every=1)
    with pytest.raises(BadInput, match="entries=0"):
        watch(model, sgd(model), entries=0)
    with pytest.raises(BadInput, match="share=0"):
        watch(model, sgd(model), share=0)
    with pytest.raises(BadInput, match="No description is known"):
        watch(model, torch.optim.Adamax(model.parameters()))


def test_the_share_decides_when_the_next_check_comes_and_its_cost_counts_before() -> None:
    model = network()
    laws = train(model, sgd(model), every=None, steps=60, share=0.02)
    assert laws.checks == 1  # the first step; the loop is over before the next check would be paid
    often = train(model, sgd(model), every=None, steps=400, share=0.5)
    assert often.checks > 1


def test_a_large_model_is_watched_by_drawn_members_and_a_broken_one_is_found() -> None:
    model = network()
    laws = train(model, sgd(model), every=2, entries=60, steps=60)
    assert laws.violations == []
    looked, of = laws.coverage
    assert (of, laws.checks) == (20, 30)
    assert looked > 10
    assert f"{looked} of 20 charges" in laws.summary()
    broken = train(model, sgd(model), every=2, entries=60, steps=60, bug=lose_a_bias)
    assert "orthogonality" in {finding.identity for finding in broken.violations}
    whole = train(model, sgd(model), every=6, entries=None)
    assert whole.coverage == (20, 20)


def test_what_is_drawn_for_a_module_depends_on_the_seed_alone() -> None:
    target = target_of_module(network(), (torch.randn(5, 6),))
    first = target.draw(3)
    for seed in range(5):
        target.loss_and_gradient(target.draw(seed), seed)
    again = target.draw(3)
    assert all((first[name] == again[name]).all() for name in first)


def test_gradients_alone_find_the_neurons_of_a_module() -> None:
    found = discover(target_of_module(network(), (torch.randn(5, 6),)), traced=False)
    assert dict(found.rows) == {"M2 scaling": 20}
    assert all(search.unexplained == 0 and search.kept > 1e6 * search.dropped for search in found.searches)


def test_a_watch_may_be_left_and_entered_again() -> None:
    model = network()
    optimizer = sgd(model)
    laws = watch(model, optimizer, families=neurons(), every=2)
    for _ in range(2):
        with laws:
            for _ in range(4):
                optimizer.zero_grad()
                model(torch.randn(8, 6)).square().mean().backward()
                optimizer.step()
    assert (laws.checks, laws.recorded) == (4, 8)
    assert laws.violations == []


def test_the_model_is_left_alone() -> None:
    neurons()
    model, twin = network(), network()
    train(model, sgd(model), steps=8)
    plain = sgd(twin)
    torch.manual_seed(0)
    network()
    for _ in range(8):
        x, y = torch.randn(32, 6), torch.randn(32, 3)
        plain.zero_grad()
        torch.nn.functional.mse_loss(twin(x), y).backward()
        plain.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
