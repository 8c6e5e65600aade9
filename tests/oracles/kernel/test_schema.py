"""The published schema: closed, and never stricter than the kernel."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import campaign
import pytest

import flowlaw.oracles.kernel as kernel

jsonschema = pytest.importorskip("jsonschema")

Json = Any

SCHEMA = json.loads((Path(kernel.__file__).parent / "certificate.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def parts(value: Json) -> Iterator[Json]:
    yield value
    if campaign.is_object(value) or campaign.is_list(value):
        for part in value.values() if campaign.is_object(value) else value:
            yield from parts(part)


def test_every_object_is_closed_and_all_its_fields_are_required() -> None:
    objects: list[Json] = [part for part in parts(SCHEMA) if campaign.is_object(part) and part.get("type") == "object"]
    assert len(objects) > 25
    for part in objects:
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])


def test_every_reference_leads_somewhere_and_every_definition_is_used() -> None:
    used: set[str] = {part["$ref"] for part in parts(SCHEMA) if campaign.is_object(part) and "$ref" in part}
    assert used == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}


def test_valid_certificates_satisfy_the_schema(corpus: list[Json], validator: Any) -> None:
    for certificate in corpus:
        validator.validate(certificate)


def test_what_the_kernel_accepts_satisfies_the_schema(corpus: list[Json], validator: Any) -> None:
    """On corrupted certificates, where the two might differ."""
    draw = random.Random(3)
    accepted = refused = 0
    for _ in range(400):
        changed = campaign.corrupt(draw.choice(corpus), corpus, draw)
        if kernel.verify(changed).accepted:
            validator.validate(changed)
            accepted += 1
        else:
            refused += not validator.is_valid(changed)
    assert accepted > 3
    assert refused > 150


def test_unknown_and_missing_fields_break_the_schema(corpus: list[Json], validator: Any) -> None:
    seen: set[tuple[str, ...]] = set()
    for certificate in corpus:
        for path in campaign.nodes(certificate):
            place = campaign.at(certificate, path)
            if not campaign.is_object(place):
                continue
            kind = (certificate["claim"]["kind"], str(path), *place)
            if kind not in seen:
                seen.add(kind)
                longer = campaign.copied(certificate)
                campaign.at(longer, path)["note"] = 1
                assert not validator.is_valid(longer), path
                for name in place:
                    shorter = campaign.copied(certificate)
                    del campaign.at(shorter, path)[name]
                    assert not validator.is_valid(shorter), (path, name)
                    assert not kernel.verify(shorter).accepted


def test_the_bounds_of_the_schema_are_those_of_the_kernel() -> None:
    from flowlaw.oracles.kernel import _exact, _expressions, _models, _modular, _read, _rules

    defs = SCHEMA["$defs"]
    assert defs["prime"]["maximum"] == defs["point"]["items"]["maximum"] == _modular.PRIME_LIMIT
    assert defs["dense"]["properties"]["orders"]["maximum"] == _rules.ORDERS_LIMIT
    assert defs["explicit"]["properties"]["parameters"]["maximum"] == defs["point"]["maxItems"] == _models.DENSE_LIMIT
    assert defs["polynomial"]["maxItems"] == _exact.TERMS_LIMIT
    assert defs["rational"]["oneOf"][1]["maxLength"] == _read.DIGITS_LIMIT
    assert defs["identity-claim"]["properties"]["variables"]["maximum"] == _expressions.VARIABLES_LIMIT
    assert defs["matrix"]["items"]["prefixItems"][0]["maximum"] == _rules.MATRIX_LIMIT - 1
