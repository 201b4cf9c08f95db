"""The benefits app."""

from django.apps import AppConfig


class BenefitsConfig(AppConfig):
    """benefits."""

    name = "benefits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the app's pages into the menu, and hear of what happens to members."""
        from benefits.selectors import benefits
        from benefits.services import entitlements_daily, occasions, order_gifts
        from benefits.web import pages
        from members.selectors import benefit_names
        from members.services import occasions as told

        pages.register()
        benefit_names.register(benefits.redeemed_names)
        told.listen(
            joined=occasions.on_joined,
            risen=occasions.on_risen,
            orders=order_gifts.on_orders,
            reopened=entitlements_daily.on_reopened,
        )
