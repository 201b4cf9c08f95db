"""How people are shown to whom does not need to know them whole: 138****1402, 王*."""

from __future__ import annotations

import re
from typing import Any

NOTHING = "--"
PHONE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")


def masked_phone(value: Any) -> str:
    """138****1402; anything short is masked whole."""
    digits = "".join(c for c in str(value or "") if c.isdigit())
    if not digits:
        return NOTHING
    if len(digits) < 8:
        return "*" * len(digits)
    return f"{digits[-11:][:3]}****{digits[-4:]}"


def masked_id(value: Any) -> str:
    """A channel's id of a person; one that is a phone number or an e-mail address is masked like them."""
    text = str(value or "").strip()
    if PHONE.fullmatch(text):
        return masked_phone(text)
    name, at, host = text.partition("@")
    return f"{name[:1]}***@{host}" if at and name else text or NOTHING


def masked_name(value: Any) -> str:
    """王*: the first character and one star, whatever the length."""
    text = str(value or "").strip()
    return f"{text[0]}*" if text else NOTHING
