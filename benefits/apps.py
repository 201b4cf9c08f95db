"""The benefits app."""

from django.apps import AppConfig

# What a member has here, over `m`: an import that is taken back leaves them, since a draw's proof and codes name them.
HAS_BENEFITS = " or ".join(
    f"exists (select from benefits_{table} b where b.merchant_id = m.merchant_id and b.member_id = m.id)"
    for table in ("entitlement", "drawentry", "rewardorder", "subscription")
)


class BenefitsConfig(AppConfig):
    """benefits."""

    name = "benefits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu, and hear of what happens to members."""
        from benefits.selectors import benefits
        from benefits.selectors import timeline as ours
        from benefits.services import (
            entitlements_daily,
            occasions,
            order_gifts,
            subscription_floors,
            subscription_places,
        )
        from benefits.web import pages
        from members.selectors import benefit_names, timeline
        from members.services import occasions as told
        from members.services.imports.members.undo import keep_when

        pages.register()
        benefit_names.register(benefits.redeemed_names)
        timeline.register(*ours.SOURCES, tell=ours.TOLD)
        keep_when("benefits", HAS_BENEFITS)
        told.listen(
            joined=occasions.on_joined,
            risen=occasions.on_risen,
            orders=order_gifts.on_orders,
            reopened=entitlements_daily.on_reopened,
        )
        told.listen(
            reopened=subscription_places.on_reopened,
            given=subscription_floors.on_given,
            tiers_gone=subscription_floors.on_tiers_gone,
        )
