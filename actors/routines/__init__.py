"""Routines of jobs, and their runs."""
