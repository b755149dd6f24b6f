"""Whether two names are one album or one song: editions, spellings, versions."""
