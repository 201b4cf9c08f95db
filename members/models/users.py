"""People who sign in: staff of merchants and the platform's admins."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class EmailUserManager(UserManager["User"]):
    """Users are known by e-mail address."""

    def _create_user(self, username: Any, email: Any, password: Any, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email or username).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_user(  # type: ignore[override]  # there is no username
        self, email: str, password: str | None = None, **extra: Any
    ) -> User:
        """Make a user. Raises IntegrityError when the address is taken."""
        return self._create_user(None, email, password, **{"is_staff": False, "is_superuser": False, **extra})

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, **extra: Any
    ) -> User:
        """Make a platform admin with every permission."""
        return self._create_user(None, email, password, **{"is_staff": True, "is_superuser": True, **extra})


class User(AbstractUser):
    """One person who signs in; may be staff of several merchants, or the platform's admin (`is_staff`)."""

    username = None  # type: ignore[assignment]  # Django's way to leave a field out
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[EmailUserManager] = EmailUserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email.split("@")[0]
