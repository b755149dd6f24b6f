"""The service without a framework: one song and a few words in, covers out."""
