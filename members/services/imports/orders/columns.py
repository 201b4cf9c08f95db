"""The columns of a file of order lines (interface.md, Order import columns), and their other names."""

from __future__ import annotations

from members.services.imports.columns import (
    CHANNEL,
    CONSENT_SOURCE,
    JOINED_AT,
    MEMBER_KEY,
    NAME,
    PHONE,
    Fields,
)

REQUIRED = ("order_id", "ordered_at", "member_key", "sku", "quantity", "amount")
# Stored, or what the import acts on.
USED = ("status", "paid_at", "completed_at", "store", "channel", "refund_id", "refund_amount", "joined_at",
        "consent_source", "phone", "name", "scene")  # fmt: skip
# Known by name, so that nobody wonders; nothing is derived from them yet.
KNOWN_ONLY = ("freight", "platform_subsidy", "list_price", "discount")

# Other names of fields, the better name first.
ALIASES: dict[str, tuple[str, ...]] = {
    "order_id": (
        "订单编号", "订单号", "主订单编号", "訂單編號", "訂單號", "order no", "order number", "order", "basket_id",
    ),
    "ordered_at": (
        "下单时间", "订单创建时间", "创建时间", "订单时间", "下單時間", "訂單時間", "建立時間", "order time",
        "order date", "created at", "date",
    ),
    "member_key": MEMBER_KEY,
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
    "channel": CHANNEL,
    "refund_id": ("退款编号", "退款单号", "退款編號", "退款單號", "refund no"),
    "refund_amount": ("退款金额", "退款金額", "refund"),
    "joined_at": JOINED_AT,
    "consent_source": CONSENT_SOURCE,
    "phone": PHONE,
    "name": NAME,
    "freight": ("运费", "運費", "shipping"),
    "platform_subsidy": ("平台补贴", "平台優惠", "平台补贴金额", "subsidy"),
    "list_price": ("原价", "标价", "吊牌价", "原價", "標價", "price"),
    "discount": ("优惠", "优惠金额", "折扣", "優惠", "優惠金額"),
    "scene": ("场景", "場景"),
}  # fmt: skip

FIELDS = Fields.of(REQUIRED, (*USED, *KNOWN_ONLY), ALIASES)
