"""Secrets: opened by their key, for their place, by nothing else; and hidden where they come back."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.definition.uses import read_by
from bus import sealing
from node.calls.disguises import Disguised
from node.vault import STANDING, Locked, Vault, seal

VALUES = st.text(min_size=4, max_size=200)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path)
    vault.create()
    return vault


@given(value=VALUES)
@settings(max_examples=60, deadline=None)
def test_what_is_sealed_is_opened_equal_and_by_no_other_key(
    value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, other = (Vault(tmp_path_factory.getbasetemp() / name) for name in ("one", "other"))
    one.create()
    other.create()
    try:
        value.encode()
    except UnicodeEncodeError:
        return

    sealed = seal(one.public(), "dev", "pw", value)

    assert value not in sealed or len(value) < 8
    assert one.open("dev", "pw", sealed) == value
    with pytest.raises(Locked, match="which is not here"):
        other.open("dev", "pw", sealed)


@pytest.mark.parametrize(("environment", "name"), [("prod", "pw"), ("dev", "other")])
def test_what_was_sealed_for_another_place_is_of_no_use(vault: Vault, environment: str, name: str) -> None:
    sealed = seal(vault.public(), "dev", "pw", "sesame")

    with pytest.raises(Locked, match="another environment or name"):
        vault.open(environment, name, sealed)


def test_a_damaged_box_and_one_of_something_else_are_not_opened(vault: Vault) -> None:
    sealed = seal(vault.public(), "dev", "pw", "sesame")
    changed = sealed[:-6] + ("A" if sealed[-6] != "A" else "B") + sealed[-5:]
    for text in (changed, sealing.seal(vault.public(), b"sesame"), "sealed:v1:", "nothing"):
        with pytest.raises(Locked):
            vault.open("dev", "pw", text)


def test_an_old_key_opens_until_it_is_forgotten(vault: Vault) -> None:
    sealed = seal(vault.public(), "dev", "pw", "sesame")

    vault.rotate()
    assert vault.open("dev", "pw", sealed) == "sesame"
    vault.forget()
    with pytest.raises(Locked):
        vault.open("dev", "pw", sealed)


def test_who_has_no_key_or_one_that_others_read_is_told_so(tmp_path: Path, vault: Vault) -> None:
    with pytest.raises(Locked, match="the key of the node"):
        Vault(tmp_path / "elsewhere").public()
    (tmp_path / "keys" / "secrets.json").chmod(0o644)
    with pytest.raises(Locked, match="chmod 600"):
        Vault(tmp_path).public()


def test_what_stands_for_a_secret_is_of_one_run_and_cannot_be_made_up(vault: Vault) -> None:
    said = vault.standing("r1", "dev", "pw")
    found = STANDING.fullmatch(said)
    assert found

    assert vault.is_own(found, "r1", "dev")
    assert not vault.is_own(found, "r2", "dev")
    assert not vault.is_own(found, "r1", "prod")
    for forged in (said.upper(), "covey-secret.pw." + "0" * 32, said.replace(".pw.", ".other.")):
        match = STANDING.fullmatch(forged)
        assert match
        assert not vault.is_own(match, "r1", "dev")


ESCAPES = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "html": html.escape,
    "quoted": quote,
    "wholly quoted": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "repr": lambda text: repr(text)[1:-1],
    "base64": lambda text: base64.b64encode(b"<" + text.encode() + b">").decode(),
    "url-safe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
}


@given(
    secret=st.text("abcXYZ019 \"'&<>/+%\\=é€\n", min_size=8, max_size=30),
    layers=st.lists(st.sampled_from(sorted(ESCAPES)), min_size=1, max_size=2),
    around=st.tuples(st.text("xyz:,. ", max_size=5), st.text("xyz:,. ", max_size=5)),
)
@settings(max_examples=200, deadline=None)
def test_a_secret_is_hidden_however_it_comes_back(
    secret: str, layers: list[str], around: tuple[str, str]
) -> None:
    text = secret
    for layer in layers:
        text = ESCAPES[layer](text)

    cleaned = Disguised((secret,), "***").cleaned(f"{around[0]}:{text}:{around[1]}")

    assert text not in cleaned


@given(text=st.text(max_size=300))
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    secret = "n0t-in-th€re-7"

    assert Disguised((secret,), "***").cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$secrets.a", {"a"}),
        ('"x \\($secrets.a) \\($secrets["b-c"])"', {"a", "b-c"}),
        ("$secrets . a + $secrets.b", {"a", "b"}),
        ("$secrets[.name]", None),
        ("$secrets | keys", None),
        ("$secretsX.a", set()),
        (".a", set()),
    ],
)
def test_what_an_expression_reads_is_seen_from_its_text(text: str, names: set[str] | None) -> None:
    assert read_by(text, "secrets") == names
