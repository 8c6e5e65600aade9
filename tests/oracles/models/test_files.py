"""Models from TOML files."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.models import PolynomialMap, law_text, parse_model
from flowlaw.oracles.polynomials import orthogonality


def written(folder: Path, text: str) -> str:
    path = folder / "model.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_product_from_a_file_has_the_coordinates_of_the_linear_network(tmp_path: Path) -> None:
    path = written(tmp_path, 'name = "product"\nphi = ["U*V"]\n[blocks]\nU = [2, 3]\nV = [3, 2]\n')
    model = parse_model(path)
    assert model.spec == path
    assert parse_model(model.spec) == model == parse_model("file:" + path)
    assert set(model.coordinates()) == set(parse_model("linear:2-3-2").coordinates())


def test_a_mask_takes_entries_out_of_the_parameters(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'phi = ["U*V.T"]\n[blocks]\nU = [2, 2]\nV = [1, 2]\n[masks]\nU = [[1, 0], [0, 1]]\n'
        '[constants]\nU = [[0, "3/2"], [0, 0]]\n',
    )
    model = parse_model(path)
    assert isinstance(model, PolynomialMap)
    assert model.parameters == 4
    assert [block.shape for block in model.blocks] == [(2,), (1, 2)]
    first, second = model.coordinates()
    assert first.terms == {((0, 1), (2, 1)): 1, ((3, 1),): Fraction(3, 2)}
    assert second.terms == {((1, 1), (3, 1)): 1}
    assert law_text(first, model) == "U[1,1]*V[1,1] + 3/2*V[1,2]"
    assert law_text(second, model) == "U[2,2]*V[1,2]"


def test_masked_laws_are_written_with_whole_matrices(tmp_path: Path) -> None:
    from flowlaw.oracles.expressions import evaluate, parse

    path = written(tmp_path, 'phi = ["U*V"]\n[blocks]\nU=[2,2]\nV=[2,2]\n[masks]\nU=[[1,0],[1,1]]\n')
    model = parse_model(path)
    balance = evaluate(parse("diag(U.T*U - V*V.T)"), model).entries
    assert not any(orthogonality(law, phi) for law in balance for phi in model.coordinates())
    full = evaluate(parse("U.T*U - V*V.T"), model).entries[1]
    assert any(orthogonality(full, phi) for phi in model.coordinates())


def test_vectors_and_scalars_are_blocks_too(tmp_path: Path) -> None:
    model = parse_model(written(tmp_path, 'phi = ["s*x"]\n[blocks]\ns = 1\nx = [3]\n'))
    assert [block.shape for block in model.blocks] == [(1,), (3,)]
    assert len(model.coordinates()) == 3


def test_a_dag_from_a_file_is_the_dag_of_its_spec(tmp_path: Path) -> None:
    path = written(tmp_path, 'edges = ["x -> h -> y", "x -> y"]\n[groups]\nx = 2\nh = 3\ny = 1\n')
    assert parse_model(path) == parse_model("dag:x:2,h:3,y:1/x-h-y,x-y")


def test_neurons_of_a_dag_need_no_declaration(tmp_path: Path) -> None:
    path = written(tmp_path, 'edges = ["x -> h -> y"]\nbiases = ["h"]\nsources = ["x"]\noutputs = ["y"]\n')
    assert parse_model(path) == parse_model("dag:x:1,h:1,y:1,one:1/x-h-y,one-h")


REFUSED = [
    ("", "neither 'phi'"),
    ("ph = []", "Did you mean one of them by 'ph'"),
    ("phi = [", "not valid TOML"),
    ('phi = ["U"]', "there are no blocks"),
    ('phi = ["U"]\nblocks = 3', "must be a table"),
    ('phi = "U"\n[blocks]\nU = [2, 2]', "list of texts"),
    ("phi = []\n[blocks]\nU = [2, 2]", "list of texts"),
    ("phi = [3]\n[blocks]\nU = [2, 2]", "list of texts"),
    ('phi = ["U"]\n[block]\nU = [2, 2]', "Did you mean 'blocks'"),
    ('phi = ["V"]\n[blocks]\nU = [2, 2]', "no block 'V'"),
    ('phi = ["U*U"]\n[blocks]\nU = [2, 3]', "cannot multiply shapes 2 x 3 and 2 x 3"),
    ('phi = ["3"]\n[blocks]\nU = [2, 3]', "constant"),
    ('phi = ["U"]\n[blocks]\nU = [0, 2]', "at least 1"),
    ('phi = ["U"]\n[blocks]\nU = [true, 2]', "at least 1"),
    ('phi = ["U"]\n[blocks]\nU = [2.0, 2]', "at least 1"),
    ('phi = ["U"]\n[blocks]\nU = [1, 2, 3]', "one or two sides"),
    ('phi = ["U"]\n[blocks]\nU = []', "one or two sides"),
    ('phi = ["U"]\n[blocks]\ntrace = [2, 2]', "cannot name a block"),
    ('phi = ["U"]\n[blocks]\n"U 1" = [2, 2]', "cannot name a block"),
    ('phi = ["U"]\nname = 3\n[blocks]\nU = [2]', "'name' must be text"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nV = [1, 0]', "names 'V'"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [1]', "shape 2"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [0, 0]', "nothing to train"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [2, 0]', "other than 0"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [1, 0.5]', "Write whole numbers"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[constants]\nU = [1, 0]', "has no mask"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [1, 0]\n[constants]\nU = [1, 0]', "not 0 at a trained entry"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [1, 0]\n[constants]\nU = [0, "1/0"]', "Write whole numbers"),
    ('phi = ["U"]\n[blocks]\nU = [2]\n[masks]\nU = [1, 0]\n[constants]\nU = [0, "1e999999999"]', "Write whole numbers"),
    ('edges = ["x -> h -> x"]', "cycle: x -> h -> x"),
    ('edges = ["x"]', "is not a link"),
    ('edges = ["x -> y"]\n[groups]\nx = 1\nz = 1', "'y' is linked but not declared"),
    ('edges = ["x -> h", "x -> y"]\noutputs = ["y"]', "hidden group 'h' is on no path"),
    ('edges = ["x -> y", "h -> y"]\nsources = ["x"]', "hidden group 'h' is on no path"),
    ('edges = ["x -> y"]\nsources = ["z"]', "no group"),
    ('edges = ["one -> y"]\nbiases = ["y"]', "already exists"),
    ('edges = ["x -> y"]\nedge = 3', "Did you mean 'edges'"),
    ("phi = " + "[" * 5_000 + "]" * 5_000, "model.toml"),
    ("phi = [" + "9" * 5_000 + "]", "model.toml"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(text: str, reason: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadInput) as refusal:
        parse_model(path)
    assert reason in str(refusal.value)
    assert "model.toml" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('phi = ["U"]\n[blocks]\nU = [1000000, 2]', "at most"),
        ('phi = ["U"]\n[blocks]\nU = [100000, 100000]', "parameters"),
        ('phi = ["U*U.T"]\n[blocks]\nU = [1000, 1000]', "term operations"),
        ('phi = ["U^99"]\n[blocks]\nU = [2, 2]', "exponent"),
        ("#" * 1_000_001, "longer than"),
    ],
)
def test_a_file_above_the_limits_is_too_large(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match=reason):
        parse_model(written(tmp_path, text))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Cannot read"):
        parse_model(str(tmp_path / "missing.toml"))
    with pytest.raises(BadInput, match="Cannot read"):
        parse_model(f"file:{tmp_path}")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(BadInput, match="UTF-8"):
        parse_model(str(tmp_path / "latin.toml"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(BadInput, match="not a regular file"):
        parse_model(str(tmp_path / "pipe.toml"))


@given(
    st.dictionaries(
        st.sampled_from(
            ["name", "phi", "blocks", "masks", "constants", "edges", "groups", "sources", "biases", "other"]
        ),
        st.recursive(
            st.integers(-2, 3).map(str) | st.sampled_from(['"x -> y"', '"U"', '"U*V.T"', "true", "1.5", '""']),
            lambda inner: (
                st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
                | inner.map(lambda item: f"{{U = {item}}}")
            ),
            max_leaves=6,
        ),
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_table_is_a_model_or_bad_input(tmp_path: Path, table: dict[str, str]) -> None:
    path = written(tmp_path, "\n".join(f"{key} = {value}" for key, value in table.items()))
    try:
        model = parse_model(path)
    except BadInput:
        return
    assert model.parameters == sum(block.size for block in model.blocks)
