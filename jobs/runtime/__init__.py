"""What jobs share: Ray's operators, progress, isolation of faults, actors."""
