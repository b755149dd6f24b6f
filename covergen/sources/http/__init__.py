"""Asking over HTTP: addresses, transport, robots.txt, cache, whole bodies, JSON of others."""
