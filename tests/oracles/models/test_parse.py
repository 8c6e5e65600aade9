"""Specs: what is read, what is refused, and that a spec and its model name each other."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.models import KINDS, DeepLinear, Model, PathLifting, PolynomialMap, layered, parse_model

CANONICAL = [
    "linear:4-5-2",
    "linear:7-3",
    "linear:2-2-2+logits",
    "linear:3-4+logits",
    "relu:2-1",
    "relu:3-5-2",
    "relu:3-5-2+bias",
    "relu:3-5-2+outbias",
    "relu:2-3-3-2+bias+outbias+skip0:2+skip0:3+skip1:3",
    "dag:x:2,h:3,y:1/x-h,h-y",
    "dag:x:2,h:3,y:1/x-h,h-y,x-y",
    "monomial:4",
    "symmetric:2-3",
    "diagonal:3",
    "homogeneous:2-3-2+degree2",
    "conv:3-2-2",
    "conv:3",
    "conv:3-2+stride2",
    "conv:3-2-4+stride2-3",
]

SPELLINGS = [
    ("leaky-relu:3-5-2+bias", "relu:3-5-2+bias"),
    ("relu:3-5-2+outbias+bias", "relu:3-5-2+bias+outbias"),
    ("relu:2-3-3-2+skip1:3+skip0:2", "relu:2-3-3-2+skip0:2+skip1:3"),
    ("linear:04-005-2", "linear:4-5-2"),
    ("conv:3-2-2+stride1", "conv:3-2-2"),
    ("conv:3-2-2+stride2-2", "conv:3-2-2+stride2"),
    ("dag:x:2,h:3,y:1/x-h-y", "dag:x:2,h:3,y:1/x-h,h-y"),
    ("dag:y:1,h:3,x:2/x-h-y", "dag:x:2,h:3,y:1/x-h,h-y"),
    ("dag:y:1,b:1,x:1,a:1/x-a-y,x-b-y", "dag:x:1,b:1,a:1,y:1/x-a,a-y,x-b,b-y"),
    ("dag:L0:3,L1:5,L2:2/L0-L1-L2", "relu:3-5-2"),
]

REFUSED = [
    ("", "is not a model"),
    ("4-5-2", "is not a model"),
    ("lineer:4-5-2", "Did you mean 'linear'"),
    ("LINEAR:4-5-2", "Did you mean 'linear'"),
    ("relu3-5-2", "is not a model"),
    ("linear", "is not a model"),
    ("linear:", "found 0 of the widths"),
    ("linear:4", "found 1 of the widths"),
    ("linear:4-0-2", "cannot be 0"),
    ("linear:4--5-2", "'' is not one of the widths"),
    ("linear:-4-5", "'' is not one of the widths"),
    ("linear:4-5.0-2", "'5.0' is not one of the widths"),
    ("linear:4-1e3-2", "'1e3' is not one of the widths"),
    ("linear:4_0-2", "'4_0' is not one of the widths"),
    ("linear:0x4-2", "'0x4' is not one of the widths"),
    ("linear:4-5-2 ", "plain ASCII"),
    ("linear: 4-5-2", "plain ASCII"),
    ("linear:4-5-2\n", "plain ASCII"),
    ("linear:\u0664-5-2", "plain ASCII"),
    ("linear:4\u20135", "plain ASCII"),
    ("linear:4-5\x00", "plain ASCII"),
    ("linear:1-2-2+logits", "single logit"),
    ("linear:4-5-2+logit", "Did you mean 'logits'"),
    ("linear:4-5-2+logits+logits", "unknown option"),
    ("linear:4-5-2+", "unknown option '+'"),
    ("linear:" + "-".join(["2"] * 66), "expected 2 to 65"),
    ("relu:3-5-2+bais", "Did you mean 'bias'"),
    ("relu:3-5-2+bias+bias", "given twice"),
    ("relu:3-2+bias", "there are none"),
    ("relu:3-5-2+skip0:1", "I + 1 < J"),
    ("relu:3-5-2+skip0:3", "I + 1 < J"),
    ("relu:3-5-2+skip2:0", "I + 1 < J"),
    ("relu:3-5-2+skip0:2+skip0:2", "given twice"),
    ("relu:3-5-2+skip0-2", "unknown option"),
    ("dag:x:2,h:3", "declares groups"),
    ("dag:x:2,h:3,y:1/x-h-x,h-y", "cycle: x -> h -> x"),
    ("dag:x:1,y:1/x-y-y", "cycle: y -> y"),
    ("dag:x:1,y:1/x-z", "linked but not declared"),
    ("dag:x:1,h:1,y:1/x-y", "has no links"),
    ("dag:x:1,x:1,y:1/x-y", "declared twice"),
    ("dag:x:1,y:1/x-y,x-y", "given twice"),
    ("dag:x:0,y:1/x-y", "cannot be 0"),
    ("dag:x:1,y:1/x", "is not a link"),
    ("dag:1x:1,y:1/1x-y", "cannot name a group"),
    ("dag:a_b:1,c:1,a:1,b_c:1,y:1/a_b-c-y,a-b_c-y", "collide"),
    ("monomial:0", "cannot be 0"),
    ("monomial:3-2", "is not the number of factors"),
    ("symmetric:2", "expected 2"),
    ("symmetric:2-3-4", "expected 2"),
    ("diagonal:", "is not the number of coordinates"),
    ("homogeneous:2-3-2", "the degree p"),
    ("homogeneous:2-3-2+degree", "is not the degree"),
    ("homogeneous:2-3-2+degree0", "cannot be 0"),
    ("homogeneous:2-3-2+deg2", "the degree p"),
    ("conv:3-2-2+stride1-2-3", "found 3 of the strides"),
    ("conv:3+stride2", "at least two filters"),
    ("conv:3-2+stride0", "cannot be 0"),
]

LARGE = [
    "linear:100001-2",
    "linear:1000000-2",
    "linear:4-" + "9" * 5_000,
    "linear:100000-100000",
    "relu:100000-100000-2",
    "homogeneous:2-3-2+degree50",
    "symmetric:100000-100000",
    "linear:" + "2-" * 1_000_000 + "2",
]


@pytest.mark.parametrize("spec", CANONICAL)
def test_a_canonical_spec_is_the_spec_of_its_model(spec: str) -> None:
    model = parse_model(spec)
    assert isinstance(model, Model)
    assert model.spec == spec
    assert parse_model(spec) == model
    assert hash(parse_model(spec)) == hash(model)


@pytest.mark.parametrize(("spec", "canonical"), SPELLINGS)
def test_other_spellings_name_the_same_model(spec: str, canonical: str) -> None:
    assert parse_model(spec).spec == canonical
    assert parse_model(spec) == parse_model(canonical)


@pytest.mark.parametrize(("spec", "reason"), REFUSED)
def test_a_bad_spec_is_refused_with_its_reason(spec: str, reason: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_model(spec)
    message = str(refusal.value)
    assert reason in message
    assert message.isascii()
    assert len(message) < 600


@pytest.mark.parametrize("spec", LARGE)
def test_a_spec_above_the_limits_is_too_large(spec: str) -> None:
    with pytest.raises(TooLarge) as refusal:
        parse_model(spec)
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_a_model_of_that_kind(kind: str) -> None:
    example_spec = KINDS[kind].example
    assert example_spec.startswith(kind + ":")
    assert parse_model(example_spec).parameters > 0


@given(st.text(max_size=30) | st.from_regex(r"(linear|relu|dag|conv|homogeneous):[-0-9a-z+:,/]{0,20}", fullmatch=True))
@example("file:")
@example("file:\x00.toml")
@example(".toml")
@example("/")
def test_any_text_is_a_model_or_bad_input(text: str) -> None:
    try:
        model = parse_model(text)
    except BadInput:
        return
    assert parse_model(model.spec) == model


@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=6),
    bias=st.booleans(),
    outbias=st.booleans(),
    data=st.data(),
)
def test_a_layered_network_is_named_by_its_shorthand(
    widths: list[int], bias: bool, outbias: bool, data: st.DataObject
) -> None:
    pairs = [(i, j) for i in range(len(widths)) for j in range(i + 2, len(widths))]
    skips = tuple(data.draw(st.lists(st.sampled_from(pairs), unique=True))) if pairs else ()
    model = layered(tuple(widths), bias=bias, outbias=outbias, skips=skips)
    assert model.spec.startswith("relu:")
    assert parse_model(model.spec) == model


def test_models_made_in_python_are_validated_like_specs() -> None:
    with pytest.raises(BadInput, match="cannot be 0"):
        DeepLinear((3, 0, 2))
    with pytest.raises(BadInput, match="no links"):
        PathLifting((), ())
    with pytest.raises(BadInput, match="no parameters"):
        PolynomialMap("nothing", (), ())


@pytest.mark.parametrize(
    ("spec", "parameters", "hidden"),
    [
        ("linear:100000-9999-1", 100_000 * 9_999 + 9_999, 9_999),
        ("linear:1-100000-100-100000-1", 20_200_000, 200_100),
        ("relu:784-1000-1000-10+bias", 1_796_000, 2_000),
        ("linear:" + "-".join(["3900"] * 65), 64 * 3_900**2, 63 * 3_900),
    ],
)
def test_large_models_are_numbers_and_refuse_to_be_written_out(spec: str, parameters: int, hidden: int) -> None:
    model = parse_model(spec)
    assert model.parameters == parameters == sum(block.size for block in model.blocks)
    assert isinstance(model, DeepLinear | PathLifting)
    assert model.hidden == hidden
    with pytest.raises(TooLarge, match="terms"):
        model.coordinates()


def test_importing_models_and_expressions_imports_nothing_heavy() -> None:
    code = (
        "import sys, flowlaw.oracles.models, flowlaw.oracles.expressions\n"
        "heavy = {'numpy', 'sympy', 'flint', 'torch', 'mpmath', 'hypothesis', 'tomllib'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
