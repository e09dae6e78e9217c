"""Executables, commands, jobs and routines as one document: read, judged as a whole, saved or left alone."""
