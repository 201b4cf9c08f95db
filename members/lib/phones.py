"""Phone numbers: one spelling (E.164) for what people type, and what is no number at all."""

from __future__ import annotations

import re
import unicodedata

import phonenumbers

from members.lib.refusals import Invalid
from members.lib.words import sentence as _

REGIONS = {
    "CNY": "CN", "HKD": "HK", "TWD": "TW", "MOP": "MO", "SGD": "SG", "USD": "US", "GBP": "GB", "JPY": "JP",
    "KRW": "KR", "AUD": "AU", "MYR": "MY", "THB": "TH", "CAD": "CA", "EUR": "DE",
}  # fmt: skip
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}")


def region_of(currency: str) -> str:
    """Where a number without a country code is from, by the shop's currency; CN where nothing is known."""
    return REGIONS.get(currency, "CN")


def e164(raw: str, region: str = "CN") -> str:
    """ "138 0013 8000" -> "+8613800138000". Raises Invalid for what cannot be a number, a masked one too."""
    text = unicodedata.normalize("NFKC", raw).strip()
    plain = text.replace(" ", "").replace("-", "")
    if region == "CN" and _CHINESE_MOBILE.fullmatch(plain):
        return f"+86{plain}"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or "*" in text or not phonenumbers.is_possible_number(number):
        problem = _("“%(phone)s” is not a phone number. Write all of its digits.", phone=raw)
        raise Invalid(problem, errors={"phone": problem})
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def e164_or_none(raw: str, region: str = "CN") -> str:
    """The same for files: "" for what is no number."""
    if not raw:
        return ""
    try:
        return e164(raw, region)
    except Invalid:
        return ""


def national(number: str, region: str = "CN") -> str:
    """How people of the region write an E.164 number: "+8613800138000" -> "13800138000"."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number
    if phonenumbers.region_code_for_country_code(parsed.country_code or 0) != region:
        return number
    return phonenumbers.national_significant_number(parsed)
