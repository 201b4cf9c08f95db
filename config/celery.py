"""The Celery application: queues, the one-minute beat, and how tasks are found."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import beat_init, worker_init

from config import start
from members.lib.queue import QUEUES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("liushui")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# The beat only says "a minute has passed"; what is due is decided from tables, so a missed beat loses nothing.
app.conf.beat_schedule = {
    "tick": {"task": "compliance.tick", "schedule": 60.0, "options": {"expires": 55}},
    "sweep": {"task": "compliance.sweep", "schedule": 60.0, "options": {"expires": 55}},
}


def route(name: str, *_args: object, **_options: object) -> dict[str, str]:
    """The queue that a task declared for itself."""
    return {"queue": QUEUES.get(name, "default")}


app.conf.task_routes = (route,)


@worker_init.connect
@beat_init.connect
def begin(**_: object) -> None:
    """Refuse to begin with a log-in that is too powerful."""
    start.refuse_powerful_log_in()
