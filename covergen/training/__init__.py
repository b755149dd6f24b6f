"""Fusion training: examples in, a checkpoint out. Ray, where there is any, is the caller's."""
