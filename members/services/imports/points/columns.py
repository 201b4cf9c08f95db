"""The columns of a file of points, and their other names."""

from __future__ import annotations

from members.services.imports.columns import CARD, CHANNEL, MEMBER_KEY, Fields

REQUIRED = ("member_key", "points")
USED = ("channel", "expires_on", "granted_at", "reason", "row_id")
ALIASES: dict[str, tuple[str, ...]] = {
    "member_key": (*MEMBER_KEY, *CARD),
    "points": (
        "积分", "积分余额", "剩余积分", "可用积分", "積分", "積分餘額", "剩餘積分", "可用積分", "balance",
        "points balance", "available points",
    ),
    "channel": CHANNEL,
    "expires_on": (
        "到期日", "到期日期", "有效期至", "失效日期", "过期日期", "過期日期", "有效期限", "expires", "expiry",
        "expiry date", "expiration date", "valid until",
    ),
    "granted_at": ("获得时间", "发放时间", "獲得時間", "發放時間", "granted", "earned at", "issued at"),
    "reason": ("原因", "备注", "備註", "note", "remark", "comment"),
    "row_id": ("流水号", "流水號", "编号", "編號", "id", "row", "transaction id", "reference"),
}  # fmt: skip

FIELDS = Fields.of(REQUIRED, USED, ALIASES)
