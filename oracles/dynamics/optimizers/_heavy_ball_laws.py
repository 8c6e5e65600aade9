"""Identities of SGD with momentum: B0.hb-two-step, B0.hb-buffer, B0.hb-closed-form, B0.noether-charge-discrete."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._charges import Kind
from .._laws import Law, Setting, View
from .._leaves import Leaves, Number, quotient

if TYPE_CHECKING:
    from .._formal import Symbols


CONSTANT = ("lr", "momentum", "dampening", "weight_decay", "first_step_damped")


def is_heavy_ball(optimizer: Any) -> bool:
    """SGD with momentum, any dampening, not Nesterov."""
    from .sgd import SGD

    return isinstance(optimizer, SGD) and not optimizer.nesterov and bool(optimizer.momentum != 0)


def share(view: View, k: int) -> Number:
    """``c = 1 - tau``: the share of a step that enters the buffer; 1 at PyTorch's first step of a tensor."""
    h = view.optimizer(k)
    first = view.slots(k)[view.tensors()[0]] is None and (
        view.moments[k].state is not None or not view.moments[k].index
    )
    return 1 if first and not h.first_step_damped else 1 - h.dampening


def _settings(steps: int, *, constant: bool = False, first: bool = False) -> Callable[[Symbols], Setting]:
    def setting(symbols: Symbols) -> Setting:
        from .sgd import SGD

        damped = symbols("c")
        rates = [symbols("eta" if constant else f"eta{k}") for k in range(steps)]
        decays = [symbols("lam" if constant else f"lam{k}") for k in range(steps)]
        betas = [symbols("beta" if constant else f"beta{k}") for k in range(steps)]
        # c is a free symbol: dampening is 1 - c
        optimizers = tuple(
            SGD(lr=eta, momentum=beta, dampening=1 - damped, weight_decay=lam)
            for eta, beta, lam in zip(rates, betas, decays, strict=True)
        )
        return optimizers, None if first else symbols.leaf("v")

    return setting


def _first_linear(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return view.value(1), (1 - h.lr * share(view, 0) * h.weight_decay) * view.value(0)


def _first_quadratic(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    decay = 2 * h.lr * share(view, 0) * h.weight_decay
    return view.value(1), (1 - decay) * view.value(0) + view.square(view.delta(0))


def _first_defect(factor: int) -> Callable[[View], Number]:
    return lambda view: -factor * view.optimizer(0).lr * share(view, 0) * view.defect(0)


def two_step_linear(view: View) -> tuple[Number, Number]:
    """``s_{k+2}`` and what the recursion says."""
    h = view.optimizer(1)
    carried = view.ratio(0) * h.momentum * (view.value(1) - view.value(0))
    return view.value(2), view.value(1) + carried - h.lr * share(view, 1) * h.weight_decay * view.value(1)


def two_step_quadratic(view: View) -> tuple[Number, Number]:
    """``q_{k+2}`` and what the recursion says."""
    h = view.optimizer(1)
    q0, q1 = view.value(0), view.value(1)
    carried = view.ratio(0) * h.momentum * (q1 - q0 + view.square(view.delta(0)))
    decayed = 2 * h.lr * share(view, 1) * h.weight_decay * q1
    return view.value(2), q1 + view.square(view.delta(1)) + carried - decayed


def _two_step_defect(factor: int) -> Callable[[View], Number]:
    return lambda view: -factor * view.optimizer(1).lr * share(view, 1) * view.defect(1)


def work(view: View, k: int) -> Number:
    """``w_k = beta <theta_k, S v_k> + c lam q_k``, from the buffer before step k."""
    h = view.optimizer(k)
    decayed = share(view, k) * h.weight_decay * view.value(k)
    slots = view.slots(k)
    if all(slots[i] is None for i in view.tensors()):
        return decayed
    return h.momentum * view.pair(_filled(view, k), k) + decayed


def _filled(view: View, k: int) -> Leaves:
    """The buffers before step k; 0 for tensors without one."""
    return tuple(0 * p if v is None else v for v, p in zip(view.slots(k), view.theta(k), strict=True))


def _buffer_value(view: View) -> tuple[Number, Number]:
    eta = view.optimizer(0).lr
    after = _filled(view, 1)
    return view.value(1), view.value(0) - 2 * eta * work(view, 0) + eta * eta * view.square(after)


def _buffer_value_defect(view: View) -> Number:
    return -2 * view.optimizer(0).lr * share(view, 0) * view.defect(0)


def _buffer_work(view: View) -> tuple[Number, Number]:
    after = _filled(view, 1)
    return view.pair(after, 1), work(view, 0) - view.optimizer(0).lr * view.square(after)


def _buffer_work_defect(view: View) -> Number:
    return share(view, 0) * view.defect(0)


def propagators(trace: Number, beta: Number, count: int) -> list[Number]:
    """``G_0, ..., G_count`` of ``r^2 - trace r + beta``: ``G_n = (r1^(n+1) - r2^(n+1)) / (r1 - r2)``, without roots."""
    values: list[Number] = [1, trace]
    while len(values) <= count:
        values.append(trace * values[-1] - beta * values[-2])
    return values[: count + 1]


def _closed(view: View, factor: int) -> tuple[Number, Number]:
    """Both sides after K steps; ``factor`` is 2 for quadratic charges, which are forced, and 1 for translations."""
    h, K = view.optimizer(1), view.steps
    beta = h.momentum
    G = propagators(1 + beta - factor * h.lr * (1 - h.dampening) * h.weight_decay, beta, K - 1)
    right = G[K - 1] * view.value(1) - beta * G[K - 2] * view.value(0)
    if factor == 2:
        D = [view.square(view.delta(k)) for k in range(K)]
        for j in range(1, K):
            right = right + G[K - 1 - j] * (D[j] + beta * D[j - 1])
    return view.value(K), right


def _closed_defect(view: View, factor: int) -> Number:
    h, K = view.optimizer(1), view.steps
    c = 1 - h.dampening
    G = propagators(1 + h.momentum - factor * h.lr * c * h.weight_decay, h.momentum, K - 1)
    result: Number = 0
    for j in range(1, K):
        result = result - factor * h.lr * c * G[K - 1 - j] * view.defect(j)
    return result


def _noether(view: View) -> tuple[Number, Number]:
    """``w_1`` and what the recursion says, from the buffers after both steps."""
    return _noether_sides(view, _filled(view, 1), _filled(view, 2))


def _noether_weights(view: View) -> tuple[Number, Number]:
    """The same with the buffers read off the steps: ``v_{k+1} = -Delta_k / eta_k``."""

    def buffer(k: int) -> Leaves:
        return tuple(quotient(-d, view.optimizer(k).lr) for d in view.delta(k))

    return _noether_sides(view, buffer(0), buffer(1))


def _noether_sides(view: View, v1: Leaves, v2: Leaves) -> tuple[Number, Number]:
    h = view.optimizer(1)
    carried = h.momentum * (view.pair(v1, 0) - view.optimizer(0).lr * view.form(v1, v1))
    return view.pair(v2, 1), carried + share(view, 1) * h.weight_decay * view.pair(view.theta(1), 1)


def _noether_defect(view: View) -> Number:
    return share(view, 1) * view.defect(1)


def _by_kind(_: Any, kind: Kind) -> str:
    return "beta-geometric" if kind == "antisymmetric" else "two steps, weights only"


HEAVY_BALL = (
    Law(
        id="B0.hb-two-step",
        name="hb-two-step.linear",
        charges=("linear",),
        needs="weights",
        steps=2,
        says=lambda h, kind: "two steps, linear recursion",
        formula=r"s_{k+2} = s_{k+1} + \rho\beta\,(s_{k+1} - s_k) - \eta_{k+1} c\lambda\, s_{k+1}, "
        r"\quad \rho = \eta_{k+1}/\eta_k",
        applies=is_heavy_ball,
        sides=two_step_linear,
        defect=_two_step_defect(1),
        setting=_settings(2),
    ),
    Law(
        id="B0.hb-two-step",
        name="hb-two-step.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=2,
        says=lambda h, kind: "two steps, weights only",
        formula=r"q_{k+2} = q_{k+1} + D_{k+1} + \rho\beta\,(q_{k+1} - q_k + D_k) - 2\eta_{k+1} c\lambda\, q_{k+1}",
        applies=is_heavy_ball,
        sides=two_step_quadratic,
        defect=_two_step_defect(2),
        setting=_settings(2),
    ),
    Law(
        id="B0.hb-two-step",
        name="hb-first-step.linear",
        charges=("linear",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"s_1 = (1 - \eta_0\lambda)\, s_0 \ \text{for every dampening}",
        applies=is_heavy_ball,
        sides=_first_linear,
        defect=_first_defect(1),
        setting=_settings(1, first=True),
    ),
    Law(
        id="B0.hb-two-step",
        name="hb-first-step.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"q_1 = (1 - 2\eta_0\lambda)\, q_0 + D_0 \ \text{for every dampening}",
        applies=is_heavy_ball,
        sides=_first_quadratic,
        defect=_first_defect(2),
        setting=_settings(1, first=True),
    ),
    Law(
        id="B0.hb-buffer",
        name="hb-buffer.charge",
        charges=("quadratic",),
        needs="state",
        steps=1,
        says=lambda h, kind: "one step, with the buffer",
        formula=r"q_{k+1} = q_k - 2\eta w_k + \eta^2 v_{k+1}^\top S v_{k+1}, \quad "
        r"w_k = \beta\langle\theta_k, S v_k\rangle + c\lambda q_k",
        applies=is_heavy_ball,
        sides=_buffer_value,
        defect=_buffer_value_defect,
        setting=_settings(1),
    ),
    Law(
        id="B0.hb-buffer",
        name="hb-buffer.work",
        charges=("quadratic",),
        needs="state",
        steps=1,
        says=lambda h, kind: "one step, with the buffer",
        formula=r"\langle \theta_{k+1}, S v_{k+1} \rangle = w_k - \eta\, v_{k+1}^\top S v_{k+1}",
        applies=is_heavy_ball,
        sides=_buffer_work,
        defect=_buffer_work_defect,
        setting=_settings(1),
    ),
    Law(
        id="B0.hb-closed-form",
        name="hb-closed-form.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=2,
        longer=True,
        constant=CONSTANT,
        says=lambda h, kind: "closed form, constant rate",
        formula=r"q_K = G_{K-1} q_1 - \beta G_{K-2} q_0 + \sum_{j=1}^{K-1} G_{K-1-j}\,(D_j + \beta D_{j-1})",
        applies=is_heavy_ball,
        sides=lambda view: _closed(view, 2),
        defect=lambda view: _closed_defect(view, 2),
        setting=_settings(3, constant=True),
    ),
    Law(
        id="B0.hb-closed-form",
        name="hb-closed-form.linear",
        charges=("linear",),
        needs="weights",
        steps=2,
        longer=True,
        constant=CONSTANT,
        says=lambda h, kind: "closed form, constant rate",
        formula=r"s_K = G_{K-1} s_1 - \beta G_{K-2} s_0",
        applies=is_heavy_ball,
        sides=lambda view: _closed(view, 1),
        defect=lambda view: _closed_defect(view, 1),
        setting=_settings(3, constant=True),
    ),
    Law(
        id="B0.noether-charge-discrete",
        name="noether-charge",
        charges=("generator",),
        needs="state",
        steps=2,
        says=_by_kind,
        formula=r"w_{k+1} = \beta\,(w_k - \eta_k \langle M v_{k+1}, v_{k+1}\rangle) + "
        r"c\lambda\,\langle \xi(\theta_{k+1}), \theta_{k+1}\rangle, \quad w_k = \langle \xi(\theta_k), v_{k+1}\rangle",
        applies=is_heavy_ball,
        sides=_noether,
        defect=_noether_defect,
        setting=_settings(2),
    ),
    Law(
        id="B0.noether-charge-discrete",
        name="noether-charge.weights",
        charges=("antisymmetric", "generator"),
        needs="weights",
        steps=2,
        says=_by_kind,
        formula=r"\text{the same with } v_{k+1} = -\Delta_k / \eta_k",
        applies=is_heavy_ball,
        sides=_noether_weights,
        defect=_noether_defect,
        setting=_settings(2),
    ),
)
