"""Characters to tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .. import limits
from ..errors import BadInput, TooLarge
from ._syntax import caret

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<transpose>\.T(?![A-Za-z0-9_])|')|(?P<operator>\.\*|[-+*/^()\[\],:])",
    re.ASCII,
)

_HINTS = {
    "**": "Write ^ for powers.",
    "@": "Write * for matrix products.",
    ".": "Write 0.5 with its zero, .T for a transpose, .* for entrywise products.",
    "=": "An expression is one side only: write the law, for example A - B instead of A = B.",
    ";": "Write one expression.",
    "\u2212": "Write the plain ASCII minus -.",
    "\u22a4": "Write .T for a transpose.",
}

DIGITS = 1_000
"""The longest number literal."""


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is ``number``, ``name``, ``transpose``, ``operator`` or ``end``."""

    kind: str
    text: str
    position: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text if len(self.text) <= 40 else self.text[:40] + "...")


def tokens(text: str) -> list[Token]:
    """The tokens of ``text``, ended by one of kind ``end``.

    Raises:
        BadInput: a character that the grammar does not use.
        TooLarge: the text or a number is too long.
    """
    if len(text) > limits.EXPRESSION_CHARACTERS:
        raise TooLarge(
            f"The expression has {len(text)} characters; at most {limits.EXPRESSION_CHARACTERS} are supported. "
            "Split it into several laws."
        )
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            character = text[position]
            hint = _HINTS.get(character, "Expressions use names, numbers, + - * .* / ^ ' .T [ ] ( ) , and :.")
            raise BadInput(
                f"Column {position + 1}: {character!a} is not part of an expression. {hint}\n" + caret(text, position)
            )
        kind = match.lastgroup or ""
        word = match[0]
        if kind == "number" and len(word) > DIGITS:
            raise TooLarge(
                f"Column {position + 1}: a number of {len(word)} characters; at most {DIGITS} are supported.\n"
                + caret(text, position)
            )
        if word == "*" and text.startswith("**", position):
            raise BadInput(f"Column {position + 1}: '**' is not an operator. {_HINTS['**']}\n{caret(text, position)}")
        if kind != "space":
            found.append(Token(kind, word, position))
        position = match.end()
    found.append(Token("end", "", len(text)))
    return found
