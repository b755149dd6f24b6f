"""Measuring painted covers: one metric a file, the table of systems, and the report that shows them."""
