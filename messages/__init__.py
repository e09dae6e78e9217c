"""What may be said: commands in the imperative, events in the past tense, and their wrapping."""
