"""The controlled world: albums from known factors, their music, their covers, and a reader of covers."""
