"""What docs/models.md and docs/expressions.md claim is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.expressions import FUNCTIONS, evaluate, parse
from flowlaw.oracles.models import KINDS, parse_model

DOCS = Path(__file__).parents[3] / "docs"
MODELS = (DOCS / "models.md").read_text(encoding="utf-8")
EXPRESSIONS = (DOCS / "expressions.md").read_text(encoding="utf-8")

WORDS = re.findall(r"^\| `([a-z-]+:[^`]*)` \|.*\| (.*) \|$", MODELS, re.MULTILINE)
FILES = re.findall(r"```toml\n(.*?)```", MODELS, re.DOTALL)
REFUSAL = re.search(r"```\n(Column.*?\n  (.*?)\n.*?)\n```", EXPRESSIONS, re.DOTALL)


@pytest.mark.parametrize(("word", "blocks"), WORDS)
def test_each_word_of_the_page_is_a_model_with_these_blocks(word: str, blocks: str) -> None:
    names = {block.name for block in parse_model(word).blocks}
    assert set(re.findall(r"`(\w+)`", blocks)) <= names


def test_the_page_shows_every_kind_of_model_and_every_function() -> None:
    assert {word.partition(":")[0] for word, _ in WORDS} == set(KINDS)
    assert all(f"{function}(" in EXPRESSIONS for function in FUNCTIONS)


@pytest.mark.parametrize("text", FILES)
def test_the_files_of_the_page_are_models(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    path.write_text(text, encoding="utf-8")
    assert parse_model(str(path)).coordinates()


def test_the_refusal_on_the_page_is_what_is_said() -> None:
    assert REFUSAL
    with pytest.raises(BadInput) as refusal:
        evaluate(parse(REFUSAL[2]), parse_model("linear:4-5-2"))
    assert str(refusal.value) == REFUSAL[1]
