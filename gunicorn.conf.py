"""gunicorn reads this by itself when it is started in this folder; what the command line says wins."""

import gc

logger_class = "config.gunicorn_logs.Logger"


def post_worker_init(worker: object) -> None:
    """Keep the product's own code out of every later search for garbage: what a large request makes sets off many, and
    each would look at hundreds of thousands of objects that never go."""
    gc.collect()
    gc.freeze()
