"""Metrics as functions of vectors and numbers, with their intervals."""
