"""One operation of an OpenAPI document: where it is, and where each of its parameters goes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from yarl import URL

from node.calls.client import address
from node.calls.failed import misconfigured
from node.calls.http import FORM, JSON, plain

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
REFERENCES_MOST = 16
"""How many references lead from one to the next."""
OPERATIONS_MOST = 10_000
NAMES_SHOWN = 10
BODY = "body"
"""The parameter that is the whole body, where a document has no name for it."""
SEPARATORS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|", "spaceDelimited": " ", "pipeDelimited": "|"}

_VARIABLE = re.compile(r"\{([^{}]+)\}")


@dataclass
class Parts:
    """The parts of a request, as far as parameters have been put in."""

    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    body: Any = None
    form: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """An operation, and the document that it stands in."""

    document: Mapping[str, Any]
    url: URL
    """Where the document was found: other addresses may be relative to it."""
    path: str
    method: str
    item: Mapping[str, Any]
    """What the document says of the path."""
    body: Mapping[str, Any]
    """What it says of the operation."""

    @property
    def is_swagger(self) -> bool:
        """Whether the document is of version 2."""
        return "swagger" in self.document

    def server(self) -> URL:
        """Return the address that paths are relative to; raises Failed."""
        if self.is_swagger:
            return self._swagger_server()
        servers = self.body.get("servers") or self.item.get("servers") or self.document.get("servers") or [{}]
        first = servers[0] if isinstance(servers, list) and isinstance(servers[0], Mapping) else {}
        known = first.get("variables", {})
        text = _VARIABLE.sub(lambda found: _default(known, found[1]), str(first.get("url", "/")))
        return self._resolved(text)

    def _swagger_server(self) -> URL:
        schemes = self.body.get("schemes") or self.document.get("schemes") or [self.url.scheme]
        best = next((one for one in (self.url.scheme, "https", "http") if one in schemes), "https")
        host = self.document.get("host") or self.url.raw_authority.rpartition("@")[2]
        return self._resolved(f"{best}://{host}{self.document.get('basePath', '')}")

    def _resolved(self, text: str) -> URL:
        try:
            return address(str(self.url.join(URL(text)).with_query(None)))
        except ValueError as error:
            raise misconfigured("the document names a server that is no address") from error

    def fill(self, given: Mapping[str, Any]) -> Parts:
        """Put parameters where the document wants them; raises Failed for missing and for unknown ones."""
        parts, left = Parts(self.path), dict(given)
        for parameter in self._parameters():
            name = str(parameter.get("name", ""))
            if left.get(name) is not None:
                self._put(parts, parameter, left.pop(name))
            elif parameter.get("required"):
                raise misconfigured(f"the parameter {name} of the operation is missing")
        left = {name: value for name, value in left.items() if value is not None}
        self._put_rest(parts, left)
        if missing := _VARIABLE.search(parts.path):
            raise misconfigured(f"the parameter {missing[1][:40]} of the path is missing")
        return parts

    def kinds(self) -> list[str]:
        """Return the content types of which the body may be."""
        if self.is_swagger:
            return list(self.body.get("consumes") or self.document.get("consumes") or [JSON])
        return list(self._request_body().get("content", {JSON: {}}))

    def parameter_names(self) -> list[str]:
        """Return the names of all parameters."""
        return [str(one.get("name", "")) for one in self._parameters()]

    def _parameters(self) -> list[Mapping[str, Any]]:
        """Return the parameters; those of the operation before those of its path."""
        said = [*_list(self.body.get("parameters")), *_list(self.item.get("parameters"))]
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for one in said:
            parameter = resolved(self.document, one)
            found.setdefault((str(parameter.get("name")), str(parameter.get("in"))), parameter)
        return list(found.values())

    def _request_body(self) -> Mapping[str, Any]:
        return resolved(self.document, self.body.get("requestBody") or {})

    def _put(self, parts: Parts, parameter: Mapping[str, Any], value: Any) -> None:
        name = str(parameter["name"])
        match parameter.get("in"):
            case "path":
                text = ",".join(_texts(value))
                if text in ("", ".", ".."):
                    raise misconfigured(f"the parameter {name} would make another path of it")
                parts.path = parts.path.replace("{" + name + "}", quote(text, safe=","))
            case "query":
                parts.query += _pairs(parameter, name, value)
            case "header":
                parts.headers[name] = ",".join(_texts(value))
            case "cookie":
                parts.cookies.append(f"{name}={quote(','.join(_texts(value)), safe='')}")
            case "body":
                parts.body = value
            case "formData":
                parts.form[name] = value
            case other:
                raise misconfigured(f"the parameter {name} is in {other!r}, which is not supported")

    def _put_rest(self, parts: Parts, left: dict[str, Any]) -> None:
        """Make the body of what is no parameter, where the operation has one."""
        wanted = self._request_body()
        if left and wanted and not self.is_swagger:
            parts.body = left[BODY] if left.keys() == {BODY} else left
        elif left:
            names = ", ".join(self.parameter_names()[:NAMES_SHOWN]) or "none"
            raise misconfigured(f"the operation has no parameter {next(iter(left))}; there are {names}")
        elif wanted.get("required"):
            raise misconfigured(
                "the body of the operation is missing: give its members as parameters, or body"
            )


def find(document: Any, url: URL, id: str) -> Operation:
    """Return the operation of a document; raises Failed."""
    if not isinstance(document, Mapping) or not isinstance(document.get("paths"), Mapping):
        raise misconfigured("the document is no OpenAPI document: it has no paths")
    version = str(document.get("swagger", document.get("openapi", "")))
    if not version.startswith(("2.", "3.")):
        raise misconfigured(f"OpenAPI of version {version[:10]!r} is not supported; there are 2.0 and 3.x")
    known = []
    for operation in _operations(document, url):
        if operation.body.get("operationId") == id:
            return operation
        known.append(str(operation.body.get("operationId", "")))
    raise misconfigured(f"the document has no operation {id!r}; there are {', '.join(known[:NAMES_SHOWN])}")


def resolved(document: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    """Follow references within the document; raises Failed."""
    for _ in range(REFERENCES_MOST):
        if not isinstance(value, Mapping):
            raise misconfigured("the document is malformed: an object was expected")
        reference = value.get("$ref")
        if reference is None:
            return value
        value = _pointed(document, str(reference))
    raise misconfigured("references of the document lead round and round")


def body_kind(kinds: Iterable[str], parts: Parts) -> str:
    """Return of which content type the body will be; raises Failed where we can write none of them."""
    known = [kind.partition(";")[0].strip().lower() for kind in kinds]
    if parts.form:
        if FORM in known or not any(kind.startswith("multipart/") for kind in known):
            return FORM
        raise misconfigured("multipart bodies are not supported")
    for kind in known:
        if kind.endswith(("/json", "+json")):
            return kind
    if FORM in known and isinstance(parts.body, Mapping):
        return FORM
    if isinstance(parts.body, str) and known:
        return known[0]
    if "*/*" in known or not known:
        return JSON
    raise misconfigured(f"a body of {', '.join(known[:3])} cannot be made of parameters")


def _pointed(document: Mapping[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        raise misconfigured("references to other documents are not supported")
    found: Any = document
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            raise misconfigured("a reference of the document leads nowhere")
        found = found[name]
    return found


def _operations(document: Mapping[str, Any], url: URL) -> Iterator[Operation]:
    count = 0
    for path, said in document["paths"].items():
        item = resolved(document, said)
        for method in METHODS:
            count += 1
            if count > OPERATIONS_MOST:
                return
            if isinstance(item.get(method), Mapping):
                yield Operation(document, url, str(path), method, item, item[method])


def _pairs(parameter: Mapping[str, Any], name: str, value: Any) -> list[tuple[str, str]]:
    """Write a parameter of the query in the style that the document says."""
    style = parameter.get("collectionFormat") or parameter.get("style") or ""
    is_exploded = (
        parameter.get("explode", style in ("", "form")) if "schema" in parameter else style == "multi"
    )
    if isinstance(value, Mapping):
        if style == "deepObject":
            return [(f"{name}[{key}]", plain(one)) for key, one in value.items()]
        if is_exploded:
            return [(str(key), plain(one)) for key, one in value.items()]
    elif isinstance(value, list) and is_exploded:
        return [(name, plain(one)) for one in value]
    return [(name, SEPARATORS.get(str(style), ",").join(_texts(value)))]


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return [text for key, one in value.items() for text in (str(key), plain(one))]
    return [plain(value)]


def _default(known: Any, name: str) -> str:
    said = known.get(name) if isinstance(known, Mapping) else None
    if not isinstance(said, Mapping) or "default" not in said:
        raise misconfigured(f"the address of the server has a variable {name[:40]} without a default")
    return str(said["default"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
