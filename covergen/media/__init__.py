"""Bytes to sound and pictures: decoding, excerpts, containers, encoding."""
