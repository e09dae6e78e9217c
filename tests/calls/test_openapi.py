"""Operations of OpenAPI documents, called at a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from aiohttp import web

from node.calls.client import Client
from node.calls.openapi import OpenApiCalls
from tests.calls.served import Site, answered, faulted

SWAGGER = {
    "swagger": "2.0",
    "basePath": "/v2",
    "schemes": ["https", "http"],
    "consumes": ["application/json"],
    "paths": {
        "/pet/findByStatus": {
            "get": {
                "operationId": "findPetsByStatus",
                "parameters": [
                    {
                        "name": "status",
                        "in": "query",
                        "required": True,
                        "type": "array",
                        "collectionFormat": "multi",
                    },
                    {"name": "tags", "in": "query", "type": "array", "collectionFormat": "pipes"},
                ],
            }
        },
        "/pet/{petId}": {
            "parameters": [{"$ref": "#/parameters/id"}],
            "get": {
                "operationId": "getPetById",
                "parameters": [{"name": "api_key", "in": "header", "type": "string"}],
            },
            "post": {
                "operationId": "updatePetWithForm",
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"name": "name", "in": "formData"}, {"name": "status", "in": "formData"}],
            },
        },
        "/pet": {
            "post": {"operationId": "addPet", "parameters": [{"name": "pet", "in": "body", "required": True}]}
        },
    },
    "parameters": {"id": {"name": "petId", "in": "path", "required": True, "type": "integer"}},
}
OPENAPI = {
    "openapi": "3.0.3",
    "servers": [{"url": "/{version}/", "variables": {"version": {"default": "v3"}}}],
    "paths": {
        "/items": {
            "get": {
                "operationId": "list",
                "parameters": [
                    {"name": "tag", "in": "query", "schema": {"type": "array"}},
                    {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array"}},
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "session", "in": "cookie", "schema": {}},
                    {"name": "X-Trace", "in": "header", "schema": {}},
                ],
            },
            "post": {"operationId": "create", "requestBody": {"$ref": "#/components/requestBodies/item"}},
        },
        "/items/{id}": {
            "servers": [{"url": "other"}],
            "put": {
                "operationId": "replace",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {}}],
                "requestBody": {"content": {"text/plain": {}}},
            },
        },
    },
    "components": {"requestBodies": {"item": {"required": True, "content": {"application/json": {}}}}},
}


async def run(client: Client, site: Site, document: Any, operation: str, **more: Any) -> Any:
    given = {"document": {"endpoint": f"{site.url}/docs/api"}, "operationId": operation}
    site["/docs/api"] = web.json_response(document)
    return await answered(OpenApiCalls(client), "openapi", {**given, **more})


async def problem(
    client: Client, site: Site, document: Any, operation: str, **more: Any
) -> tuple[str, int, str]:
    given = {"document": {"endpoint": f"{site.url}/docs/api"}, "operationId": operation}
    site["/docs/api"] = web.json_response(document)
    return await faulted(OpenApiCalls(client), "openapi", {**given, **more})


async def test_parameters_of_a_query_are_written_as_swagger_says(site: Site, client: Client) -> None:
    await run(
        client, site, SWAGGER, "findPetsByStatus", parameters={"status": ["a", "b"], "tags": ["x", "y"]}
    )

    asked = site.asked[-1]
    assert (asked.method, asked.path) == ("GET", "/v2/pet/findByStatus")
    assert asked.query == {"status": "a", "tags": "x|y"}
    assert asked.headers["Idempotency-Key"] == "key-1"


async def test_the_output_may_be_the_whole_answer(site: Site, client: Client) -> None:
    parameters = {"petId": 7, "api_key": "s3cr3t"}
    found = await run(client, site, SWAGGER, "getPetById", parameters=parameters, output="response")

    assert (found["request"]["uri"], found["content"]["path"]) == (f"{site.url}/v2/pet/7", "/v2/pet/7")
    assert "s3cr3t" not in json.dumps(found)
    assert site.asked[-1].headers["api_key"] == "s3cr3t"


async def test_forms_and_bodies_of_swagger(site: Site, client: Client) -> None:
    await run(client, site, SWAGGER, "updatePetWithForm", parameters={"petId": 1, "name": "a b"})
    await run(client, site, SWAGGER, "addPet", parameters={"pet": {"name": "Rex"}})

    form, pet = [asked for asked in site.asked if asked.method == "POST"]
    assert (form.path, form.body, form.headers["Content-Type"]) == (
        "/v2/pet/1",
        b"name=a+b",
        "application/x-www-form-urlencoded",
    )
    assert (json.loads(pet.body), pet.headers["Content-Type"]) == ({"name": "Rex"}, "application/json")


async def test_parameters_of_openapi_are_put_where_they_belong(site: Site, client: Client) -> None:
    parameters = {"tag": ["a"], "ids": [1, 2], "filter": {"x": 1}, "session": "s", "X-Trace": "t"}
    await run(client, site, OPENAPI, "list", parameters=parameters)

    asked = site.asked[-1]
    assert (asked.path, asked.query) == ("/v3/items", {"tag": "a", "ids": "1,2", "filter[x]": "1"})
    assert (asked.headers["Cookie"], asked.headers["X-Trace"]) == ("session=s", "t")


async def test_what_is_no_parameter_is_the_body(site: Site, client: Client) -> None:
    await run(client, site, OPENAPI, "create", parameters={"name": "x", "size": 2})
    await run(client, site, OPENAPI, "create", parameters={"body": [1]})
    await run(client, site, OPENAPI, "replace", parameters={"id": "a/b", "body": "text"})

    bodies = [asked.body for asked in site.asked if asked.method != "GET"]
    assert bodies == [b'{"name":"x","size":2}', b"[1]", b"text"]
    assert site.asked[-1].path == "/docs/other/items/a/b"


async def test_a_document_may_be_yaml_and_is_fetched_once(site: Site, client: Client) -> None:
    site["/api.yaml"] = web.Response(text=yaml.safe_dump(OPENAPI), content_type="text/yaml")
    calls = OpenApiCalls(client)
    given = {"document": {"endpoint": {"uri": f"{site.url}/api.yaml"}}, "operationId": "list"}

    await answered(calls, "openapi", given)
    await answered(calls, "openapi", given)

    assert [asked.path for asked in site.asked] == ["/api.yaml", "/v3/items", "/v3/items"]


async def test_a_server_of_the_document_is_checked_like_any_address(site: Site, client: Client) -> None:
    document = {**OPENAPI, "servers": [{"url": "http://169.254.169.254/latest"}]}

    word, _, detail = await problem(client, site, document, "list")

    assert (word, "link-local" in detail) == ("authorization", True)


@pytest.mark.parametrize(
    ("document", "asked", "said"),
    [
        (SWAGGER, ("unknown", {}), "there are findPetsByStatus"),
        (SWAGGER, ("findPetsByStatus", {}), "status of the operation is missing"),
        (SWAGGER, ("findPetsByStatus", {"status": [], "colour": 1}), "no parameter colour"),
        (SWAGGER, ("getPetById", {"petId": ".."}), "another path"),
        (OPENAPI, ("create", {}), "body of the operation is missing"),
        ({"openapi": "4.0", "paths": {}}, ("x", {}), "not supported"),
        ({"info": 1}, ("x", {}), "no paths"),
        ({"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}}, ("x", {}), "round and round"),
        ({"openapi": "3.1.0", "paths": {"/a": {"$ref": "http://x/y"}}}, ("x", {}), "other documents"),
        ({**OPENAPI, "servers": [{"url": "ftp://x/{y}"}]}, ("list", {}), "without a default"),
        ({**OPENAPI, "servers": [{"url": "ftp://x/"}]}, ("list", {}), "begins with http"),
        ([1], ("x", {}), "no OpenAPI document"),
    ],
)
async def test_what_is_wrong_with_an_operation_is_said(
    site: Site, client: Client, document: Any, asked: tuple[str, dict[str, Any]], said: str
) -> None:
    word, status, detail = await problem(client, site, document, asked[0], parameters=asked[1])

    assert (word, status) == ("configuration", 400)
    assert said in detail


async def test_a_document_that_cannot_be_had_is_a_problem(site: Site, client: Client) -> None:
    site["/gone"] = web.Response(status=404)
    site["/large"] = web.Response(body=b"x" * (5 << 20))
    site["/binary"] = web.Response(body=b"\x00: [")
    calls = OpenApiCalls(client)

    found = [
        (
            await faulted(
                calls, "openapi", {"document": {"endpoint": f"{site.url}{path}"}, "operationId": "x"}
            )
        )[:2]
        for path in ("/gone", "/large", "/binary")
    ]

    assert found == [("communication", 404), ("communication", 502), ("configuration", 400)]
