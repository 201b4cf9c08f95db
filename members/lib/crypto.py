"""Personal data at rest (domain.md 11, architecture.md 3): sealed values, a blind index, keyed tokens.

A sealed value is AES-256-GCM with the merchant's id as associated data, so that a value copied to another
merchant's row does not open. It begins with the id of its key: the first key of the ring seals, every key of the
ring opens, so a key is rotated by putting a new one in front (and sealing anew at leisure).

What is searched is never decrypted: a blind index finds a whole phone number or a channel's id of a person, tokens
find a phone's last four digits and the name. All are keyed by the merchant too, so equal people of two merchants have
nothing in common in the tables that merchants see; what joins them (`consumer_index`) is the platform's alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

FORMAT = b"\x01"
KEY_ID_SIZE, NONCE_SIZE, TAG_SIZE = 4, 12, 16
HEAD_SIZE = len(FORMAT) + KEY_ID_SIZE + NONCE_SIZE


class Unreadable(Exception):
    """A sealed value that does not open: changed, of another merchant, or of a key that is not in the ring."""


class Keyring:
    """The keys that seal (the first) and open (all)."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """`secrets` as in PII_KEYS, newest first. Raises ValueError when there is none."""
        if not any(secrets):
            raise ValueError("PII_KEYS names no key")
        pairs = [_key_of(secret) for secret in secrets if secret]
        self.newest = pairs[0][0]
        self._ciphers = {key_id: AESGCM(key) for key_id, key in pairs}

    def seal(self, merchant_id: int, text: str) -> bytes:
        """Encrypt a text for a merchant."""
        return self.seal_bytes(merchant_id, text.encode())

    def seal_bytes(self, merchant_id: int, content: bytes) -> bytes:
        """The same of any bytes, such as a file's."""
        nonce = os.urandom(NONCE_SIZE)
        body = self._ciphers[self.newest].encrypt(nonce, content, _bound_to(merchant_id))
        return FORMAT + self.newest + nonce + body

    def open(self, merchant_id: int, sealed: bytes) -> str:
        """Decrypt a merchant's sealed text. Raises Unreadable."""
        return self.open_bytes(merchant_id, sealed).decode()

    def open_bytes(self, merchant_id: int, sealed: bytes) -> bytes:
        """The same of any bytes."""
        sealed = bytes(sealed)
        key_id = sealed[len(FORMAT) : len(FORMAT) + KEY_ID_SIZE]
        cipher = self._ciphers.get(key_id)
        if sealed[: len(FORMAT)] != FORMAT or len(sealed) < HEAD_SIZE + TAG_SIZE or cipher is None:
            raise Unreadable("no key of the ring sealed this value")
        nonce = sealed[len(FORMAT) + KEY_ID_SIZE : HEAD_SIZE]
        try:
            return cipher.decrypt(nonce, sealed[HEAD_SIZE:], _bound_to(merchant_id))
        except InvalidTag:
            raise Unreadable("the value was changed, or belongs to another merchant") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed this value."""
        return bytes(sealed)[len(FORMAT) : len(FORMAT) + KEY_ID_SIZE] == self.newest


def _key_of(secret: str) -> tuple[bytes, bytes]:
    """(id, key) of a secret: both follow from it, so that a ring needs no numbering."""
    key = hmac.digest(b"liushui personal data", secret.encode(), hashlib.sha256)
    return hmac.digest(key, b"key id", hashlib.sha256)[:KEY_ID_SIZE], key


def _bound_to(merchant_id: int) -> bytes:
    return b"merchant:%d" % merchant_id


@lru_cache(maxsize=4)
def _ring(secrets: tuple[str, ...]) -> Keyring:
    return Keyring(secrets)


def keyring() -> Keyring:
    """The ring of the settings."""
    return _ring(tuple(settings.PII_KEYS))


def _digest(merchant_id: int, what: bytes, text: str) -> bytes:
    message = b"%s|%d|%s" % (what, merchant_id, text.encode())
    return hmac.digest(settings.PII_INDEX_KEY.encode(), message, hashlib.sha256)


def blind_index(merchant_id: int, e164: str) -> bytes:
    """What a whole phone number is found by: 16 bytes."""
    return _digest(merchant_id, b"phone", e164)[:16]


def email_index(merchant_id: int, address: str) -> bytes:
    """What a whole e-mail address in lower case is found by: 16 bytes."""
    return _digest(merchant_id, b"email", address)[:16]


def consumer_index(e164: str) -> bytes:
    """What the platform finds a person by across merchants: 16 bytes, of a key of their own (Consumer)."""
    key = hmac.digest(settings.PII_INDEX_KEY.encode(), b"liushui consumers", hashlib.sha256)
    return hmac.digest(key, e164.encode(), hashlib.sha256)[:16]


@lru_cache(maxsize=1 << 15)  # joining and posting of one chunk of an import ask for the same keys
def _identity_index(secret: str, merchant_id: int, channel: str, external_id: str) -> bytes:
    message = b"identity|%d|%s|%s" % (merchant_id, channel.encode(), external_id.encode())
    return hmac.digest(secret.encode(), message, "sha256")[:16]


def identity_index(merchant_id: int, channel: str, external_id: str) -> bytes:
    """What an identity is found by: 16 bytes of its merchant, channel and external id."""
    return _identity_index(settings.PII_INDEX_KEY, merchant_id, channel, external_id)


def identity_indexes(merchant_id: int, keys: Iterable[tuple[str, str]]) -> list[bytes]:
    """The same of many (channel, external id)."""
    secret = settings.PII_INDEX_KEY
    return [_identity_index(secret, merchant_id, channel, external_id) for channel, external_id in keys]


def keyed_hash(merchant_id: int, what: str, text: str) -> str:
    """What tells whether two texts are the same without keeping either, nor what could be guessed: 64 digits."""
    return _digest(merchant_id, what.encode(), text).hex()


def token(merchant_id: int, what: str, text: str) -> int:
    """What a part of a person's data is found by: a signed 64-bit number; `what` keeps kinds apart."""
    return int.from_bytes(_digest(merchant_id, what.encode(), text)[:8], "big", signed=True)


def tail_token(merchant_id: int, e164: str) -> int | None:
    """The token of a phone's last four digits."""
    return token(merchant_id, "tail", e164[-4:]) if len(e164) >= 4 else None


def plain_name(name: str) -> str:
    """A name as it is compared: one width, one case, no space at its ends."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def name_parts(name: str) -> tuple[str, str]:
    """(family or first word, the rest): "王小明" is 王 and 小明, "Ann Lee" is ann and lee. Either may be empty."""
    plain = plain_name(name)
    if " " in plain:
        first, _, rest = plain.partition(" ")
        return first, rest
    if plain and "\u2e80" <= plain[0] <= "\u9fff":
        return plain[0], plain[1:]
    return plain, ""


def name_tokens(merchant_id: int, name: str) -> tuple[int | None, int | None, int | None]:
    """Tokens of the whole name, its first part and the rest; None for what is empty."""
    first, rest = name_parts(name)
    return tuple(  # type: ignore[return-value]
        token(merchant_id, "name", part) if part else None for part in (plain_name(name), first, rest)
    )


class _Plain(str):
    """A value assigned in clear and not sealed yet."""


class _EncryptedAttribute(DeferredAttribute):
    """Reads as clear text, opened only when somebody reads it; holds bytes until then."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if value is None:
            return ""
        if isinstance(value, str):
            return str(value)
        return keyring().open(instance.merchant_id, value)

    def __set__(self, instance: Any, value: Any) -> None:
        if isinstance(value, str):
            value = _Plain(value) if value else None
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.BinaryField):
    """A text of a merchant's row, sealed in the database. "" is stored as null.

    Set it on an instance and save; `update()` and filters refuse a text, since they do not know the row's merchant:
    seal it first (`keyring().seal`) or search by an index or token.
    """

    descriptor_class = _EncryptedAttribute
    if TYPE_CHECKING:
        _pyi_private_set_type: str
        _pyi_private_get_type: str  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["null"] = kwargs["blank"] = True
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance: Any, add: bool) -> bytes | None:
        """The sealed value, with the instance's merchant bound to it."""
        value = model_instance.__dict__.get(self.attname)
        if isinstance(value, str):
            value = keyring().seal(model_instance.merchant_id, value)
            model_instance.__dict__[self.attname] = value
        return value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, str):
            raise TypeError(f"{self.name} is sealed: assign it on an instance, or seal it before")
        return super().get_db_prep_value(value, connection, prepared)

    def value_to_string(self, obj: Any) -> str:
        raise TypeError(f"{self.name} is sealed and is not serialised")
