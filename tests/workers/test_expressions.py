import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from actors.flow.errors import BASE
from messages.run import Evaluate, Expression
from node.workers import expressions, jq_child, jq_process
from node.workers.expressions import Evaluator, EvaluatorBusy, EvaluatorClosed, work
from node.workers.jq_frames import INPUT_BYTES, TEXT_BYTES, ExpressionFailed
from node.workers.jq_process import ChildFailed
from tests.workers.children import children
from tests.workers.hostile import hostile

SLOW = "last(range(1e12))"
"""Takes for ever."""
LARGEST = sys.float_info.max
SECRET = "hunter2"
SECONDS = 20.0
PROBE_SECONDS = 0.005
AWAY_SECONDS = 0.15
"""How long the event loop may work without a pause: less than the least of the hostile expressions."""
TOO_LONG = "took longer"


@pytest.fixture
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator() as evaluator:
        yield evaluator


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have time on a machine that has other things to do."""
    monkeypatch.setattr(expressions, "WALL_SECONDS", SECONDS)


def says(text: str, data: Any = None, **variables: Any) -> Expression:
    return Expression(text=text, data=data, variables=variables)


async def failure(evaluator: Evaluator, text: str, data: Any = None, **variables: Any) -> str:
    with pytest.raises(ExpressionFailed) as failed:
        await evaluator.evaluate(says(text, data, **variables))
    return str(failed.value)


async def tried(evaluator: Evaluator, expression: Expression) -> Any:
    """Return the value, or the error."""
    try:
        return await evaluator.evaluate(expression)
    except ExpressionFailed as error:
        return error


async def is_right(evaluator: Evaluator) -> bool:
    return bool(await evaluator.evaluate(says(".a + $x", {"a": 1}, x=2)) == 3)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - the kernel tells no one
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (says(".a + $x", {"a": 1}, x=2), 3),
        (says("$and", **{"and": 2}), 2),
        (says("$x", x=None), None),
        (says("1, 2, error"), 1),
        (says("first(.[]), error", [7]), 7),
        (says("[.[] | select(. > 1)] # why", [1, 2, 3]), [2, 3]),
        (says("# why \\\n still why\n1"), 1),
        (says("def double: . * 2; [.[] | double]", [1, 2]), [2, 4]),
        (says("def tojson: 1; def first(f): 2; def error: 3; {}"), {}),
        (says('. as {$a} | "\\($a)é😀"', {"a": "x"}), "xé😀"),
        (says('try error("x") catch .'), "x"),
        (says("[nan, infinite, -infinite, 1e1000]"), [None, LARGEST, -LARGEST, LARGEST]),
        (
            says(".", {"a": 2**80 + 1, "\0\x7f": "\0\x7f", "c": 0.1}),
            {"a": 2**80 + 1, "\0\x7f": "\0\x7f", "c": 0.1},
        ),
        (says("[limit(3; repeat(1))]"), [1, 1, 1]),
        (says("\n$__loc__"), {"file": "<top-level>", "line": 2}),
        (says("[.[] | debug | debug(1) | stderr]", [1]), [1]),
        (says("false"), False),
        (says("0 | localtime | mktime"), 0),
    ],
)
async def test_the_first_value_is_the_value(evaluator: Evaluator, expression: Expression, value: Any) -> None:
    assert await evaluator.evaluate(expression) == value


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("empty", "gave no value"),
        ("halt", "gave no value"),
        (".a.b", 'Cannot index number with string ("b")'),
        ("error({b: 1})", '{"b": 1}'),
        ('"x" | halt_error', "x"),
        (
            ".a +",
            "syntax error, unexpected end of file at <top-level>, line 1, column 4:\n    .a +\n       ^",
        ),
        ("\n\n  foo", "foo/0 is not defined at <top-level>, line 3, column 3:\n      foo\n      ^^^"),
        ("$y", "$y is not defined at <top-level>, line 1, column 1:\n    $y\n    ^^"),
        ("1) | (2", "syntax error"),
        ("1\n\n) | tojson | (2", "syntax error"),
        ("1 as $x", "syntax error"),
        ("def f: 1;", "Top-level program not given"),
        ("", "Top-level program not given"),
        ("1\0", "it has a NUL"),
        ("\ud800", "it is no text"),
        ("#" * (TEXT_BYTES + 1), f"it is longer than {TEXT_BYTES} bytes"),
        ('"s3cret" * 99 | fromjson', "(while parsing 's3crets3crets3crets3…')"),
        ("[range(200000)]", "its value is larger than 1048576 bytes"),
        ("reduce range(201) as $i (0; [.])", "its value is nested more than 200 deep"),
        ('"x" * 1e9', "needs more than 256 MiB"),
        (SLOW, "took too long"),
    ],
)
async def test_what_has_no_value_fails_with_the_words_of_jq(
    evaluator: Evaluator, text: str, detail: str
) -> None:
    assert detail in await failure(evaluator, text, {"a": 1})
    assert await is_right(evaluator)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("data", ["x" * INPUT_BYTES, "\ud800", object(), {(1, 2): 3}])
async def test_data_that_are_too_large_or_no_json_fail(evaluator: Evaluator, data: Any) -> None:
    assert (await failure(evaluator, ".", data)).startswith("its data are")
    assert (await failure(evaluator, "$x", x=data)).startswith("its data are")
    assert await evaluator.evaluate(says(".", 1, x=data)) == 1  # it does not name it


@pytest.mark.usefixtures("patience")
async def test_an_expression_is_compiled_before_it_is_needed(evaluator: Evaluator) -> None:
    assert await evaluator.compile(". as $x | $x + $y") is None
    assert await evaluator.compile("last(range(1e12))") is None
    assert "syntax error" in str(await evaluator.compile(".a +"))
    assert "foo/0 is not defined" in str(await evaluator.compile("foo"))
    assert await evaluator.compile("\0") == "it has a NUL"


THERE = ' {search: "HERE"}; '
FORBIDDEN = (
    'import "secret" as s; s::secret',
    'import "secret" as $s; $s',
    'include "secret"; secret',
    f'import "secret" as s{THERE} s::secret',
    f'import "secret" as $s{THERE} $s',
    f'import "secret" as $s{THERE} $s::s',
    'import "secret" as $s {search: ["HERE", "./", "~"], raw: true}; $s',
    f'include "secret"{THERE} secret',
    f' \r\n\tinclude"secret"{THERE} secret',
    f'module {{a: 1}}; include "secret"{THERE} secret',
    f'# x \\\\\ninclude "secret"{THERE} secret',
    f'# x \\\n y\r\n# \\\\\\\r\n z\r\n#\ninclude "secret"{THERE} secret',
    f'1 | include "secret"{THERE} secret',
    f'1); include "secret"{THERE} (secret',
    f'def a: include "secret"{THERE} secret; a',
    '"HERE/secret", "secret", "../secret" | modulemeta',
    "secret",
    "$ENV",
    "$ENV.SECRET",
    "env",
    "env.SECRET",
    '"\\($ENV) \\(env)"',
    ". as $ENV | $ENV",
    "$ENV as {SECRET: $x} | $x",
    "input",
    "[inputs]",
    "try input catch .",
    "first(inputs)",
    "[limit(3; repeat(input))]",
    "input_filename",
    "input_line_number",
    "get_search_list",
    "get_prog_origin",
    "get_jq_origin",
    "$__prog_args",
    "$__loc__",
    'getpath(["HERE/secret.json"])',
    '"HERE/secret.json" | ., @json, @text, @sh, (fromjson? // 1)',
    '"HERE" | halt_error',
    '"HERE" | halt_error(0)',
    "debug | stderr",
)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lie about: in the environment, beside us, and where jq looks for what is one's own."""
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in (".jq", "secret.jq"):
        Path(tmp_path, name).write_text(f'module {{a: "{SECRET}"}}; def secret: "{SECRET}";')
    Path(tmp_path, "secret.json").write_text(f'"{SECRET}"')
    return tmp_path


@pytest.mark.usefixtures("patience")
async def test_nothing_outside_is_reached(secrets: Path) -> None:
    refused = ("modules are not available", "syntax error")

    async with Evaluator() as evaluator:
        for text in (text.replace("HERE", str(secrets)) for text in FORBIDDEN):
            told = str(await tried(evaluator, says(text)))
            assert SECRET not in told, text
            assert told.startswith(refused) or not {"include", "import"} & set(
                text.replace('"', " ").split()
            ), text
        assert await evaluator.evaluate(says("[env, $ENV]")) == [{}, {}]
        assert await is_right(evaluator)


@pytest.mark.usefixtures("patience")
async def test_no_builtin_reaches_anything_outside(secrets: Path) -> None:
    paths = [
        "secret",
        f"{secrets}/secret",
        f"{secrets}/secret.json",
        "SECRET",
        0,
        1,
        None,
        ["secret"],
        {"a": 1},
    ]
    calls = {0: "", 1: "(.)", 2: "(.; .)", 3: "(.; .; .)"}

    async with Evaluator() as evaluator:
        builtins = [known.split("/") for known in await evaluator.evaluate(says("builtins"))]
        assert len(builtins) > 150
        for name, arity in builtins:
            text = f"[$paths[] | try first({name}{calls.get(int(arity), '')}) catch .]"
            told = await tried(evaluator, says(text, paths=paths))
            assert SECRET not in str(told), name
            assert await evaluator.evaluate(says("$x", x=1)) == 1


def limits(child: int) -> dict[str, list[str]]:
    """Return the soft and the hard limits of a process."""
    lines = Path("/proc", str(child), "limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[:2] for line in lines}


def environment(child: int) -> bytes:
    return Path("/proc", str(child), "environ").read_bytes()


def opened(child: int) -> set[str]:
    """Return what a process holds open, but for what it closes meanwhile."""
    found: set[str] = set()
    for path in Path("/proc", str(child), "fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(path.readlink()).partition(":")[0])
    return found


async def test_a_child_has_nothing_and_may_open_nothing(evaluator: Evaluator) -> None:
    await until(lambda: all("/statm" in str(opened(child)) for child in children()))
    await asyncio.gather(*(tried(evaluator, says("last(range(50000))")) for _ in range(4)))

    for child in children():
        assert environment(child) == b""
        assert not os.listdir(f"/proc/{child}/cwd")
        assert opened(child) == {"socket", "/dev/null", f"/proc/{child}/statm"}
        for nothing in ("Max open files", "Max processes", "Max core file size", "Max file size"):
            assert limits(child)[nothing] == ["0", "0"]
        assert limits(child)["Max address space"] == [str(jq_child.MEMORY_BYTES)] * 2
    assert "2" in [limits(child)["Max cpu time"][0] for child in children()]


async def test_what_takes_too_long_is_killed_and_the_next_one_is_right(evaluator: Evaluator) -> None:
    before = children()

    async with asyncio.timeout(SECONDS):
        assert await failure(evaluator, SLOW) == "took longer than 200 ms"
    assert await is_right(evaluator)
    await until(lambda: len(children()) == 2 and children() != before)


async def test_a_child_that_dies_is_replaced_at_once(evaluator: Evaluator) -> None:
    before = children()
    for child in before:
        os.kill(child, signal.SIGKILL)

    assert await is_right(evaluator)
    await until(lambda: len(children()) == 2 and not children() & before)


@pytest.mark.usefixtures("patience")
async def test_an_expression_whose_child_is_killed_by_somebody_is_asked_again() -> None:
    async with Evaluator(1) as evaluator:
        evaluating = asyncio.create_task(evaluator.evaluate(says("last(range(500000))")))
        await asyncio.sleep(0.02)
        for child in children():
            os.kill(child, signal.SIGKILL)

        assert await evaluating == 499_999


@pytest.mark.usefixtures("patience")
async def test_children_that_are_killed_again_and_again_are_no_fault_of_the_expression() -> None:
    async with Evaluator(1) as evaluator:
        evaluating = asyncio.create_task(evaluator.evaluate(says(SLOW)))
        while not evaluating.done():
            for child in children():
                os.kill(child, signal.SIGKILL)
            await asyncio.sleep(0.2)

        with pytest.raises(EvaluatorBusy):
            await evaluating


async def test_who_is_cancelled_disturbs_nobody(evaluator: Evaluator) -> None:
    async def others() -> None:
        for _ in range(20):
            assert await is_right(evaluator)

    async with asyncio.TaskGroup() as group:
        for turn in range(40):
            group.create_task(others())
            doomed = group.create_task(evaluator.evaluate(says(SLOW if turn % 10 == 0 else "1")))
            await asyncio.sleep(0.001 * (turn % 5))
            doomed.cancel()

    await until(lambda: len(children()) == 2)
    assert not evaluator._waiting


@pytest.mark.usefixtures("patience")
async def test_no_more_may_wait_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expressions, "WAITING_MOST", 2)

    async with Evaluator(1) as evaluator:
        slow, *waiting = (asyncio.create_task(tried(evaluator, says(text))) for text in (SLOW, "1", "2"))
        await asyncio.sleep(0.05)
        with pytest.raises(EvaluatorBusy):
            await evaluator.evaluate(says("3"))
        slow.cancel()

        assert await asyncio.gather(*waiting) == [1, 2]


@pytest.mark.usefixtures("patience")
async def test_who_still_waits_at_the_end_is_told() -> None:
    async with Evaluator(1) as evaluator:
        waiting = [asyncio.create_task(tried(evaluator, says(text))) for text in (SLOW, "1")]
        await asyncio.sleep(0.05)

    for task in waiting:
        with pytest.raises(EvaluatorClosed):
            await task
    with pytest.raises(EvaluatorClosed):
        await evaluator.evaluate(says("1"))
    assert not children()


async def test_what_is_raised_beside_it_stays_what_it_is() -> None:
    with pytest.raises(KeyError):
        async with Evaluator():
            raise KeyError
    assert not children()


async def test_a_child_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jq_process.jq_child, "__file__", "/gone/jq_child.py")
    monkeypatch.setattr(expressions, "RESTART_SECONDS", 0.01)

    with pytest.raises(ExceptionGroup) as failed:
        async with Evaluator():
            pass
    assert failed.group_contains(ChildFailed)
    assert not children()


async def cancel_at_any_time() -> None:
    async def evaluated() -> None:
        async with Evaluator(1) as evaluator:
            assert await is_right(evaluator)

    await evaluated()
    for turn in range(30):
        running = asyncio.create_task(evaluated())
        await asyncio.wait([running], timeout=turn * 0.003)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled() or running.exception() is None
        assert not children()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_evaluator_that_is_cancelled_leaves_no_process_behind(loop: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(cancel_at_any_time())


@pytest.mark.usefixtures("patience")
async def test_a_child_whose_compiled_programs_fill_its_memory_is_replaced_in_time() -> None:
    async with Evaluator(1) as evaluator:
        before = children()
        for number in range(100):  # each keeps 4 MB: jq repeats what is constant when it compiles
            assert await evaluator.evaluate(says(f'"{"x" * 4_000}" * {1_000 + number} | length')) >= 4_000_000
            assert await is_right(evaluator)

        assert children() != before


@pytest.mark.usefixtures("patience")
async def test_a_warm_evaluation_is_cheap(evaluator: Evaluator) -> None:
    before, began = children(), time.thread_time()
    for _ in range(500):
        assert await is_right(evaluator)

    spent = (time.thread_time() - began) / 500
    print(f"a warm evaluation takes {spent * 1e6:.0f} µs of the event loop")
    assert spent < 0.005
    assert children() == before


@pytest.mark.usefixtures("patience")
async def test_the_expressions_of_a_task_have_their_values(evaluator: Evaluator) -> None:
    asked = {f"/do/0/{number}": says(f". + {number}", 1) for number in range(50)}

    done = await work(evaluator, Evaluate(run="r", frame=3, ask=2, pointer="/do/0/a", expressions=asked))

    assert (done.frame, done.ask, done.problem) == (3, 2, None)
    assert done.values == {f"/do/0/{number}": 1 + number for number in range(50)}


@pytest.mark.usefixtures("patience")
async def test_the_first_expression_of_a_task_that_fails_is_its_problem(evaluator: Evaluator) -> None:
    asked = {"good": says("1"), "in": says("error($x * 999)", x="ab"), "out": says(".a", [SECRET])}

    done = await work(evaluator, Evaluate(run="r", frame=3, ask=2, pointer="/do/0/a", expressions=asked))

    assert done.values == {}
    assert done.problem is not None
    assert (done.problem.type, done.problem.status) == (f"{BASE}expression", 400)
    assert done.problem.instance == "/do/0/a"
    assert done.problem.detail == ("in: " + "ab" * 999)[:500]

    done = await work(
        evaluator, Evaluate(run="r", frame=3, ask=2, pointer="", expressions={"out": asked["out"]})
    )
    assert done.problem is not None
    assert done.problem.detail == 'out: Cannot index array with string ("a")'


@pytest.mark.usefixtures("patience")
async def test_values_that_no_message_would_hold_are_a_problem(evaluator: Evaluator) -> None:
    large = says('"x" * 100000')

    done = await work(
        evaluator, Evaluate(run="r", frame=1, ask=1, pointer="", expressions=dict.fromkeys("abc", large))
    )

    assert done.problem is not None
    assert "together larger than" in done.problem.detail


async def probed(doing: Coroutine[Any, Any, None]) -> float:
    """Return how long the event loop worked at worst without a pause while something was done."""
    away = 0.0
    task = asyncio.create_task(doing)
    while not task.done():
        started = time.thread_time()
        await asyncio.sleep(PROBE_SECONDS)
        away = max(away, time.thread_time() - started)
    await task
    return away


async def end_all(evaluator: Evaluator, texts: list[str], hands: int) -> int:
    """Evaluate hostile expressions, after each one that is not; return how many have ended."""
    gate = asyncio.Semaphore(hands)

    async def one(text: str) -> None:
        async with gate, asyncio.timeout(SECONDS):
            await tried(evaluator, says(text))
            while str(told := await tried(evaluator, says(".a + $x", {"a": 1}, x=2))).startswith(TOO_LONG):
                pass  # the processors are busy: also what is short may take long
            assert told == 3

    await asyncio.gather(*map(one, texts))
    return len(texts)


async def test_hostile_expressions_end_and_the_event_loop_never_waits() -> None:
    hands = 3
    texts = list(hostile())

    async def evaluated() -> None:
        async with Evaluator(hands) as evaluator:
            assert await end_all(evaluator, texts, hands) == len(set(texts)) >= 300

    away = await probed(evaluated())

    print(f"the event loop worked for {away * 1e3:.0f} ms at most without a pause")
    assert away < AWAY_SECONDS
    assert not children()
