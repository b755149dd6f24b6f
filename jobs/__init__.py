"""The only Ray code: each job reads tables, maps stages over them and writes a table."""
