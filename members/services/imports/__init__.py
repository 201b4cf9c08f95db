"""Files on their way in: one door for every kind of file, which brings its columns, its checking and its posting.

The door: `reading` makes columns of text of a file (CSV, XLSX, Parquet), `columns` says which field each is, `values`
turns text into money, quantities and instants, `jobs` is the life of an import, `work` does what is to be done of one,
from wherever it stood when the last worker let go of it, `undo` takes one back, `rejects` keeps what was left out,
`storage` and `leftovers` are its files. `kinds` says what a kind brings; `rows` is what kinds share whose rows are
things of their own.

The kinds: `orders` (staged and posted in bulk), `points`, `members`. What each promises stands in its package.
"""
