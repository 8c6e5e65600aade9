"""Words for messages: what a person wrote, quoted safely, and what they may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def shown(text: str, longest: int = 60) -> str:
    """``text`` quoted for a message: escaped to ASCII and cut in the middle where it is long."""
    if len(text) > longest:
        text = text[: longest - 15] + "..." + text[-12:]
    return ascii(text)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'linear'?`` (with a leading space), or nothing when no known name is close."""
    from difflib import get_close_matches  # only on the way to an error

    lowered = {word.lower(): word for word in known}
    close = get_close_matches(name[:80].lower(), lowered, n=1, cutoff=0.6)
    return f" Did you mean {lowered[close[0]]!r}?" if close else ""
