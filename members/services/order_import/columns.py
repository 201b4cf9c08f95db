"""Which column of a file is which field: by its name in three scripts, by what was saved, or as told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.models import ImportKind

REQUIRED = ("order_id", "ordered_at", "member_key", "sku", "quantity", "amount")
# Stored, or what the import acts on.
USED = ("status", "paid_at", "completed_at", "store", "channel", "refund_id", "refund_amount", "joined_at",
        "consent_source", "phone", "name", "scene")  # fmt: skip
# Known by name, so that nobody wonders; nothing is derived from them yet.
KNOWN_ONLY = ("freight", "platform_subsidy", "list_price", "discount")
FIELDS = (*REQUIRED, *USED, *KNOWN_ONLY)

# Other names of fields, the better name first.
ALIASES: dict[str, tuple[str, ...]] = {
    "order_id": (
        "订单编号", "订单号", "主订单编号", "訂單編號", "訂單號", "order no", "order number", "order", "basket_id",
    ),
    "ordered_at": (
        "下单时间", "订单创建时间", "创建时间", "订单时间", "下單時間", "訂單時間", "建立時間", "order time",
        "order date", "created at", "date",
    ),
    "member_key": (
        "买家ID", "会员号", "会员编号", "会员卡号", "买家会员名", "买家昵称", "用户ID", "买家", "買家ID", "會員編號",
        "會員卡號", "買家", "member", "member id", "customer id", "customer", "buyer", "buyer id",
    ),
    "sku": (
        "SKU编码", "商家编码", "商品编码", "商品ID", "货号", "SKU編碼", "商品編碼", "貨號", "sku id", "product id",
        "item",
    ),
    "quantity": ("数量", "购买数量", "商品数量", "數量", "購買數量", "qty", "count"),
    "amount": (
        "实付金额", "实收金额", "商品实付", "买家实际支付金额", "金额", "實付金額", "實收金額", "金額", "line amount",
        "paid amount", "sales value", "total",
    ),
    "status": ("订单状态", "交易状态", "状态", "訂單狀態", "狀態", "order status", "state"),
    "paid_at": ("付款时间", "支付时间", "订单付款时间", "付款時間", "支付時間", "payment time", "paid time"),
    "completed_at": ("完成时间", "交易完成时间", "确认收货时间", "完成時間", "completed time", "finished at"),
    "store": ("门店", "门店编码", "店铺", "店铺名称", "門市", "店鋪", "store id", "shop"),
    "channel": ("渠道", "平台", "通路", "platform"),
    "refund_id": ("退款编号", "退款单号", "退款編號", "退款單號", "refund no"),
    "refund_amount": ("退款金额", "退款金額", "refund"),
    "joined_at": ("入会时间", "入會時間", "join time"),
    "consent_source": ("入会来源", "授权来源", "入會來源", "授權來源", "consent"),
    "phone": ("手机号", "手机", "联系电话", "手機號碼", "手機", "mobile", "tel"),
    "name": ("会员姓名", "姓名", "會員姓名", "member name", "customer name"),
    "freight": ("运费", "運費", "shipping"),
    "platform_subsidy": ("平台补贴", "平台優惠", "平台补贴金额", "subsidy"),
    "list_price": ("原价", "标价", "吊牌价", "原價", "標價", "price"),
    "discount": ("优惠", "优惠金额", "折扣", "優惠", "優惠金額"),
    "scene": ("场景", "場景"),
}  # fmt: skip


POINTS_REQUIRED = ("member_key", "points")
POINTS_USED = ("channel", "expires_on", "granted_at", "reason", "row_id")
POINTS_ALIASES: dict[str, tuple[str, ...]] = {
    "member_key": (*ALIASES["member_key"], "卡号", "卡號", "card", "card no", "card number"),
    "points": (
        "积分", "积分余额", "剩余积分", "可用积分", "積分", "積分餘額", "剩餘積分", "可用積分", "balance",
        "points balance", "available points",
    ),
    "channel": ALIASES["channel"],
    "expires_on": (
        "到期日", "到期日期", "有效期至", "失效日期", "过期日期", "過期日期", "有效期限", "expires", "expiry",
        "expiry date", "expiration date", "valid until",
    ),
    "granted_at": ("获得时间", "发放时间", "獲得時間", "發放時間", "granted", "earned at", "issued at"),
    "reason": ("原因", "备注", "備註", "note", "remark", "comment"),
    "row_id": ("流水号", "流水號", "编号", "編號", "id", "row", "transaction id", "reference"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """What was recognised: field -> place among the headers; headers nobody knows; required fields not found."""

    places: dict[str, int]
    unknown: list[str]
    missing: list[str]

    def require(self, headers: Sequence[str]) -> None:
        """Raises Invalid when required columns are missing, naming them and what is there."""
        if self.missing:
            raise Invalid(
                _("These columns are missing: %(missing)s. The file has: %(found)s.")
                % {"missing": ", ".join(self.missing), "found": ", ".join(h for h in headers if h)},
                errors=dict.fromkeys(self.missing, _("Choose the column.")),
            )


def plain(header: str) -> str:
    """A header as it is compared: one width and case, without spaces, underscores and a unit in brackets."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return re.sub(r"[\s_\-.]|\([^)]*\)$", "", text)


@dataclass(frozen=True, slots=True)
class Fields:
    """What a kind of file holds: the fields it must have, all that are known, and their names in files."""

    required: tuple[str, ...]
    known: tuple[str, ...]
    ranked: dict[str, tuple[str, int]]

    @classmethod
    def of(
        cls, required: tuple[str, ...], others: tuple[str, ...], aliases: Mapping[str, tuple[str, ...]]
    ) -> Fields:
        """The fields, their other names ranked: of two columns that could be one field the better name wins."""
        known = (*required, *others)
        ranked = {
            plain(alias): (name, rank)
            for name in known
            for rank, alias in reversed(list(enumerate((name, *aliases.get(name, ())))))
        }
        return cls(required, known, ranked)


FIELDS_OF: dict[str, Fields] = {
    ImportKind.ORDERS: Fields.of(REQUIRED, (*USED, *KNOWN_ONLY), ALIASES),
    ImportKind.POINTS: Fields.of(POINTS_REQUIRED, POINTS_USED, POINTS_ALIASES),
}


def recognise(
    headers: Sequence[str],
    *,
    kind: str = ImportKind.ORDERS,
    saved: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
) -> Columns:
    """Find each field's column. `given` (field -> header) beats `saved` (header -> field), which beats names.

    Raises Invalid for a field or header in `given` that does not exist.
    """
    fields = FIELDS_OF[kind]
    places: dict[str, int] = {}
    for name, header in (given or {}).items():
        if name not in fields.known:
            raise Invalid(
                _("There is no field “%(name)s”. Fields: %(known)s.")
                % {"name": name, "known": ", ".join(fields.known)}
            )
        if header not in headers:
            raise Invalid(_("The file has no column “%(header)s”.") % {"header": header})
        places[name] = list(headers).index(header)
    best: dict[str, tuple[int, int]] = {}
    for place, header in enumerate(headers):
        if place in places.values():
            continue
        if header in (saved or {}):
            name, rank = saved[header], -1  # type: ignore[index]
        else:
            name, rank = fields.ranked.get(plain(header), ("", 0))
        if name in fields.known and name not in places:
            best[name] = min(best.get(name, (rank, place)), (rank, place))
    places |= {name: place for name, (_rank, place) in best.items()}
    used = set(places.values())
    return Columns(
        {name: places[name] for name in fields.known if name in places},
        [header for place, header in enumerate(headers) if place not in used and header],
        [name for name in fields.required if name not in places],
    )
