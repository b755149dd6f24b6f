"""The only Ray code: each job reads tables, maps stages over them and writes a table."""

import os

# A job starts Ray as its config says (`runtime/entry.py`). Left to itself, Ray would at the first call join
# whatever cluster was last begun on this machine.
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
