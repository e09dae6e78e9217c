"""``covey secret``: kept in the data directory, shown by no verb."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import Covey, up


def test_a_secret_is_kept_listed_by_name_and_removed(tmp_path: Path) -> None:
    covey = Covey(tmp_path)

    assert covey.run("secret", "set", "shop", given="sesame\n").returncode == 0
    assert json.loads((tmp_path / "secrets.json").read_text()) == {"shop": "sesame"}
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600

    listed = covey.run("secret", "list", "--json")
    assert "shop" in listed.stdout
    assert "sesame" not in listed.stdout
    assert covey.run("secret", "remove", "shop").returncode == 0
    assert covey.run("secret", "remove", "shop").returncode == 1


def test_what_cannot_be_a_secret_is_a_mistake(tmp_path: Path) -> None:
    covey = Covey(tmp_path)

    for name, text in (("a b", "x"), ("shop", ""), ("shop", "whsec_!"), ("shop", "a" * 10_001)):
        assert covey.run("secret", "set", name, given=text).returncode == 2
    assert not (tmp_path / "secrets.json").exists()
    assert Covey(tmp_path / "nowhere").run("secret", "list").returncode == 2


def test_a_node_says_where_it_listens(tmp_path: Path) -> None:
    with up(tmp_path / "lab", "lab", "--http", "0") as node:
        url = json.loads((tmp_path / "lab" / "endpoint.json").read_text())["http_url"]

        assert url.startswith("http://127.0.0.1:")
        assert f" and {url} (data" in node.ready
