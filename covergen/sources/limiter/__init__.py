"""The rate limiter: a sliding window and a daily quota a host, shared by all who ask."""
