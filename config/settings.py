"""Settings. One file; everything is switched by environment variables and nothing exists only in production."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from config import embedded, env
from config.cache import redis_address
from config.logs import logging_config
from config.secret_files import secret, secrets_of

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_dotenv(BASE_DIR / ".env")
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "var")

# --- What this process is ---------------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", False)
DEMO = env.flag("DEMO", False)
TESTING = env.flag("LIUSHUI_TESTING", False)
HTTPS = env.flag("HTTPS", False)
SECRET_KEY = secret("secret-key", "SECRET_KEY", DATA_DIR, least=50)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", [])
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
SITE_URL = env.url("SITE_URL", env.WEB_SCHEMES, "http://127.0.0.1:8000", needs_host=True).rstrip("/")
PRODUCT = "Liushui"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "members.User"

INSTALLED_APPS = [
    "compliance",
    "benefits",
    "members",
    "config.admin.LiushuiAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "config.static_files.LiushuiStaticFilesConfig",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "template_partials",
    "django_structlog",
    "csp",
]

MIDDLEWARE = [
    "members.web.request_id.RequestIdMiddleware",
    "members.web.middleware.HealthMiddleware",  # outside everything: answers while the database is down
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "members.web.middleware.RequestTransactionMiddleware",  # one transaction around the whole request
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "members.web.uploads.UploadSizeMiddleware",  # before anything reads the body
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "members.web.middleware.TenantMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "members.web.middleware.GateMiddleware",  # every route declares who may enter
    "compliance.web.middleware.FinalNoticeMiddleware",  # the final notice, before the page asked for
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "csp.context_processors.nonce",
                "members.web.context.console",
            ],
        },
    }
]

# --- Database ---------------------------------------------------------------------------------------------------------
# `default` is the log-in role that can do nothing by itself; `owner` makes tables, migrates and makes play databases.
DB_ROLE_PREFIX = env.text("DB_ROLE_PREFIX", "liushui")
# Before the embedded server was first started its address is unknown: port 9 answers nobody.
_unknown = embedded.Urls(*(f"postgres://nobody@127.0.0.1:9/{DB_ROLE_PREFIX}" for _ in range(3)))
_known = embedded.urls(DATA_DIR) or _unknown
_database_url = env.url("DATABASE_URL", env.POSTGRES_SCHEMES, _known.database_url)
_owner_url = env.url("DATABASE_OWNER_URL", env.POSTGRES_SCHEMES, _known.owner_url or _unknown.owner_url)
DB_POOL = env.integer("DB_POOL", 0, least=0, most=100)


def _database(url: str, *, scoped: bool) -> dict[str, Any]:
    settings = env.database(url)
    settings["ENGINE"] = "config.postgres"
    settings["SCOPED"] = scoped
    settings["ATOMIC_REQUESTS"] = scoped
    settings["CONN_HEALTH_CHECKS"] = True
    options = settings.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    options.setdefault("keepalives_idle", 30)
    options.setdefault("options", "-c jit=off")
    options.setdefault("prepare_threshold", 5)  # of members.lib.prepared alone: Django binds on the client
    if scoped and DB_POOL:
        options["pool"] = {"min_size": 1, "max_size": DB_POOL, "timeout": 5}
    else:
        settings["CONN_MAX_AGE"] = 600 if scoped else 0
    return settings


DATABASES = {"default": _database(_database_url, scoped=True), "owner": _database(_owner_url, scoped=False)}
DATABASE_ROUTERS = ["config.postgres.router.OwnerMigrates"]

# --- Time and language ------------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = PLATFORM_TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]

# --- Static files and uploads -----------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static/public", DATA_DIR / "assets"]
STATIC_ROOT = DATA_DIR / "static"
# Outside the web root. A suite's files are its own: its housekeeping knows no row of the others.
UPLOADS_DIR = DATA_DIR / ("uploads-of-tests" if TESTING else "uploads")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": UPLOADS_DIR},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "config.static_files.Storage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = TESTING or DEBUG
# Files handed in for imports: a request that announces more is refused before its body is read.
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_MB", 512, least=1, most=1024) << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- Sign-in ----------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.choice("EMAIL_VERIFICATION", ["mandatory", "optional", "none"], "mandatory")
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_ADAPTER = "members.web.accounts.AccountAdapter"
ACCOUNT_FORMS = {"signup": "members.web.sign_up.SignUpForm"}
# Beside allauth's own limits. `ip` is the address of the visitor, `key` the e-mail address tried.
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = {
    "login": "30/m/ip",
    "login_failed": "20/m/ip,5/5m/key",
    "signup": "10/m/ip",
    "reset_password": "10/m/ip,3/m/key",
}
if TESTING and not env.flag("LIUSHUI_RATE_LIMITS", False):
    ACCOUNT_RATE_LIMITS = False
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.flag("BEHIND_PROXY", False) else 0
MFA_ADAPTER = "members.web.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = PRODUCT
MFA_TOTP_TOLERANCE = 1  # a phone whose clock is half a minute off still gets in

# --- E-mail -----------------------------------------------------------------------------------------------------------
vars().update(env.email("EMAIL_URL", "consolemail://"))
if not env.is_set("EMAIL_URL") and not TESTING:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(DATA_DIR / "mail")
EMAIL_TIMEOUT = 10  # seconds; a mail server that hangs must not hold a worker
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Liushui <noreply@liushui.invalid>")

# --- Safety -----------------------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
CSRF_COOKIE_HTTPONLY = True
CSRF_USE_SESSIONS = False
CSRF_FAILURE_VIEW = "members.web.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Cookies need HTTPS as soon as the site has it; without it (a laptop) a secure cookie would never come back.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS and env.flag("SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Both bind every other name below the site's own, and browsers' lists for years: only who owns them all can say yes,
# so that `check --deploy` does not ask for them.
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS and env.flag("HSTS_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = HTTPS and env.flag("HSTS_PRELOAD", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if env.flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- API --------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["members.api.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["members.api.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "members.api.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_THROTTLE_CLASSES": ["members.api.auth.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {"key": env.rate("API_RATE", "6000/min")},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Liushui API",
    "VERSION": "1.0.0",
    "DESCRIPTION": (
        "Member programs of shops: members, orders, points, tiers, benefits and the compliance state. "
        "Money is whole minor units beside its currency, times are RFC 3339, ids are opaque. "
        "Errors are `application/problem+json`; `type` never changes, `detail` follows `Accept-Language`. "
        "Names that are not described are refused."
    ),
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVERS": [{"url": "/"}],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key of the shop, made under Settings, with its scopes.",
            }
        }
    },
    "POSTPROCESSING_HOOKS": [],
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}

# --- Members' own pages -----------------------------------------------------------------------------------------------
# Requests of one address of the internet, for them and for the public pages of draws: many members stand behind one of
# a mobile network.
MEMBER_PAGE_RATE = env.rate("MEMBER_PAGE_RATE", "300/min")

# --- Webhooks ---------------------------------------------------------------------------------------------------------
# Whether this machine may be sent to, and over plain HTTP. The suite alone switches it on, for receivers of its own.
WEBHOOKS_TO_LOOPBACK = False

# --- Workers ----------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = embedded.broker_url(DATA_DIR) or "redis+socket:///nowhere"
BROKER_PREFIX = env.text("BROKER_PREFIX", "")
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 1800  # below the visibility timeout, else a long task starts twice
CELERY_TASK_SOFT_TIME_LIMIT = 1740
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {}
    if CELERY_BROKER_URL.startswith("amqp")
    else {
        "global_keyprefix": BROKER_PREFIX,
        "visibility_timeout": 3600,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
    }
)
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1, "interval_max": 0.2}
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- Cache: counts of rate limits; every process must see the same ones -----------------------------------------------
CACHE_URL = env.url(
    "CACHE_URL", env.CACHE_SCHEMES, "" if TESTING else redis_address(CELERY_BROKER_URL, beside=True)
)
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "config.cache.Cache", "LOCATION": [CACHE_URL], "KEY_PREFIX": f"{BROKER_PREFIX}cache"}
        if CACHE_URL
        # A broker that is no Redis. Many entries: whoever tries many addresses must not push out others' counts.
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 1_000_000},
        }
    )
}

# --- Personal data: the newest key encrypts, older ones still decrypt -------------------------------------------------
PII_KEYS = secrets_of("pii-key", "PII_KEYS", DATA_DIR, least=32)
PII_INDEX_KEY = secret("pii-index-key", "PII_INDEX_KEY", DATA_DIR, least=32)

LOGGING = logging_config(
    level=env.choice("LOG_LEVEL", env.LOG_LEVELS, "INFO"), json=env.flag("LOG_JSON", True)
)
