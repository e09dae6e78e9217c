"""Ephemeral workflows: the kit they are made with, each of them, registries and repositories."""
