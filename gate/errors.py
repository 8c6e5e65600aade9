"""What the gate says of a target that cannot be measured."""

from ..oracles.errors import FlowlawError


class TargetError(FlowlawError):
    """A target raises, hangs, or returns what is no run: the message names the target, the callable and the remedy."""
