"""From a root to the rows that metrics measure, and the table of what they found."""
