"""What the expressions of a task come to: at once where that is plain, else by asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.flow.errors import Passed
from actors.flow.fast import MISS, expression, fast, filled, names, template
from actors.flow.program import Task
from actors.flow.state import Frame, State
from messages.run import Expression

RUNTIME = {"name": "covey", "version": "1"}
ASK_BYTES_MAX = 768 * 1024
"""What is asked for at once: less than a message may have. What is left is asked for afterwards."""


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
        inner = expression(said)
        text = said.strip() if inner is None else inner
        return self._filled(slot, said, {"": text}, (data, more))

    def holds(self, slot: str, said: str, data: Any, **more: Any) -> bool:
        """Say whether a condition holds, as jq takes it: all but false and null is true; raises Ask."""
        value = self.bare(slot, said, data, **more)
        return value is not None and value is not False

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
            raise Ask(_portion(missing))
        return results[""] if texts.keys() == {""} else filled(said, results)

    def _variables(self, text: str, more: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables that the text names, as far as there are such."""
        named = names(text)
        if not named:
            return {}
        known = self._standard(named) | self._state.variables(self._frame) | dict(more)
        return {name: known[name] for name in named if name in known}

    def _standard(self, named: frozenset[str]) -> dict[str, Any]:
        state, frame = self._state, self._frame
        found: dict[str, Any] = {"context": state.context, "runtime": RUNTIME}
        if frame.is_started:
            found["input"] = frame.input
        if "workflow" in named:
            found["workflow"] = {
                "id": state.id,
                "definition": state.program.document,
                "input": state.input,
                "startedAt": _instant(state.begun_at),
            }
        if "task" in named:
            found["task"] = self._described()
        return found

    def _described(self) -> dict[str, Any]:
        frame = self._frame
        found = {
            "name": self._task.name,
            "reference": self._task.pointer,
            "definition": self._task.body,
            "input": frame.raw,
            "startedAt": _instant(frame.started_at),
        }
        return found | ({"output": frame.result} if frame.has_result else {})


def _portion(missing: Mapping[str, Expression]) -> dict[str, Expression]:
    """Return as many expressions as a message takes; raises Passed when not even one fits."""
    portion: dict[str, Expression] = {}
    total = 0
    for name, one in missing.items():
        total += len(msgspec.json.encode(one))
        if total > ASK_BYTES_MAX:
            break
        portion[name] = one
    if not portion:
        raise Passed(f"an expression and what it names have at most {ASK_BYTES_MAX} bytes")
    return portion


def _instant(at: Any) -> dict[str, Any] | None:
    if at is None:
        return None
    seconds = int(at.timestamp())
    return {
        "iso8601": at.isoformat(),
        "epoch": {"seconds": seconds, "milliseconds": int(at.timestamp() * 1000)},
    }
