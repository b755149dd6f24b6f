"""The pipeline of jobs and tables, the rows each table owes its inputs, and the proof that none is lost."""
