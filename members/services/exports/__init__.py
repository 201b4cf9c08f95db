"""Files written in the background: `jobs` is their life, `work` writes them, `kinds` say what is in them."""
