"""``covey demo``: the main job, played by three real nodes, each step checked."""

from cli.demo.command import add

__all__ = ["add"]
