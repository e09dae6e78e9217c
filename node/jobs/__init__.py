"""Jobs: programs with exact arguments, run apart from the node and from each other."""
