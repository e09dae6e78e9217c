"""The two sites that the scenarios call, served on loopback under their own names."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from node.calls.caller import Make
from node.calls.client import Client, Request, Response
from node.calls.egress import Egress
from node.calls.egress import parse as allowance
from node.calls.http import HttpCalls
from node.calls.openapi import OpenApiCalls

PETS = {number: {"id": number, "name": f"pet {number}", "status": "available"} for number in (1, 2, 3)}


def _path(id: str, **parameter: str) -> dict[str, Any]:
    given = {"required": True, "type": "string", **parameter}
    return {"get": {"operationId": id, "parameters": [given], "responses": {"200": {"description": "ok"}}}}


SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "Petstore", "version": "1.0.0"},
    "host": "petstore.swagger.io",
    "basePath": "/v2",
    "schemes": ["https"],
    "paths": {
        "/pet/findByStatus": _path("findPetsByStatus", name="status", **{"in": "query"}),
        "/pet/{petId}": _path("getPetById", name="petId", **{"in": "path"}),
    },
}


def petstore() -> web.Application:
    """Serve pets, as far as they are asked for."""

    async def pet(request: web.Request) -> web.Response:
        found = PETS.get(int(request.match_info["id"])) if request.match_info["id"].isdigit() else None
        return web.json_response(found or {"message": "Pet not found"}, status=200 if found else 404)

    async def by_status(request: web.Request) -> web.Response:
        wanted = request.query.getall("status")
        return web.json_response([pet for pet in PETS.values() if pet["status"] in wanted])

    async def swagger(_: web.Request) -> web.Response:
        return web.json_response(SWAGGER)

    application = web.Application()
    application.router.add_get("/v2/pet/findByStatus", by_status)
    application.router.add_get("/v2/pet/{id}", pet)
    application.router.add_get("/v2/swagger.json", swagger)
    return application


def httpbin() -> web.Application:
    """Know users by the password in the path."""

    async def basic(request: web.Request) -> web.Response:
        user, password = request.match_info["user"], request.match_info["password"]
        wanted = "Basic " + b64encode(f"{user}:{password}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return web.Response(status=401)
        return web.json_response({"authenticated": True, "user": user})

    application = web.Application()
    application.router.add_get("/basic-auth/{user}/{password}", basic)
    return application


class Mapped(Client):
    """Sends what is for a site to where it is served; the definition and the answer know nothing of that."""

    def __init__(self, egress: Egress, ports: Mapping[str, int]) -> None:
        super().__init__(egress)
        self._ports = ports

    async def send(self, request: Request) -> Response:
        url = request.url
        there = url.with_scheme("http").with_host("127.0.0.1").with_port(self._ports[url.host or ""])
        response = await super().send(replace(request, url=there))
        return replace(response, request=replace(response.request, url=url))


@asynccontextmanager
async def served() -> AsyncIterator[Mapping[str, Make]]:
    """Serve both sites; yield who makes calls to them."""
    async with TestServer(petstore()) as pets, TestServer(httpbin()) as users:
        ports = {"petstore.swagger.io": pets.port or 0, "httpbin.org": users.port or 0}
        egress = Egress(tuple(allowance(f"127.0.0.1/32:{port}") for port in ports.values()))
        client = Mapped(egress, ports)
        try:
            yield {"http": HttpCalls(client), "openapi": OpenApiCalls(client)}
        finally:
            await client.close()
            egress.close()
