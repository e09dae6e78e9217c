"""Typical mistakes in definitions: where they are, and what is said of them."""

from typing import Any

import pytest

from actors.definition.bounds import BYTES_MAX, DEPTH_MAX, TASKS_MAX
from actors.definition.check import check
from cli.documents import parse
from tests.definition.kinds import HEAD, document

GET = "call: http, with: {method: get, endpoint: 'https://a.test'"
MISTAKES = """
do: 7                                                 | /do | 7 has to be a list
do: {a: {set: {x: 1}}}                                | /do | {"a":{"set":{"x":1}}} has to be a list
do: [5]                                               | /do/0 | 5 has to be an object
do: [{a: }]                                           | /do/0/a | null has to be an object
do: [{a: {if: .x}}]                                   | /do/0/a | it does not say what is to be done; a task has one of
do: [{a: {sett: {x: 1}}}]                             | /do/0/a | it does not say what is to be done; did you mean set?
do: [{a: {set: {x: 1}}, b: {set: {y: 1}}}]            | /do/0 | a, b: each task is an item of its own
do: [{a: {set: {x: 1}, iff: .x}}]                     | /do/0/a/iff | iff is not known here; did you mean if?
do: [{a/b: {set: {x: 1}, call: http}}]                | /do/0/a~1b/set | set is not known here; there are call, export
do: [{a: {set: [1]}}]                                 | /do/0/a/set | [1] has to be an object or text
do: [{a: {set: {}}}]                                  | /do/0/a/set | there is nothing in it
do: [{a: {set: {x: 1}, then: 5}}]                     | /do/0/a/then | 5 has to be continue, exit, end, or the name
do: [{a: {set: {x: 1}, then: b}}]                     | /do/0/a/then | there is no task b in this list; there are a, continue
do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]          | /do | 2 tasks of the list are called a
do: [{a: {call: http}}]                               | /do/0/a | with is missing
do: [{a: {call: http, with: {method: get}}}]          | /do/0/a/with | endpoint is missing
do: [{a: {GET, output: body}}}]                       | /do/0/a/with/output | "body" has to be one of raw, content, response
do: [{a: {GET, headers: {a: 1}}}}]                    | /do/0/a/with/headers/a | 1 has to be text
do: [{a: {GET, timeout: 5}}}]                         | /do/0/a/with/timeout | timeout is not known here; there are body
do: [{a: {call: http, with: {method: get, endpoint: {uri: b, authentication: {basic: {username: a}}}}}}] | /do/0/a/with/endpoint/authentication/basic | password is missing
do: [{a: {call: http, with: {method: get, endpoint: {uri: b, authentication: {use: me}}}}}] | /do/0/a/with/endpoint/authentication/use | use.authentications has no me; there are none
do: [{a: {call: http, with: {method: get, endpoint: {uri: b, authentication: {digest: {username: a, password: b}}}}}}] | /do/0/a/with/endpoint/authentication/digest | authentication digest: it is of the past
do: [{a: {call: http, with: {method: get, endpoint: {uri: b, authentication: {bearer: {use: s}}}}}}] | /do/0/a/with/endpoint/authentication/bearer/use | authentication by the name of a secret: write
do: [{a: {call: log, with: {mesage: b}}}]             | /do/0/a/with/mesage | a call of log has message, level
do: [{a: {call: log}}]                                | /do/0/a | it does not say what to note: message is missing
do: [{a: {call: nosuch}}]                             | /do/0/a/call | there is no function nosuch; there are http, openapi
do: [{a: {call: mcp, with: {method: tools/list, transport: {http: {endpoint: b}}}}}] | /do/0/a/call | call mcp: the protocol is not implemented
do: [{a: {call: database, with: {query: "SELECT ${ .x }"}}}] | /do/0/a/with/query | a query is written out; what varies
do: [{a: {wait: 5 seconds}}]                          | /do/0/a/wait | "5 seconds" has to be an object of days
do: [{a: {wait: {second: 5}}}]                        | /do/0/a/wait/second | second is not known here; did you mean seconds?
do: [{a: {wait: {seconds: "5"}}}]                     | /do/0/a/wait/seconds | "5" has to be an integer
do: [{a: {for: {each: x}, do: []}}]                   | /do/0/a/for | in is missing
do: [{a: {for: {in: .x}}}]                            | /do/0/a | do is missing
do: [{a: {for: {in: .x, each: a-b}, do: []}}]         | /do/0/a/for/each | a-b is no name that an expression can say
do: [{a: {for: {in: .x, at: input}, do: []}}]         | /do/0/a/for/at | $input is something else already
do: [{a: {switch: [{b: {when: .x}}]}}]                | /do/0/a/switch/0/b | then is missing
do: [{a: {switch: [{b: {then: end}}, {c: {then: exit}}]}}] | /do/0/a/switch/1/c | only one case may have no condition
do: [{a: {try: [{b: {set: {x: 1}}}]}}]                | /do/0/a | catch is missing
do: [{a: {try: [], catch: {retry: nosuch}}}]          | /do/0/a/catch/retry | use.retries has no nosuch; there are none
do: [{a: {try: [], catch: {retry: {limit: {attempts: 3}}}}}] | /do/0/a/catch/retry/limit/attempts | attempts is not known here; did you mean attempt?
do: [{a: {raise: {error: {type: x}}}}]                | /do/0/a/raise/error | status is missing
do: [{a: {fork: {branches: [], compete: yes}}}]       | /do/0/a/fork/compete | "yes" has to be true or false
do: [{a: {fork: {branches: [{b: {set: {x: 1}, then: c}}, {c: {set: {x: 1}}}]}}}] | /do/0/a/fork/branches/0/b/then | a branch of a fork has no other task to go to
do: [{a: {listen: {to: {one: {with: {type: x}}, until: .x}}}}] | /do/0/a/listen/to/until | until does not go with what else stands there
do: [{a: {listen: {to: {one: {with: {type: x}, correlate: {a: {from: .b}}}}}}}] | /do/0/a/listen/to/one/correlate | listen correlate: events are taken by their filters
do: [{a: {emit: {event: {}}}}]                        | /do/0/a/emit/event | with is missing
do: [{a: {emit: {event: {with: {source: "https://x"}}}}}] | /do/0/a/emit/event/with | type is missing
do: [{a: {run: {}}}]                                  | /do/0/a/run | {} has to be an object with container, an object with script
do: [{a: {run: {script: {language: js, code: x}}}}]   | /do/0/a/run/script | run script: a node runs no code out of a document
do: [{a: {set: {x: 1}, timeout: {seconds: 5}}}]       | /do/0/a/timeout/seconds | seconds is not known here; there are after
do: [{a: {set: {x: 1}, timeout: nosuch}}]             | /do/0/a/timeout | use.timeouts has no nosuch; there are none
do: [{a: {set: {x: 1}, metadata: {once: 1}}}]         | /do/0/a/metadata/once | once is true or false
do: [{a: {set: {x: 1}, metadata: {answerWithin: 5}}}] | /do/0/a/metadata/answerWithin | 5 is no duration
do: [{a: {set: {x: 1}, input: {schema: {resource: {endpoint: "https://x"}}}}}] | /do/0/a/input/schema | a schema is written in its document
use: {functions: {f/g: {set: {x: 1}, then: a}}}       | /use/functions/f~1g/then | a function has no other task to go to
evaluate: {mode: loose}                               | /evaluate/mode | evaluate mode loose: a text is an expression or is none
evaluate: {language: js}                              | /evaluate/language | evaluate language: expressions are jq
schedule: {cron: 0 0 * * *}                           | /schedule | schedule: what begins runs are the triggers
timeout: 5                                            | /timeout | 5 has to be an object with after or text
task: []                                              | /task | no such member
"""  # noqa: E501  # a mistake is a line
ROWS = [row for row in MISTAKES.splitlines() if "|" in row and "no such member" not in row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" |")[0].strip())
def test_a_mistake_is_told_where_it_is(row: str) -> None:
    text, at, detail = (part.strip() for part in row.split(" | "))
    text = HEAD + text.replace("GET", GET)
    wrong = check(parse(text if "\ndo:" in text else f"{text}\ndo: []")[0])

    assert at in [one.at for one in wrong]
    assert next(one.detail for one in wrong if one.at == at).startswith(detail)


def test_one_mistake_is_one_fault() -> None:
    wrong = check(document({"do": [{"a": {"do": [{"b": {"set": {"x": 1}, "nonsense": 1}}]}}]}))

    assert [one.at for one in wrong] == ["/do/0/t0/do/0/a/do/0/b/nonsense"]


def test_all_mistakes_are_told_together() -> None:
    wrong = check(document({"wait": 5}, {"set": {}}, {"raise": {"error": {"type": "a"}}}))

    assert [one.at for one in wrong] == ["/do/0/t0/wait", "/do/1/t1/set", "/do/2/t2/raise/error"]


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"do": None}, {"document": 1, "do": {}}])
def test_what_is_no_definition_at_all_is_told_so(value: Any) -> None:
    assert check(value)


def nested(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return document({"set": {"a": value}})


def test_a_definition_is_not_too_deep() -> None:
    taken = DEPTH_MAX - 5  # the document, do, the item, the task, and set

    assert check(nested(taken)) == []
    assert "nested more than" in check(nested(taken + 1))[0].detail
    assert check(nested(100_000))[0].at == ""


def test_a_definition_is_not_too_large() -> None:
    assert check(document({"set": {"a": "x" * (BYTES_MAX - 200)}})) == []
    assert "bytes" in check(document({"set": {"a": "x" * BYTES_MAX}}))[0].detail


def test_a_definition_has_not_too_many_tasks() -> None:
    assert check(document(*({"wait": "PT1S"} for _ in range(TASKS_MAX)))) == []
    assert "501 tasks" in check(document(*({"wait": "PT1S"} for _ in range(TASKS_MAX + 1))))[0].detail


@pytest.mark.parametrize("dsl", ["1.0.0", "1.0.3"])
def test_a_patch_of_the_language_is_run(dsl: str) -> None:
    assert check(parse(HEAD.replace("1.0.3", dsl) + "do: [{a: {set: {x: 1}}}]")[0]) == []


@pytest.mark.parametrize("dsl", ["0.9.0", "1.1.0", "1.10.3", "9.0.3"])
def test_another_version_of_the_language_is_refused(dsl: str) -> None:
    (told,) = check(parse(HEAD.replace("1.0.3", dsl) + "do: [{a: {set: {x: 1}}}]")[0])

    assert (told.at, f"version {dsl} of the language is not run here" in told.detail) == (
        "/document/dsl",
        True,
    )
