"""The keys of a node: who it is to NATS, its signature, and the seal on what it writes itself."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path

import nacl.exceptions
import nacl.signing
import nkeys  # type: ignore[import-untyped]  # the library ships no types

from messages import subjects

SEED_BYTES = 32
SEAL_BYTES = 16
SEALED = (subjects.SENDER, subjects.EXPECT, subjects.CORRELATION, subjects.CAUSE)
"""The headers that a seal covers, beside the id, the subject and the body."""
BLANK = " \t\n\r\v\f"
"""What is cut off from both ends of a header on its way."""
_USER = nkeys.PREFIX_BYTE_USER
_PUBLIC_BYTES = 1 + 32 + 2  # prefix, key, checksum
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700


@dataclass(frozen=True)
class Key:
    """An Ed25519 key that is a NATS user nkey as well."""

    public: str
    """The user nkey, ``U…``: 56 characters."""
    seed_path: Path
    _signing: nacl.signing.SigningKey

    def sign(self, data: bytes) -> str:
        """Return the signature over exactly these bytes, base64url without padding."""
        return base64.urlsafe_b64encode(self._signing.sign(data).signature).rstrip(b"=").decode()


def create_seed(path: Path) -> Key:
    """Write a new seed that only its owner may read; raises FileExistsError rather than replace one."""
    path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    seed = nkeys.encode_seed(os.urandom(SEED_BYTES), _USER)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seed + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return load(path)


def load(path: Path) -> Key:
    """Read a key; raises OSError or ValueError when the file holds none."""
    try:
        prefix, seed = nkeys.decode_seed(path.read_bytes().strip())
    except (nkeys.NkeysError, IndexError) as error:
        raise ValueError(f"{path} does not hold an nkey seed") from error
    if prefix != _USER:
        raise ValueError(f"{path} holds a seed that is not a user's (SU…)")
    signing = nacl.signing.SigningKey(bytes(seed))
    return Key(_encode_public(bytes(signing.verify_key)), path, signing)


def load_or_create(path: Path) -> Key:
    """Read a key, or make it when there is no such file."""
    return load(path) if path.exists() else create_seed(path)


def is_public(text: str) -> bool:
    """Say whether the text is a user nkey with a right checksum."""
    return _decode_public(text) is not None


def verify(public: str, data: bytes, signature: str) -> bool:
    """Say whether the owner of the nkey signed exactly these bytes; never raises."""
    key = _decode_public(public)
    if key is None:
        return False
    try:
        raw = base64.b64decode(signature + "=" * (-len(signature) % 4), altchars=b"-_", validate=True)
        nacl.signing.VerifyKey(key).verify(data, raw)
    except (ValueError, TypeError, nacl.exceptions.CryptoError):
        return False
    return True


def seal(secret: bytes, id: str, subject: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return what only a holder of the secret (at most 64 bytes) can say of what is believed of a message."""
    told = [id, subject, *[headers[name].strip(BLANK) if name in headers else None for name in SEALED]]
    # the lengths keep ("ab", "c") and ("a", "bc") apart
    text = "".join(["-" if part is None else f"{len(part)}:{part}" for part in told])
    return blake2b(text.encode() + body, key=secret, digest_size=SEAL_BYTES).hexdigest()


def is_sealed(secret: bytes, id: str, subject: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Say whether a message bears its seal, in a time that tells nothing of the right one."""
    claim = headers.get(subjects.SEAL, "")
    return compare_digest(seal(secret, id, subject, headers, body).encode(), claim.encode())


def _encode_public(key: bytes) -> str:
    raw = bytes([_USER]) + key
    checksum: int = nkeys.crc16(bytearray(raw))
    return base64.b32encode(raw + checksum.to_bytes(2, "little")).rstrip(b"=").decode()


def _decode_public(public: str) -> bytes | None:
    try:
        raw = base64.b32decode(public + "=" * (-len(public) % 8))
    except (ValueError, TypeError):
        return None
    if len(raw) != _PUBLIC_BYTES or raw[0] != _USER or _encode_public(raw[1:33]) != public:
        return None
    return raw[1:33]
