"""Checklists: what is to be looked at on a work order, step by step, and what was found."""
