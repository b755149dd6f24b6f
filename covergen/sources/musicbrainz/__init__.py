"""MusicBrainz and its Cover Art Archive."""
