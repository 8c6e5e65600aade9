"""How large the terms of an identity are: its own code runs on pairs of a value and the sum of its absolute terms.

A rounded run is an exact run whose terms are each off by a few units of roundoff. The sum of the absolute terms of a
residual, times the number of roundings on the longest path, times the unit roundoff, bounds what rounding can leave of
it (to first order in the unit). This module gives the sum; who compares floats multiplies and decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from ._charges import Charge
from ._laws import Law, View
from ._leaves import Leaf, Leaves, Number, clamp, coordinates, maximum, root
from ._runs import Gradients, Grouped, Moment, Optimizer, Window, step


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """A number, or a leaf entry by entry, with the sum of its absolute terms: differences add sizes, like sums."""

    value: Any
    size: Any

    __array_ufunc__ = None

    @staticmethod
    def of(x: Any) -> Sized:
        return x if isinstance(x, Sized) else Sized(x, abs(x))

    def __add__(self, other: object) -> Sized:
        x = Sized.of(other)
        return Sized(self.value + x.value, self.size + x.size)

    def __sub__(self, other: object) -> Sized:
        x = Sized.of(other)
        return Sized(self.value - x.value, self.size + x.size)

    def __rsub__(self, other: object) -> Sized:
        return Sized.of(other) - self

    def __mul__(self, other: object) -> Sized:
        x = Sized.of(other)
        return Sized(self.value * x.value, self.size * x.size)

    def __truediv__(self, other: object) -> Sized:
        """A quotient is off by what both parts are off by, relatively."""
        x = Sized.of(other)
        return Sized(self.value / x.value, self.size * x.size / (x.value * x.value))

    def __rtruediv__(self, other: object) -> Sized:
        return Sized.of(other) / self

    def __pow__(self, exponent: int) -> Sized:
        return Sized(self.value**exponent, self.size**exponent)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Sized:
        return Sized(-self.value, self.size)

    def __abs__(self) -> Sized:
        return Sized(abs(self.value), self.size)

    def sum(self) -> Sized:
        if not hasattr(self.value, "sum"):
            return self
        return Sized(self.value.sum(), self.size.sum())

    def coordinates(self) -> tuple[Sized, ...]:
        """Entry by entry."""
        values, sizes = coordinates((self.value,)), coordinates((self.size,))
        return tuple(Sized(x, size) for x, size in zip(values, sizes, strict=True))

    def sqrt(self) -> Sized:
        """Half of the relative size; a root of 0 is as small as what it is the root of."""
        value = root(self.value)
        return Sized(value, root(self.size))

    def maximum(self, other: Sized) -> Sized:
        return Sized(maximum(self.value, other.value), maximum(self.size, other.size))

    def clip(self, low: Number, high: Number) -> Sized:
        return Sized(clamp(self.value, low, high), self.size)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Sized) else other))

    def __hash__(self) -> int:
        return hash(self.value)


def sized(thing: Any) -> Any:
    """An optimizer, a slot, a tuple of leaves or a number, all of whose numbers are ``Sized``."""
    if thing is None or isinstance(thing, bool | Sized) or callable(thing):
        return thing
    kind = cast("type[object]", type(thing))
    if issubclass(kind, tuple):
        return tuple(map(sized, thing))
    if isinstance(thing, Grouped):
        return Grouped(tuple(sized(group) for group in thing.groups), thing.members)
    if is_dataclass(kind):
        known: dict[str, Any] = {f.name: sized(getattr(thing, f.name)) for f in fields(thing) if f.name != "step"}
        return replace(thing, **known)
    return Sized.of(thing)


def magnitude(law: Law, window: Window, charge: Charge, gradients: Sequence[Gradients] | None = None) -> Number:
    """The sum of the absolute terms of ``left - right`` and of the defect, each step written out from its start.

    Args:
        law: the identity.
        window: moments with gradients and state. Without them a tensor after a step has the size
            ``|theta'| + 2 |theta' - theta|``, which is an estimate.
        charge: the charge.
        gradients: for each step the sums of the absolute terms of the gradients; their absolute values by default.
    """
    moments: list[Moment] = []
    now: Leaves = sized(window[0].parameters)
    state = sized(window[0].state)
    for k, moment in enumerate(window[:-1]):
        optimizer: Optimizer = sized(moment.optimizer)
        used: Any = sized(moment.gradients)
        if gradients is not None:
            used = tuple(
                None if g is None else Sized(g, size)
                for g, size in zip(moment.gradients or (), gradients[k], strict=True)
            )
        moments.append(Moment(moment.index, now, optimizer, used, state, sized(moment.asked)))
        # the next step starts from what is there: its own size is added to that of the terms that led to it
        following = window[k + 1]
        if used is None or (moment.state is None and following.state is not None):
            now = tuple(map(_guess, moment.parameters, following.parameters))
            state = sized(following.state)
            continue
        plain = sized(moment.parameters)
        now, after = step(optimizer, plain, used, sized(moment.state))
        state = None if following.state is None else after
    last = window[-1]
    moments.append(Moment(last.index, now, None, None, state, None))
    view = View(moments, charge)
    left, right = law.sides(view)
    known = all(moment.gradients is not None for moment in moments[:-1])
    return _size(left) + _size(right) + (_size(law.defect(view)) if known else 0)


def _guess(before: Leaf, after: Leaf) -> Sized:
    return Sized(after, abs(after) + 2 * abs(after - before))


def _size(x: Any) -> Number:
    return x.size if isinstance(x, Sized) else abs(x)
