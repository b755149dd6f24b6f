"""What jobs share: how a stage is run, progress, isolation of faults, actors."""
