"""Benchmarks: each prints a table and a JSON line, beside a reference measured in the same run."""
