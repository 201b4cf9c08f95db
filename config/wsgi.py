"""The web server's entrance."""

import os

from django.core.wsgi import get_wsgi_application

from config import start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# To gunicorn this code means that trying again is of no use.
start.refuse_powerful_log_in(exit_code=3)
