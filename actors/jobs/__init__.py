"""Executables, commands, jobs, and the runs of jobs."""
