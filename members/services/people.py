"""People who sign in: made with a verified address, by a command, by an accepted invitation."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Conflict, Invalid
from members.models import User


def clean_email(email: str) -> str:
    """An address in lower case. Raises Invalid when it is not one."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        detail = _("“%(email)s” is not an e-mail address.") % {"email": email}
        raise Invalid(detail, errors={"email": detail}) from None
    return email


@transaction.atomic
def verify_email(*, user: User) -> None:
    """Note that the person's address is theirs (they hold a token sent to it, or an operator says so)."""
    EmailAddress.objects.filter(user=user).exclude(email=user.email).update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )


@transaction.atomic
def create_person(
    *, email: str, password: str, name: str = "", language: str = "", is_admin: bool = False
) -> User:
    """Make a person with a verified address; `is_admin` makes a platform admin.

    Raises Invalid (address, weak password), Conflict (the address has an account).
    """
    email = clean_email(email)
    if User.objects.filter(email=email).exists():
        detail = _("There is an account for %(email)s already.") % {"email": email}
        raise Conflict(detail, errors={"email": detail})
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as error:
        detail = " ".join(error.messages)
        raise Invalid(detail, errors={"password": detail}) from None
    make = User.objects.create_superuser if is_admin else User.objects.create_user
    user = make(email, password, name=name.strip(), language=language)
    verify_email(user=user)
    return user
