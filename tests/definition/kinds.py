"""A task of each kind, with most of what may stand in it."""

from __future__ import annotations

from typing import Any

from cli.documents import parse

HEAD = "document: {dsl: 1.0.3, namespace: n, name: w, version: 0.1.0}\n"
TASKS = """
set: {set: {x: 1, y: "${ .x }"}, if: .x, then: end, input: {from: .a}, output: {as: .b}, export: {as: .c}}
text: {set: "${ . }", timeout: {after: {seconds: 5}}, metadata: {any: thing}}
http:
  call: http
  with:
    method: get
    endpoint: {uri: "https://a.test/{x}", authentication: {basic: {username: a, password: b}}}
    headers: {a: b}
    query: {q: "${ .q }"}
    body: [1]
    output: response
    redirect: true
openapi: {call: openapi, with: {document: {endpoint: "https://a.test"}, operationId: x, parameters: {a: 1}}}
function: {call: log, with: {message: hello}}
do: {do: [{inner: {set: {a: 1}}}]}
for: {for: {each: x, in: .xs, at: i}, while: .go, do: [{inner: {set: {a: 1}}}]}
fork: {fork: {compete: true, branches: [{a: {wait: PT1S}}, {b: {set: {b: 1}}}]}}
try:
  try: [{inner: {wait: {seconds: 1}}}]
  catch:
    errors: {with: {status: 503, type: a}}
    as: e
    when: .x
    retry:
      when: .y
      delay: PT1S
      backoff: {exponential: {}}
      limit: {attempt: {count: 3, duration: PT1M}, duration: PT1H}
      jitter: {from: PT0S, to: PT1S}
    do: [{handle: {set: {a: 1}}}]
    then: end
raise: {raise: {error: {type: "https://a.test", status: 400, title: t, detail: "${ .d }", instance: /a}}}
switch: {switch: [{one: {when: .x, then: end}}, {two: {then: continue}}]}
wait: {wait: "${ .for }"}
emit: {emit: {event: {with: {type: t, source: "https://a.test", data: {a: 1}}}}}
one: {listen: {to: {one: {with: {type: t}, correlate: {a: {from: .b, expect: c}}}}, read: envelope}}
all: {listen: {to: {all: [{with: {type: t}}, {with: {data: "${ .x }"}}]}}}
any: {listen: {to: {any: [], until: .x}}, foreach: {item: e, at: i, do: [{inner: {set: {a: 1}}}]}}
until: {listen: {to: {any: [{with: {type: t}}], until: {one: {with: {type: stop}}}}}}
workflow: {run: {workflow: {namespace: n, name: w, version: 1.0.0, input: {a: 1}}, await: false}}
shell: {run: {shell: {command: ls, arguments: [a], environment: {A: b}}, return: code}}
"""


def tasks() -> dict[str, Any]:
    """Return the tasks by their names."""
    return parse(TASKS)[0]


def document(*bodies: Any, **more: Any) -> dict[str, Any]:
    """Return a definition of these tasks."""
    return {**parse(HEAD)[0], "do": [{f"t{place}": body} for place, body in enumerate(bodies)], **more}
