import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from actors import ACTORS
from cli.schema import chosen, document, types
from messages import subjects
from messages.base import tag
from tests.cli.running import Covey

DOCUMENT = document()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return found


@pytest.mark.parametrize("name", types())
def test_the_schema_of_each_message_is_one(name: str) -> None:
    schema = chosen(name)[name]

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:covey:{name}"


def test_a_schema_says_what_the_node_takes() -> None:
    check = jsonschema.Draft202012Validator(chosen("resource.save")["resource.save"])

    assert check.is_valid({"name": "Cluster A", "type": "compute", "capacity": 2})
    assert not check.is_valid({"name": "Cluster A", "type": "compute", "capacty": 2})
    assert not check.is_valid({"type": "compute"})


def test_the_asyncapi_document_names_every_subject() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    for actor in ACTORS:
        for message in actor.commands:
            verb = tag(message).partition(".")[2]
            assert subjects.command("{node}", actor.kind, "{id}", verb) in addresses
        for message in actor.events:
            name = tag(message).partition(".")[2]
            assert subjects.event("{node}", actor.kind, "{id}", name) in addresses


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    found = set(references(DOCUMENT))

    assert found
    assert all(resolve(reference) for reference in found)


def test_operations_say_what_the_node_does_on_a_channel_and_name_its_messages() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = operation["channel"]["$ref"]

        assert operation["action"] in ("send", "receive")
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])


def test_parameters_are_those_of_the_address() -> None:
    for channel in DOCUMENT["channels"].values():
        address = channel["address"] or ""

        assert {f"{{{name}}}" for name in channel.get("parameters", {})} == {
            part for part in address.split(".") if part.startswith("{")
        }


def test_schemas_are_written_without_a_node(tmp_path: Path) -> None:
    covey = Covey(tmp_path / "nobody")

    told = covey.json("schema", "execution", "--out", str(tmp_path / "schemas"))

    assert str(tmp_path / "schemas" / "execution.start.json") in told["written"]
    assert all("$schema" in json.loads(Path(path).read_text()) for path in told["written"])
    assert covey.run("schema", "nonsense").returncode == 2
