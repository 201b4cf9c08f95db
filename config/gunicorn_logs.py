"""The lines of the web server itself, in the form of all others (gunicorn.conf.py names this class)."""

from __future__ import annotations

from typing import Any

from gunicorn import glogging

from config import embedded, env
from config.logs import formatter


class Logger(glogging.Logger):
    """gunicorn's logger with our formatter; LOG_JSON as for everything else."""

    def setup(self, cfg: Any) -> None:
        """Called at the start and at each reload."""
        super().setup(cfg)
        env.load_dotenv(embedded.BASE_DIR / ".env")
        ours = formatter(json=env.flag("LOG_JSON", True))
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(ours)
