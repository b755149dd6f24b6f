"""Which rows each table owes its inputs, worked off in parts, and the proof that none is lost."""
