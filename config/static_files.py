"""Static files as they are served: hashed names, compressed once, without the source maps packages ship."""

from __future__ import annotations

import brotli
from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class LiushuiStaticFilesConfig(StaticFilesConfig):
    """Collects only what a page can ask for."""

    # Maps are for the packages' own developers; the browsable API and the second API page are not served.
    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "*.map",
        "LICENSE*",
        "*.LICENSE.txt",
        "rest_framework",
        "redoc",
        "htmx-4*",
        "django_htmx/ext/*",
        "htmax-4*",
    ]


class QuickCompressor(Compressor):
    """Brotli one notch below its slowest: a tenth of the time for two per cent of the size."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        """The bytes, compressed."""
        compressed: bytes = brotli.compress(data, quality=9)
        return compressed


class Storage(CompressedManifestStaticFilesStorage):
    """Whitenoise's storage; only hashed files are kept, and references to source maps are not followed."""

    patterns = (
        (
            "*.css",
            tuple(
                pattern
                for group, rules in CompressedManifestStaticFilesStorage.patterns
                if group == "*.css"
                for pattern in rules
                if "sourceMappingURL" not in str(pattern)
            ),
        ),
    )

    def create_compressor(self, **kwargs: object) -> Compressor:
        """Ours."""
        return QuickCompressor(**kwargs)
