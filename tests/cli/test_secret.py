"""``covey secret``, ``variable``, ``connection``, ``environment``: what runs are given, and no verb shows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.running import Covey, up
from tests.environments import leaks

VALUE = "sesame-0pen-planted"


@pytest.fixture(scope="module")
def covey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Covey]:
    data = tmp_path_factory.mktemp("secret") / "lab"
    with up(data, "lab", "--http", "0"):
        yield Covey(data)


def test_a_secret_is_sealed_listed_by_name_and_removed(covey: Covey) -> None:
    assert covey.run("secret", "set", "shop", given=f"{VALUE}\n").returncode == 0

    listed = covey.run("secret", "list", "--json")
    assert json.loads(listed.stdout) == {"items": [{"name": "shop", "is_set": True}]}
    shown = [covey.run("environment", what, "main", "--json").stdout for what in ("get", "history")]
    assert all('"shop"' in one and VALUE not in one for one in shown)
    assert leaks(covey.data, VALUE) == []
    assert covey.run("secret", "remove", "shop").returncode == 0
    assert "nothing to change" in covey.run("secret", "remove", "shop").stdout


def test_the_keys_are_made_anew_and_all_secrets_sealed_for_them(covey: Covey) -> None:
    before = json.loads(covey.run("secret", "key", "--json").stdout)
    covey.run("secret", "set", "rotated", given=VALUE)
    covey.run("secret", "set", "declared", "--unset")
    sealed = json.loads(covey.run("environment", "history", "main", "--json").stdout)

    rotated = covey.run("secret", "rotate", "--json")

    after = json.loads(covey.run("secret", "key", "--json").stdout)
    assert before["key"] != after["key"] == json.loads(rotated.stdout)["key"]
    assert json.loads(rotated.stdout)["secrets"] == 1
    assert f"sealed:v1:{before['key']}" in json.dumps(sealed)
    (file,) = covey.data.glob("keys/secrets.json")
    assert len(json.loads(file.read_text())["keys"]) == 1
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "text"), [("shop", ""), ("shop", "abc"), ("shop", "whsec_!"), ("shop", "a" * 10_001)]
)
def test_what_cannot_be_a_secret_is_a_mistake(covey: Covey, name: str, text: str) -> None:
    assert covey.run("secret", "set", name, given=text).returncode == 2


def test_variables_and_connections_are_kept_by_environment(covey: Covey) -> None:
    assert covey.run("environment", "create", "dev", "--label", "Development").returncode == 0
    assert covey.run("variable", "set", "region", "eu", "-e", "dev").returncode == 0
    assert covey.run("variable", "set", "limit", "null", "-e", "dev").returncode == 0
    covey.run("secret", "set", "pw", "-e", "dev", given=VALUE)
    url = "postgresql://ann:{pw}@10.1.0.5/shop"
    assert covey.run("connection", "set", "shop", url, "-e", "dev").returncode == 0
    assert covey.run("environment", "create", "test", "--from", "dev", "--follows", "dev").returncode == 0

    found = json.loads(covey.run("variable", "list", "-e", "dev", "--json").stdout)["items"]
    assert found == [{"name": "limit", "value": None}, {"name": "region", "value": "eu"}]
    found = json.loads(covey.run("connection", "list", "-e", "dev", "--json").stdout)["items"]
    assert found == [{"name": "shop", "kind": "database", "url": url}]
    clear = covey.run("connection", "set", "bad", "postgresql://ann:pw@10.1.0.5/shop", "-e", "dev")
    assert (clear.returncode, "make it a secret" in clear.stderr) == (1, True)


def test_an_environment_goes_with_its_workflows_when_that_is_confirmed(covey: Covey) -> None:
    covey.run("environment", "create", "gone")
    saved = covey.run("workflow", "save", "w-gone", "--name", "Gone", "--set", "environment=gone")
    assert saved.returncode == 0, saved.stderr

    told = covey.run("environment", "delete", "gone")
    assert (told.returncode, "w-gone" in told.stdout) == (1, True)
    assert covey.run("environment", "delete", "gone", "--confirm", "gone").returncode == 0
    with_wait = covey.run("environment", "delete", "main", "--confirm", "main")
    assert "main_stays" in with_wait.stderr


def test_a_node_says_where_it_listens(covey: Covey) -> None:
    url = json.loads((covey.data / "endpoint.json").read_text())["http_url"]

    assert url.startswith("http://127.0.0.1:")
