"""A root: its tables in Parquet, their generations and rejects, what keeps it tidy."""
