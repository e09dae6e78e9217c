"""The run engine: pure functions that interpret a definition, one event after the other."""
