"""B1.initial-velocity: where the oscillator of momentum has to start to be second-order accurate."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import Number
from .._discrete import worst
from .._dual import Dual
from .._orders import order_plot, order_residual
from .._oscillator import HeavyBall, Start, charge_errors, translation_errors
from .._profiles import Profile
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
KNOWN = HeavyBall(0.5, 1.0, 0.5)
"""beta = 1/2, lam = 1, T = 1/2, as in the theory."""
KNOWN_ERRORS = ("1.15e-04", "1.2e-08")
"""At 1600 steps, from y'(0) = 0 and from the derived start."""
COUNTS = (200, 400, 800)
BALLS = (HeavyBall(0.5, 0.5, 1.0), HeavyBall(0.8, 0.5, 1.0, 0.3), HeavyBall(0.5, 0.5, 1.0, 0.5), KNOWN)


def derivation() -> Iterator[Step]:
    """Match the slow modes."""
    yield Step(
        "A translation charge is a sum of two powers, A r_1^k + B r_2^k, the oscillator a sum of two exponentials. "
        "At a fixed time the fast ones are gone; the slow rates agree to second order. What is left to match are the "
        "amplitudes, to first order in x = eta' lam.",
        r"A = \frac{s_1 - r_2 s_0}{r_1 - r_2}, \qquad A_{\mathrm{ode}} = \frac{s'(0) - a_- s_0}{a_+ - a_-}",
    )
    yield Step(
        "To first order in x the roots are r_1 = 1 - x/(1 - beta) and r_2 = beta + beta x/(1 - beta): on dual "
        "numbers, x^2 = 0, they are roots. PyTorch's first step is not damped: s_1 = (1 - x/c) s_0. This gives A.",
        r"A/s_0 = 1 + \frac{x}{1-\beta}\left(\frac{1}{1-\beta} - \frac1c\right) + O(x^2)",
        _amplitude(),
    )
    yield Step(
        "For the oscillator, with a_+ = -lam/(1 - beta) and a_+ - a_- = 2 gamma to leading order, gamma = "
        "(1 - beta)/(eta' (1 + beta)).",
        r"A_{\mathrm{ode}}/s_0 = 1 + \frac{\eta'(1+\beta)}{2(1-\beta)}\left(\frac{s'(0)}{s_0} + "
        r"\frac{\lambda}{1-\beta}\right) + O(\eta'^2)",
    )
    yield Step(
        "Both are equal at first order for exactly one slope. Without dampening it is -lam/(1 + beta), and with "
        "tau = beta it is that of the slow manifold.",
        r"\frac{s'(0)}{s_0} = \lambda\left[-\frac{1}{1-\beta} + \frac{2}{1+\beta}\left(\frac{1}{1-\beta} - "
        r"\frac1c\right)\right]",
        _slope(),
    )
    yield Step(
        "While the fast mode lives, for a time of order eta', the force g + lam theta changes by O(eta') only: it acts "
        "as lam s does, for every component of theta. For a charge q'(0) = 2 <theta, S theta'(0)>, to which g does "
        "not contribute.",
        r"\theta'(0) = \left[\ldots\right](g_0 + \lambda\theta_0), \qquad \tau = 0: \quad "
        r"\theta'(0) = -\frac{g_0 + \lambda\theta_0}{1+\beta}, \quad q'(0) = -\frac{2\lambda q_0}{1+\beta}",
    )


def _amplitude() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    beta, c = symbols("beta"), symbols("c")
    slow = 1 / (1 - beta)
    one, x = Dual(1, 0 * beta), Dual(0 * beta, 1)
    r1, r2 = Dual(1, -1 * slow), Dual(beta, beta * slow)
    middle = Dual(1 + beta, -1)
    found: list[tuple[Number, Number]] = []
    for root in (r1, r2):
        zero = root * root - middle * root + beta * one
        found += [(zero.value, 0), (zero.slope, 0)]
    top, under = one - x * (1 / c) - r2, r1 - r2
    # top = A under, on dual numbers
    amplitude = Dual(1, slow * (slow - 1 / c))
    product = amplitude * under
    return equal(symbols, [*found, (top.value, product.value), (top.slope, product.slope)])


def _slope(*, minus_one: bool = False) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    beta, c, lam, h = (symbols(name) for name in ("beta", "c", "lam", "h"))
    slow = 1 / (1 - beta)

    def share(damping: Number) -> Number:
        return 2 / (1 + beta) * (slow - 1 / damping) - slow

    ode = h * (1 + beta) / (2 * (1 - beta)) * (lam * share(c) + lam * slow)
    exact = h * lam * slow * (slow - 1 / c)
    one = 0 * beta + 1
    known = -1 * one if minus_one else -1 / (1 + beta)
    return equal(symbols, [(ode, exact), (share(one), known), (share(1 - beta), -1 * slow)])


def check(ball: HeavyBall, start: Start = "derived") -> Residual:
    """A translation charge from a start is of order 2 or more; 50 digits."""
    return order_residual(translation_errors(ball, start, (800, 1600)), 2, at_least=True)


def check_charge(ball: HeavyBall, start: Start = "derived") -> Residual:
    """The same for the rescale charge of (u w - 1)^2/2, whose motion is not linear."""
    return order_residual(charge_errors(ball, "rescale", start, (400, 800)), 2)


def balls() -> SearchStrategy[HeavyBall]:
    """Momentum to 0.8, decay to 1, dampening to 0.6."""
    from hypothesis import strategies as st

    def build(beta: int, lam: int, tau: int) -> HeavyBall:
        return HeavyBall(beta / 10, lam / 4, 1.0, tau / 10)

    return st.builds(build, st.integers(0, 8), st.integers(1, 4), st.integers(0, 6))


def few() -> SearchStrategy[HeavyBall]:
    """The settings above."""
    from hypothesis import strategies as st

    return st.sampled_from(BALLS)


def table() -> Table:
    """Errors of the known translation charge after 1600 steps."""
    starts: tuple[tuple[str, Start], ...] = (("y'(0) = 0", "zero"), ("derived", "derived"), ("slow manifold", "slow"))
    errors = {name: translation_errors(KNOWN, start, [1600])[0][1] for name, start in starts}
    rows = [(name, f"{error:.2e}") for name, error in errors.items()]
    agrees = (f"{errors[starts[0][0]]:.2e}", f"{errors['derived']:.1e}") == KNOWN_ERRORS
    return Table("beta = 1/2, lam = 1, T = 1/2, K = 1600", ("start", "error of s/s_0"), rows, agrees)


def orders(profile: Profile) -> SimulationResult:
    """A translation charge and two quadratic ones from three starts.

    Residual and bound: the orders, against 2 for the derived start and 1 for the others, to a tenth.
    """
    counts = ((100, 200, 400), COUNTS, (200, 400, 800, 1600))[profile.effort]
    starts: tuple[Start, ...] = ("derived", "zero", "slow")
    linear = [(f"y'(0): {start}", translation_errors(KNOWN, start, counts)) for start in starts]
    curved = [(f"y'(0): {start}", charge_errors(BALLS[0], "scale", start, counts)) for start in starts]
    found = [order_residual(curve, 1 + (k == 0)) for curves in (linear, curved) for k, (_, curve) in enumerate(curves)]
    caption = "Released code starts at 0. Away from the derived start the oscillator is of first order only."
    return SimulationResult(
        worst(found),
        (
            order_plot("A translation charge, beta = 1/2, lam = 1, T = 1/2", linear, caption),
            order_plot("|w|^2 of a scale-invariant loss, beta = 1/2, lam = 1/2, T = 1", curved, caption),
        ),
    )


THEOREM = Theorem(
    id="B1.initial-velocity",
    title="The initial velocity of the oscillator",
    summary="The oscillator is second-order accurate from one initial velocity only, which is not 0.",
    source="derived",
    status="derived",
    hypotheses=(
        "As in B1.momentum-ode, T fixed; PyTorch's start: the first buffer is g_0 + lam theta_0, undamped.",
        "c = 1 - tau.",
    ),
    statement=r"\theta'(0) = \left[-\frac{1}{1-\beta} + \frac{2}{1+\beta}\left(\frac{1}{1-\beta} - "
    r"\frac{1}{c}\right)\right](g_0 + \lambda\theta_0), \qquad \tau = 0: \ s'(0) = -\frac{\lambda s_0}{1+\beta}, \ "
    r"q'(0) = -\frac{2\lambda q_0}{1+\beta}",
    assumes=("B1.momentum-ode", "B0.hb-closed-form"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="translation",
            says="Translation charges in 50 digits: order 2 from the derived start.",
            arithmetic="high precision",
            cases=balls,
            check=check,
            examples=BALLS,
            share=0.1,
        ),
        Property(
            name="charges",
            says="The rescale charge of (u w - 1)^2/2, whose motion is not linear: order 2.",
            arithmetic="float64",
            cases=few,
            check=check_charge,
            examples=BALLS[:1],
            share=0.02,
        ),
    ),
    simulations=(
        Simulation(
            name="orders", says="Three starts: the derived one is of order 2, the others of order 1.", run=orders
        ),
    ),
    mutants=(
        Mutant(
            name="zero",
            says="y'(0) = 0 is as good, as in released code.",
            violates=Property("zero", "from 0", "high precision", few, lambda b: check(b, "zero"), examples=[KNOWN]),
        ),
        Mutant(
            name="slow-manifold",
            says="The slow manifold is as good without dampening.",
            violates=Property("slow", "slow", "high precision", few, lambda b: check(b, "slow"), examples=[KNOWN]),
        ),
        Mutant(
            name="minus-one",
            says="Without dampening the share is -1.",
            rejects=lambda: _slope(minus_one=True),
        ),
    ),
)
