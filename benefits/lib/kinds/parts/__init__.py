"""What several kinds have in common; no kinds themselves."""
