"""Sealed boxes: anybody closes one with a public key, and only who has the private key opens it (X25519)."""

from __future__ import annotations

import base64
from hashlib import blake2b

import nacl.exceptions
import nacl.public

PREFIX = "sealed:v1:"
ALGORITHM = "x25519-xsalsa20-poly1305-sealed-box"
"""What libsodium calls ``crypto_box_seal``."""
KEY_BYTES = nacl.public.PrivateKey.SIZE
_NAME_BYTES = 4


class Unopened(Exception):
    """A box cannot be opened: it is none, or it was closed for another key."""


def create_key() -> bytes:
    """Return a new private key."""
    return bytes(nacl.public.PrivateKey.generate())


def public_of(private: bytes) -> bytes:
    """Return the public key of a private one."""
    return bytes(nacl.public.PrivateKey(private).public_key)


def key_name(public: bytes) -> str:
    """Return the short name of a public key, which stands in all that is sealed for it."""
    return blake2b(public, digest_size=_NAME_BYTES).hexdigest()


def seal(public: bytes, content: bytes) -> str:
    """Return ``sealed:v1:<name of the key>:<box in base64url>``."""
    box = nacl.public.SealedBox(nacl.public.PublicKey(public)).encrypt(content)
    return f"{PREFIX}{key_name(public)}:{base64.urlsafe_b64encode(box).decode()}"


def unseal(privates: list[bytes], text: str) -> bytes:
    """Return what was sealed; raises Unopened when none of the keys opens it."""
    name, _, box = text.removeprefix(PREFIX).partition(":")
    for private in privates:
        if key_name(public_of(private)) == name:
            try:
                opened: bytes = nacl.public.SealedBox(nacl.public.PrivateKey(private)).decrypt(
                    base64.urlsafe_b64decode(box.encode())
                )
            except (ValueError, nacl.exceptions.CryptoError) as error:
                raise Unopened("the box was damaged") from error
            return opened
    raise Unopened(f"it was sealed for the key {name[:8] or 'of nobody'}, which is not here")
