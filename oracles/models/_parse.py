"""From a short spec to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .. import limits
from ..errors import BadInput, TooLarge
from ..text import shown, suggestion
from ._base import Model
from ._convolution import parse as parse_conv
from ._dag import parse as parse_dag
from ._diagonal import parse as parse_diagonal
from ._homogeneous import parse as parse_homogeneous
from ._layered import parse as parse_layered
from ._linear import parse as parse_linear
from ._monomial import parse as parse_monomial
from ._symmetric import parse as parse_symmetric


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model: how its specs are read, an example, and one line of explanation."""

    parse: Callable[[str, list[str], str], Model]
    example: str
    says: str


KINDS: dict[str, Kind] = {
    "linear": Kind(parse_linear, "linear:4-5-2", "product of matrices, output dimension first; +logits"),
    "relu": Kind(parse_layered, "relu:3-5-2+bias", "ReLU network, input first; +bias, +outbias, +skip0:2"),
    "leaky-relu": Kind(parse_layered, "leaky-relu:3-5-2", "the same path lifting as relu"),
    "dag": Kind(parse_dag, "dag:x:2,h:3,y:1/x-h-y,x-y", "path lifting of groups and links"),
    "monomial": Kind(parse_monomial, "monomial:4", "product of scalars"),
    "symmetric": Kind(parse_symmetric, "symmetric:2-3", "U U^T with U of shape 2 x 3"),
    "diagonal": Kind(parse_diagonal, "diagonal:3", "u_i^2 - v_i^2"),
    "homogeneous": Kind(parse_homogeneous, "homogeneous:2-3-2+degree2", "U (V^T x)^p, output first"),
    "conv": Kind(parse_conv, "conv:3-2-2", "linear convolutions, first applied first; +stride2"),
}


def parse_model(spec: str) -> Model:
    """The model that ``spec`` names: a short form such as ``linear:4-5-2``, or the path of a ``.toml`` file.

    ``parse_model(model.spec) == model`` for every model that this function returns. Forms and limits are listed in
    docs/models.md.

    >>> parse_model("relu:3-5-2+bias").parameters
    30

    Raises:
        BadInput: the spec or the file cannot be understood; the message names the culprit and the remedy.
        TooLarge: understood, but above the sizes of ``limits``.
    """
    if spec.startswith("file:") or spec.endswith(".toml"):
        from ._file import read_model  # files need the expression grammar, short forms do not

        return read_model(spec.removeprefix("file:"))
    if len(spec) > limits.SPEC_CHARACTERS:
        raise TooLarge(
            f"{shown(spec)}: a model may take at most {limits.SPEC_CHARACTERS} characters. Use a .toml file."
        )
    if not spec.isascii() or any(character <= " " or character == "\x7f" for character in spec):
        raise BadInput(
            f"{shown(spec)} contains spaces or other characters that no model uses. "
            "Write it in one word of plain ASCII, as in linear:4-5-2."
        )
    kind, colon, rest = spec.partition(":")
    if kind not in KINDS or not colon:
        examples = ", ".join(known.example for known in KINDS.values())
        hint = suggestion(kind, KINDS) if kind else ""
        raise BadInput(
            f"{shown(spec)} is not a model.{hint} Models look like {examples}, or are the path of a .toml file."
        )
    body, *options = rest.split("+")
    return KINDS[kind].parse(body, options, spec)
