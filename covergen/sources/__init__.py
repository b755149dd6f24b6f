"""Sources of albums: one's own folder, a table, the controlled world."""
