"""A piecewise polynomial curve with a proved distance from a flow: what both kinds of enclosures offer."""

from __future__ import annotations

from fractions import Fraction

from ..oracles.errors import BadInput
from ..oracles.polynomials import Rational
from ._taylor import Piece
from ._trajectory import Enclosure, Trajectory


class EnclosedCurve:
    """For dataclasses with these fields.

    Attributes:
        pieces: the curve.
        radii: the proved distance at the start of each piece and, last, at the end.
        tubes: the proved distance anywhere on each piece.
    """

    __slots__ = ()

    pieces: tuple[Piece, ...]
    radii: tuple[Fraction, ...]
    tubes: tuple[Fraction, ...]

    @property
    def method(self) -> str:
        """How the distance is proved, a few words."""
        raise NotImplementedError

    @property
    def time(self) -> Fraction:
        """The end of the flow."""
        return self.pieces[-1].start + self.pieces[-1].length

    @property
    def end(self) -> Enclosure:
        """Where the flow is at the end."""
        last = self.pieces[-1]
        return Enclosure(tuple(Fraction(int(x), 2**last.bits) for x in last.end()), self.radii[-1])

    @property
    def digits(self) -> int:
        """The number of proved digits at the end, relative to the largest coordinate (or to 1 if that is larger)."""
        return self.end.digits

    def at(self, time: Rational) -> Enclosure:
        """Where the flow is at a time between 0 and the end.

        Raises:
            BadInput: the time lies outside.
        """
        for piece, tube in zip(self.pieces, self.tubes, strict=True):
            s = (Fraction(time) - piece.start) / piece.length
            if 0 <= s <= 1:
                return Enclosure(piece.at(s), tube)
        raise BadInput(f"The time {time} lies outside the flow, which ends at {self.time}.")

    @property
    def trajectory(self) -> Trajectory[Enclosure]:
        """Enclosures at the ends of the pieces."""
        points = [piece.begin() for piece in self.pieces] + [self.end.midpoint]
        times = (*(piece.start for piece in self.pieces), self.time)
        balls = tuple(Enclosure(point, radius) for point, radius in zip(points, self.radii, strict=True))
        return Trajectory(times, balls, "balls", {"method": self.method, "bits": str(self.pieces[-1].bits)})
