"""From what the sources tell to one clean row per album, and to what is said to the text encoder."""
