"""One act on many members: `jobs` is its life, `work` does and undoes it in chunks, `kinds` are what can be done."""
