"""Merchants (the tenants), their stores, and the installation they live in."""

from __future__ import annotations

import zoneinfo

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.lib.fields import PublicIdField
from members.models.base import TenantModel


class Channel(models.TextChoices):
    """Where a store sells or a member came from (domain.md 1)."""

    TAOBAO = "taobao", _("Taobao")
    TMALL = "tmall", _("Tmall")
    JD = "jd", _("JD")
    DOUYIN = "douyin", _("Douyin")
    WECHAT = "wechat", _("WeChat")
    MEITUAN = "meituan", _("Meituan")
    POS = "pos", _("Point of sale")
    WEB = "web", _("Web")
    OTHER = "other", _("Other")


class Installation(models.Model):
    """The one row that says when this platform began; runs before it do not exist (domain.md 3)."""

    id = models.SmallAutoField(primary_key=True)
    installed_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="installation_is_one")]


class Merchant(models.Model):
    """One shop or brand. The directory is readable before a tenant is known, so it holds nothing private; a merchant's
    process makes new ones and changes its own."""

    id = models.BigAutoField(primary_key=True)
    slug = models.SlugField(_("short name"), max_length=48, unique=True)
    name = models.CharField(_("name"), max_length=80)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    timezone = models.CharField(_("time zone"), max_length=48, default="Asia/Shanghai")
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The merchant's time zone; its days are the merchant days of every rule."""
        return zoneinfo.ZoneInfo(self.timezone)


class Store(TenantModel):
    """An online shop or physical branch on one channel."""

    public_id = PublicIdField()
    code = models.CharField(_("code"), max_length=64)
    name = models.CharField(_("name"), max_length=80)
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices, default=Channel.WEB)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "channel", "code"], name="store_code_unique"),
            models.UniqueConstraint(fields=["merchant", "public_id"], name="store_public_id_unique"),
        ]

    def __str__(self) -> str:
        return self.name
