"""The columns of a file of members, and their other names."""

from __future__ import annotations

from members.services.imports.columns import (
    CARD,
    CHANNEL,
    CONSENT_SOURCE,
    JOINED_AT,
    MEMBER_KEY,
    NAME,
    PHONE,
    Fields,
)

REQUIRED = ("member_key",)
USED = (
    "channel",
    "phone",
    "name",
    "joined_at",
    "consent_source",
    "tier",
    "tier_valid_until",
    "birthday",
    "email",
    "email_consent",
)
ALIASES: dict[str, tuple[str, ...]] = {
    "member_key": (*MEMBER_KEY, *CARD),
    "channel": CHANNEL,
    "phone": PHONE,
    "name": NAME,
    "joined_at": (*JOINED_AT, "开卡时间", "注册时间", "開卡時間", "註冊時間", "joined", "join date", "registered at"),
    "consent_source": CONSENT_SOURCE,
    "tier": ("会员等级", "等级", "會員等級", "等級", "level", "grade"),
    "tier_valid_until": (
        "等级有效期", "等级到期日", "等級有效期", "等級到期日", "tier expiry", "tier expires", "valid until",
    ),
    "email": ("邮箱", "电子邮箱", "邮件地址", "電子郵件", "電郵", "信箱", "mail", "e-mail", "email address"),
    "email_consent": ("同意邮件", "邮件订阅", "同意郵件", "郵件訂閱", "email opt in", "accepts email", "newsletter"),
    "birthday": ("生日", "出生日期", "birth date", "date of birth", "dob"),
}  # fmt: skip

FIELDS = Fields.of(REQUIRED, USED, ALIASES)
