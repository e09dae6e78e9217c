from __future__ import annotations

from pathlib import Path

import pytest

from bus import keys
from messages import subjects


def test_a_seed_is_private_and_never_replaced(tmp_path: Path) -> None:
    key = keys.create_seed(tmp_path / "keys" / "node.nk")

    assert key.public.startswith("U")
    assert (tmp_path / "keys" / "node.nk").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        keys.create_seed(tmp_path / "keys" / "node.nk")


def test_a_key_read_again_is_the_same(tmp_path: Path) -> None:
    key = keys.create_seed(tmp_path / "node.nk")

    assert keys.load(tmp_path / "node.nk").public == key.public
    assert keys.load_or_create(tmp_path / "node.nk").public == key.public


def test_a_file_without_a_seed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("SUnonsense")

    with pytest.raises(ValueError, match="does not hold"):
        keys.load(tmp_path / "bad")


def test_a_signature_holds_for_the_exact_bytes_and_the_owner_alone(tmp_path: Path) -> None:
    key, other = (keys.create_seed(tmp_path / name) for name in ("a", "b"))

    signature = key.sign(b"hello")

    assert "=" not in signature
    assert keys.verify(key.public, b"hello", signature)
    assert not keys.verify(key.public, b"hello ", signature)
    assert not keys.verify(other.public, b"hello", signature)


@pytest.mark.parametrize("signature", ["", "x", "é", "A" * 86, "+/" * 43, "A" * 5000])
def test_nonsense_never_raises(tmp_path: Path, signature: str) -> None:
    key = keys.create_seed(tmp_path / "a")

    assert not keys.verify(key.public, b"hello", signature)
    assert not keys.verify(signature, b"hello", key.sign(b"hello"))


def test_a_seal_binds_its_parts_and_their_borders() -> None:
    headers = {subjects.CORRELATION: "de", subjects.CAUSE: "f", "other": "x"}
    seal = keys.seal(b"secret", "ab", "c", headers, b"{}")
    sealed = headers | {subjects.SEAL: seal}

    assert keys.is_sealed(b"secret", "ab", "c", sealed | {"other": "y"}, b"{}")
    assert not keys.is_sealed(b"secret", "a", "bc", sealed, b"{}")
    assert not keys.is_sealed(
        b"secret", "ab", "c", sealed | {subjects.CORRELATION: "d", subjects.CAUSE: "ef"}, b"{}"
    )
    assert not keys.is_sealed(b"secret", "ab", "c", sealed, b"[]")
    assert not keys.is_sealed(b"other", "ab", "c", sealed, b"{}")
    assert not keys.is_sealed(b"secret", "ab", "c", sealed | {subjects.SEAL: "é"}, b"{}")
    assert not keys.is_sealed(b"secret", "ab", "c", headers, b"{}")
