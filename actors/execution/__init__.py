"""One execution of a workflow, and the run of its definition."""
