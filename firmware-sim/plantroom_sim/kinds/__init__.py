"""The kinds of simulated bus: a folder each, with the same file names in every one."""
