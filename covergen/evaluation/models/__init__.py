"""The frozen models that metrics look through."""
