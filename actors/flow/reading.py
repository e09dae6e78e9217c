"""What the expressions of a task come to: at once where that is plain, else by asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.flow.fast import MISS, fast, filled, names, template
from actors.flow.program import Task
from actors.flow.state import Frame, State
from messages.run import Expression

RUNTIME = {"name": "covey", "version": "1"}


class Ask(Exception):
    """Some expressions need the evaluator."""

    def __init__(self, expressions: Mapping[str, Expression]) -> None:
        super().__init__(", ".join(expressions))
        self.expressions = dict(expressions)


class Reader:
    """Reads what one task says, for one frame."""

    def __init__(self, state: State, frame: Frame, task: Task) -> None:
        self._state = state
        self._frame = frame
        self._task = task

    def value(self, slot: str, said: Any, data: Any, **more: Any) -> Any:
        """Return a JSON value with its ``${ }`` evaluated on ``data``; raises Ask."""
        return self._filled(slot, said, dict(template(said)), (data, more))

    def bare(self, slot: str, said: Any, data: Any, **more: Any) -> Any:
        """Return the value of a field that is an expression with or without ``${ }``; raises Ask."""
        if not isinstance(said, str):
            return self.value(slot, said, data, **more)
        text = said.strip()
        if text.startswith("${") and text.endswith("}"):
            text = text[2:-1].strip()
        return self._filled(slot, said, {"": text}, (data, more))

    def holds(self, slot: str, said: str, data: Any, **more: Any) -> bool:
        """Say whether a condition holds, as jq takes it: all but false and null is true; raises Ask."""
        return self.bare(slot, said, data, **more) not in (False, None) or False

    def _filled(
        self, slot: str, said: Any, texts: Mapping[str, str], on: tuple[Any, Mapping[str, Any]]
    ) -> Any:
        results: dict[str, Any] = {}
        missing: dict[str, Expression] = {}
        for path, text in texts.items():
            name = slot + path
            if name in self._frame.values:
                results[path] = self._frame.values[name]
                continue
            known = self._variables(text, on[1])
            value = fast(text, on[0], known)
            if value is MISS:
                missing[name] = Expression(text=text, data=on[0], variables=known)
            else:
                results[path] = value
        if missing:
            raise Ask(missing)
        return results[""] if texts.keys() == {""} else filled(said, results)

    def _variables(self, text: str, more: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables that the text names, as far as there are such."""
        named = names(text)
        if not named:
            return {}
        known = self._state.variables(self._frame) | self._standard(named) | dict(more)
        return {name: known[name] for name in named if name in known}

    def _standard(self, named: frozenset[str]) -> dict[str, Any]:
        state, frame = self._state, self._frame
        found: dict[str, Any] = {"input": frame.input, "context": state.context, "runtime": RUNTIME}
        if "workflow" in named:
            found["workflow"] = {
                "id": state.workflow,
                "definition": state.program.document,
                "input": state.input,
                "startedAt": _instant(state.begun_at),
            }
        if "task" in named:
            found["task"] = {
                "name": self._task.name,
                "reference": self._task.pointer,
                "definition": self._task.body,
                "input": frame.raw,
                "startedAt": _instant(frame.started_at),
            }
        return found


def _instant(at: Any) -> dict[str, Any] | None:
    if at is None:
        return None
    seconds = int(at.timestamp())
    return {
        "iso8601": at.isoformat(),
        "epoch": {"seconds": seconds, "milliseconds": int(at.timestamp() * 1000)},
    }
