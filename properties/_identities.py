"""Parts of entries about discrete identities: drawn hyper-parameters, properties from laws, derivations, wrong laws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..oracles.dynamics import SGD, Kind, Law, Number, Vector, View, derive, find_law
from ._discrete import Case, Network, cases, exact_residual, float_residual
from ._symmetric import Family
from ._theorem import Mutant, Property, Residual, Step

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.certificates import Certificate
    from ..oracles.dynamics import Formal, Symbols

Sides = Callable[[View], tuple[Number, Number]]


def sgd_steps(
    steps: int, *, momentum: bool, nesterov: bool = False, constant: bool = False
) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD for each step: rates in [1/40, 1/2], decays in [0, 3/10], momentum in [1/10, 9/10], dampening in [0, 9/10].

    Each of them changes from step to step or not; momentum does not for Nesterov, and nothing does if ``constant``.
    """
    from hypothesis import strategies as st

    from .strategies import choices

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[SGD, ...]:
        def each(low: int, high: int, of: int, fixed: bool = constant) -> list[Fraction]:
            count = 1 if fixed or draw(st.booleans()) else steps
            found = [Fraction(low + k, of) for k in draw(choices(count, high - low + 1))]
            return found if count == steps else found * steps

        rates, decays = each(1, 20, 40), each(0, 6, 20)
        betas = [Fraction(0)] * steps
        taus = [Fraction(0)] * steps
        if nesterov:
            betas = each(1, 9, 10, fixed=True)
        elif momentum:
            betas, taus = each(1, 9, 10), each(0, 9, 10)
        maximize = draw(st.booleans())
        return tuple(
            SGD(lr=eta, momentum=beta, dampening=tau, weight_decay=lam, nesterov=nesterov, maximize=maximize)
            for eta, lam, beta, tau in zip(rates, decays, betas, taus, strict=True)
        )

    return drawn()


def exact_property(
    laws: Sequence[Law],
    optimizers: Callable[[int], SearchStrategy[tuple[Any, ...]]],
    families: Sequence[Family],
    *,
    steps: int = 3,
    name: str = "exact",
    says: str = "In exact rational runs on random losses with the symmetry the residual is exactly 0 at every step.",
    examples: Sequence[Case] = (),
    share: float = 1.0,
) -> Property:
    """The identities hold exactly along exact runs of ``steps`` steps."""
    return Property(
        name=name,
        says=says,
        arithmetic="rational",
        cases=lambda: cases(optimizers(steps), *families, steps=steps),
        check=lambda case: exact_residual(laws, case),
        examples=examples,
        share=share,
    )


def float_properties(
    laws: Sequence[Law],
    optimizers: Callable[[int], SearchStrategy[tuple[Any, ...]]],
    families: Sequence[Family],
    *,
    steps: int = 4,
    says: str = "Runs of torch.optim.SGD (of the same step on numpy arrays where torch is missing) in {dtype}: the "
    "residual, evaluated exactly, stays within gamma(n) times the sum of its absolute terms.",
    examples: Sequence[Case] = (),
    share: float = 0.5,
) -> tuple[Property, ...]:
    """The identities hold up to rounding along runs in float64 and in float32."""

    def check(dtype: str) -> Callable[[Case], Residual]:
        return lambda case: float_residual(laws, case, dtype=dtype)

    return tuple(
        Property(
            name=dtype,
            says=says.format(dtype=dtype),
            arithmetic=dtype,
            cases=lambda: cases(optimizers(steps), *families, steps=steps),
            check=check(dtype),
            examples=examples,
            share=share,
        )
        for dtype in ("float64", "float32")
    )


def plain(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD without momentum."""
    return sgd_steps(steps, momentum=False)


def heavy_ball(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD with momentum, not Nesterov."""
    return sgd_steps(steps, momentum=True)


def nesterov(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD with Nesterov momentum, which is the same at every step."""
    return sgd_steps(steps, momentum=True, nesterov=True)


def constant_heavy_ball(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD with momentum, the same at every step."""
    return sgd_steps(steps, momentum=True, constant=True)


def network_case(optimizers: Sequence[Any], *, spec: str = "relu:3-4-2+bias", batches: int = 8, seed: int = 0) -> Case:
    """A small ReLU network on random minibatches of four samples; its charge is the balance of the first neuron."""
    from random import Random

    from ..oracles.models import parse_model

    random = Random(seed)

    def numbers(count: int) -> list[Fraction]:
        return [Fraction(random.randint(-16, 16), 16) for _ in range(count)]

    model = parse_model(spec)
    inputs, outputs = model.blocks[0].shape[0], model.blocks[-1].shape[-1]
    data = [([numbers(inputs) for _ in range(4)], [numbers(outputs) for _ in range(4)]) for _ in range(batches)]
    start = [Fraction(random.choice((-1, 1)) * random.randint(4, 16), 16) for _ in range(model.parameters)]
    return Case(Network(spec, data), (Vector(start),), tuple(optimizers))


def proved(name: str, says: str, kind: Kind | None = None) -> Step:
    """The step of a derivation that runs the optimizer on free symbols and ends in the kernel's certificate."""
    law = find_law(name)
    return Step(says, law.formula, derive(law, kind))


def same_vectors(symbols: Symbols, pairs: Sequence[tuple[Formal, Formal]]) -> Certificate:
    """The certificate that formal vectors are equal, coefficient by coefficient."""
    from ..oracles.dynamics import equal

    found: list[tuple[Number, Number]] = []
    for left, right in pairs:
        names = sorted({*left.parts, *right.parts})
        found += [(left.parts.get(name, 0), right.parts.get(name, 0)) for name in names]
    return equal(symbols, found)


def wrong(name: str, sides: Sides) -> Law:
    """A law with other sides."""
    return replace(find_law(name), sides=sides)


def violated(
    name: str,
    says: str,
    law: Law,
    optimizers: Callable[[int], SearchStrategy[tuple[Any, ...]]],
    families: Sequence[Family],
    *,
    steps: int = 3,
    examples: Sequence[Case] = (),
) -> Mutant:
    """The mutant that a wrong law must be violated by an exact run."""
    return Mutant(
        name=name,
        says=says,
        violates=exact_property((law,), optimizers, families, steps=steps, name=name, says=says, examples=examples),
    )


def rejected(name: str, says: str, law: Law, kind: Kind | None = None) -> Mutant:
    """The mutant that the kernel must not accept the derivation of a wrong law."""
    return Mutant(name=name, says=says, rejects=lambda: derive(law, kind))
