"""One's own music and tables: folders, tags, covers, discs, compilations."""
