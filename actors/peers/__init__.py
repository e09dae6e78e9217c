"""Peers: what is said to them, what they say, and the copies of what is theirs."""
