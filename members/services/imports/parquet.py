"""Tables of Parquet files as CSV text, batch by batch; what a few bytes expand to is counted before it is expanded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from django.utils.translation import gettext as _

from members.lib.refusals import Invalid
from members.services.imports.xlsx_bounds import MOST_COLUMNS, MOST_UNPACKED, too_large

MOST_ROWS = 5_000_000
MOST_TEXT = 32_767  # bytes of a cell
BATCH = 10_000


def _opened(path: Path, **options: Any) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, **options)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken() from error


def _broken() -> Invalid:
    return Invalid(
        _("This Parquet file is damaged or encrypted. Write it again, or save the table as CSV (UTF-8).")
    )


def headers(path: Path) -> list[str]:
    """The names of the columns, from the file's foot. Raises Invalid."""
    with _opened(path) as file:
        return _checked(file)


def _checked(file: pq.ParquetFile) -> list[str]:
    about, schema = file.metadata, file.schema_arrow
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise Invalid(
            _(
                "These columns hold lists or records: %(names)s. Write one value a cell, and leave the others out."
            )
            % {"names": ", ".join(nested)}
        )
    if len(schema) > MOST_COLUMNS or about.num_rows > MOST_ROWS:
        raise too_large()
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    if sum(group.total_byte_size for group in groups) > MOST_UNPACKED:
        raise too_large()
    return [str(name) for name in schema.names]


def write_csv(path: Path, out: IO[bytes], most: int) -> None:
    """The whole table as CSV, at most so many bytes. Raises Invalid."""
    texts = list(_names_of_texts(path))
    try:
        with _opened(path, read_dictionary=texts) as file:
            names = _checked(file)
            for batch in _batches(file):
                most -= sum(map(_bytes_of, batch.columns))
                if most < 0:
                    raise too_large()
        schema = pa.schema([pa.field(name, pa.string()) for name in names])
        with _opened(path, read_dictionary=texts) as file, pyarrow.csv.CSVWriter(out, schema) as writer:
            for batch in _batches(file):
                columns = [_texts(column, name) for column, name in zip(batch.columns, names, strict=True)]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    except (pa.ArrowException, OSError) as error:
        raise _broken() from error


def _names_of_texts(path: Path) -> Iterator[str]:
    """Columns of text stay in the file's dictionary until their size is known."""
    with _opened(path) as file:
        for field in file.schema_arrow:
            if pa.types.is_string(field.type) or pa.types.is_binary(field.type):
                yield field.name


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    yield from file.iter_batches(batch_size=BATCH, use_threads=False)


def _bytes_of(column: pa.Array) -> int:
    """How many bytes of CSV a column makes. Raises Invalid for a text no cell has."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = pc.binary_length(column.dictionary)
        found = pc.sum(lengths.cast(pa.int64()).take(column.indices)).as_py()
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        lengths = pc.binary_length(column)
        found = pc.sum(lengths).as_py()
    else:
        return 16 * len(column)
    if (pc.max(lengths).as_py() or 0) > MOST_TEXT:
        raise too_large()
    return (found or 0) + len(column)


def _texts(column: pa.Array, name: str) -> pa.Array:
    """A column as text: what a CSV of the same table would say. Instants with a zone keep it as Z."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary.take(column.indices)
    kind = column.type
    try:
        if pa.types.is_timestamp(kind):
            form = "%Y-%m-%d %H:%M:%SZ" if kind.tz else "%Y-%m-%d %H:%M:%S"
            seconds = column.cast(pa.timestamp("s", "UTC" if kind.tz else None), safe=False)
            column = pc.strftime(seconds, form)
        elif pa.types.is_floating(kind):
            column = pc.if_else(pc.is_finite(column), column, None).cast(pa.string())
        else:
            column = column.cast(pa.string())
    except pa.ArrowException as error:
        raise Invalid(_("The column “%(name)s” is not text, a number or a time.") % {"name": name}) from error
    return pc.fill_null(pc.replace_substring_regex(column, r"[\r\n]+", " "), "")
