"""The errors a person can mend: what was wrong with their input, and what to do."""


class FlowlawError(Exception):
    """Base of all errors raised on purpose. The message is one paragraph that names the culprit and the remedy."""


class BadInput(FlowlawError):
    """A model, expression, file or option cannot be understood."""


class TooLarge(BadInput):
    """A request would need more memory or time than its limit allows; raised before the work starts."""
