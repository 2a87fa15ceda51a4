"""What proves the numbers: one module per figure, each with a named baseline in the same run."""
