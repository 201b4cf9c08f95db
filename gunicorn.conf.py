"""gunicorn reads this by itself when it is started in this folder; what the command line says wins."""

logger_class = "config.gunicorn_logs.Logger"
