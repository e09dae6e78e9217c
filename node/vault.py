"""The key file of a data directory, which opens secrets, and what stands for them until they are used."""

from __future__ import annotations

import re
import secrets
import stat
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path

import msgspec

from bus import sealing
from bus.config import write_private

FILE = "secrets.json"
KEYS_MAX = 10
"""How many keys are kept while what older ones have sealed is sealed anew."""
VALUE_CHARACTERS_MIN = 4
"""A shorter text would be found in every word, and hidden there."""
VALUE_CHARACTERS_MAX = 10_000
_MARK_BYTES = 16
_SECRET_BYTES = 32

STANDING = re.compile(r"covey-secret\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{32})", re.IGNORECASE | re.ASCII)
"""What stands for a secret: its name, and a mark that nobody else can make."""


class Locked(Exception):
    """A secret cannot be had here; the text says why and what to do."""


class Sealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is inside of a box: a box of one environment is of no use in another one, nor by another name."""

    environment: str
    name: str
    value: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The file: private keys in hex, the present one first, and what marks are made with."""

    keys: tuple[str, ...]
    marks: str


class Vault:
    """Opens the secrets of one node, where its key file is; it is read when it is first needed."""

    def __init__(self, data: Path) -> None:
        self._path = data / "keys" / FILE
        self._read: tuple[int, int] = (0, 0)
        self._keys: Keys | None = None

    def create(self) -> None:
        """Make the keys, the first time."""
        if not self._path.exists():
            self._write(Keys(keys=(sealing.create_key().hex(),), marks=secrets.token_hex(_SECRET_BYTES)))

    def public(self) -> bytes:
        """Return the public key that secrets are sealed for; raises Locked."""
        return sealing.public_of(self._privates()[0])

    def rotate(self) -> bytes:
        """Make a new key beside the old ones, and return its public one; raises Locked."""
        keys = self._load()
        kept = (sealing.create_key().hex(), *keys.keys)[:KEYS_MAX]
        self._write(msgspec.structs.replace(keys, keys=kept))
        return self.public()

    def forget(self) -> None:
        """Keep the present key alone: what others have sealed is not opened any more."""
        keys = self._load()
        self._write(msgspec.structs.replace(keys, keys=keys.keys[:1]))

    def open(self, environment: str, name: str, sealed: str) -> str:
        """Return the value of a secret; raises Locked."""
        try:
            inside = msgspec.json.decode(sealing.unseal(self._privates(), sealed), type=Sealed)
        except sealing.Unopened as error:
            raise Locked(f"the secret {name} cannot be opened: {error}; set it again") from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Locked(f"the secret {name} was sealed wrongly; set it by covey secret set") from None
        if (inside.environment, inside.name) != (environment, name):
            raise Locked(f"the secret {name} was sealed for another environment or name; set it again")
        if not VALUE_CHARACTERS_MIN <= len(inside.value) <= VALUE_CHARACTERS_MAX:
            raise Locked(f"the secret {name} {bounds()}; set it again")
        return inside.value

    def standing(self, run: str, environment: str, name: str) -> str:
        """Return what stands for a secret in the expressions of one run; raises Locked."""
        return f"covey-secret.{name}.{self._mark(run, environment, name)}"

    def is_own(self, found: re.Match[str], run: str, environment: str) -> bool:
        """Say whether what stands for a secret was given to this run; raises Locked."""
        return compare_digest(found[0], self.standing(run, environment, found[1]))

    def _mark(self, run: str, environment: str, name: str) -> str:
        said = "\n".join((run, environment, name)).encode()
        key = bytes.fromhex(self._load().marks)
        return blake2b(said, key=key, digest_size=_MARK_BYTES).hexdigest()

    def _privates(self) -> list[bytes]:
        return [bytes.fromhex(key) for key in self._load().keys]

    def _load(self) -> Keys:
        """Return the keys as the file has them now: another process may have made new ones."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            raise Locked(
                f"secrets need the key of the node, {self._path.name} in keys/; bring it here"
            ) from None
        now = (status.st_mtime_ns, status.st_ino)
        if self._keys is None or now != self._read:
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise Locked(f"{self._path} may be read by others: chmod 600 it")
            self._keys = msgspec.json.decode(self._path.read_bytes(), type=Keys)
            self._read = now
        return self._keys

    def _write(self, keys: Keys) -> None:
        write_private(self._path, msgspec.json.encode(keys).decode())
        self._keys = None


def bounds() -> str:
    """Return how long a secret is."""
    return f"has {VALUE_CHARACTERS_MIN} to {VALUE_CHARACTERS_MAX} characters"


def seal(public: bytes, environment: str, name: str, value: str) -> str:
    """Return a secret as it may travel and rest; raises ValueError."""
    if not VALUE_CHARACTERS_MIN <= len(value) <= VALUE_CHARACTERS_MAX:
        raise ValueError(f"a secret {bounds()}")
    inside = Sealed(environment=environment, name=name, value=value)
    return sealing.seal(public, msgspec.json.encode(inside))
