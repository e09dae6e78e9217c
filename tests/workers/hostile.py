"""Expressions that would take all time, all memory or all depth: shapes, each with several sizes."""

from collections.abc import Iterator

SIZES = (1_000, 300_000, 20_000_000, 1_000_000_000)
"""The first ones may end well, the last ones never."""
DEPTHS = (50, 1_000, 5_000, 15_000)

SIZED = """
[range(N)]
last(range(N))
reduce range(N) as $i (0; . + $i)
reduce range(N) as $i ([]; . + [$i])
reduce range(N) as $i (0; [.])
reduce range(N) as $i (0; [., .])
reduce range(N) as $i ({}; .["k\\($i)"] = $i)
[foreach range(N) as $i (0; . + $i; select(. < 0))]
[limit(N; repeat(1))] | length
nth(N; repeat(1))
[recurse(if . < N then . + 1 else empty end)] | length
0 | until(. > N; . + 1)
[0 | while(. < N; . + 1)] | last
def f: N | f; f
def f: N + f; f
def f: [f, N]; f
def f(x): x | f(x | x); f(N)
def f(x): f(f(x)); f(N)
"a" * N
"a" * N | length
"a" * N | @sh
"a" * N | @base64 | @base64d | @uri
"<&" * N | @html | @json
"a" * N | explode | implode
"a," * N | split(",") | length
"a" * N | gsub("a"; "bb")
"a" * N | [match("a"; "g")] | length
"a" * N | test("(a+)+$x")
"a" * N | test("^(a|a)*$b")
"a" * N | test("(.*)*(.*)*(.*)*x")
"a" * N | indices("a")
"[" * N | fromjson
"[" * N + "]" * N | fromjson
"1" * N | fromjson
"1" * N | tonumber
error("x" * N)
[range(N)] | tojson | fromjson | length
[range(N)] | @csv
[range(N)] | sort_by(-.) | group_by(. % 7) | length
[range(N)] | map(tostring) | join(",")
[[range(N)], [range(N)]] | combinations | select(. == [-1, -1])
[range(10)] | combinations(N)
[[range(N)]] | transpose | [paths] | length
setpath([range(N)]; 1)
.[N] = 1
[.[N:], .[:N]]
"x" | ltrimstr("y" * N)
0 | strftime("%A" * N)
[N] | implode
pow(N; N) | todate
"a" * N | [splits("a*?"; "g")]
[range(N)] as [$a, $b] | walk($b) | tostream
fromstream(repeat([[N], 1]))
[range(N) | {a: .}] | unique_by(.a) | length
any(range(N); . < 0)
"\\(range(N) | select(. < 0))"
"é" * N | ascii_downcase | ltrimstr("x") | test("é{1000}x")
""".strip()

NESTED = (
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{a:", "1", "}"),
    ("-", "1", ""),
    (".a", "", ""),
    ("1 + ", "1", ""),
    (". | ", ".", ""),
    ("if . then ", "1", " end"),
    ("def f: ", "1; f", "; f"),
    ("try ", "error", ""),
    ("reduce ", "1", " as $x (0; .)"),
    ('"\\(', "1", ')"'),
    ("first(", "1", ")"),
    ("1 as $x | ", "$x", ""),
    (". as [$x] | ", "$x", ""),
    ("# \\\n", "1", ""),
    ("label $f | ", "break $f", ""),
    (".. | ", "1", ""),
)


def hostile() -> Iterator[str]:
    """Yield expressions, the sizes by turns."""
    for size in SIZES:
        yield from (shape.replace("N", str(size)) for shape in SIZED.splitlines())
    for depth in DEPTHS:
        yield from (before * depth + inner + after * depth for before, inner, after in NESTED)
