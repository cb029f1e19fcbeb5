"""A table of broken documents: each with all its problems, and for each problem code, place and hint."""

from __future__ import annotations

import pytest

from headwater import ConfigError, Pipeline
from headwater.config.reserved import RESERVED
from headwater.errors import Problem
from tests.config import kinds

assert kinds.repeat, "imported for its kinds, which the documents name"


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return the problems of a document: the one place that says what loads it."""
    try:
        Pipeline.loads(text, env={"HOME_PAGE": "x", "HEADWATER_SECRET_KEY": "canary-0815"}).plan()
    except ConfigError as error:
        return error.problems
    return ()


GOOD = '{"id": "a", "kind": "say.repeat"}'


def document(steps: str, rest: str = "") -> str:
    """Return a document with its steps on the second line and the rest on the third."""
    return f'{{"name": "x",\n"steps": [{steps}]{"," if rest else ""}\n{rest}}}'


def of_step(rest: str) -> str:
    """Return a document with one step, the given text in it at column 43 of line 2."""
    return document(f'{{"id": "a", "kind": "say.repeat", {rest}}}')


def with_condition(condition: str) -> str:
    """Return a document with one condition, at column 59 of line 2."""
    return document(f'{{"id": "a", "kind": "say.keep", "params": {{"where": {condition}}}}}')


def nested_deep(levels: int) -> str:
    """Return a document inside of documents."""
    steps = GOOD
    for _ in range(levels - 1):
        inner = f'{{"name": "x", "steps": [{steps}]}}'
        steps = f'{{"id": "a", "kind": "control.pipeline", "params": {{"pipeline": {inner}}}}}'
    return document(steps)


def joined(steps: str, edges: str | None = None, rest: str = "") -> str:
    """Return a document with a line for each step, such as `a texts "merge": "concat"`, then its edges, then the rest.

    The kinds are those of `say`; the steps start at line 2.
    """
    lines = []
    for line in steps.split(";"):
        step_id, kind, *more = line.strip().split(" ", 2)
        lines.append(f'{{"id": "{step_id}", "kind": "say.{kind}"{", " if more else ""}{"".join(more)}}}')
    keys = ["" if edges is None else f'"edges": [{edges}]', rest]
    return ",\n".join(['{"name": "x", "steps": [\n' + ",\n".join(lines) + "]", *filter(None, keys)]) + "}"


BROKEN = [
    # nested pipelines
    pytest.param(
        document('{"id": "a", "kind": "control.pipeline", "params": {"pipeline": "other.json"}}'),
        ["2:74 $.steps[0].params.pipeline nested-path !write the pipeline itself"],
        id="path of a pipeline in text",
    ),
    pytest.param(
        document('{"id": "a", "kind": "control.pipeline", "params": {"pipeline": {"name": "x", "step": []}}}'),
        ["2:88 $.steps[0].params.pipeline.step unknown-key !did you mean 'steps'?"],
        id="broken nested pipeline",
    ),
    pytest.param(
        document(
            '{"id": "a", "kind": "control.map", "params": {"pipeline": {"name": "x", "steps": '
            '[{"id": "b", "kind": "say.texts"}]}}}'
        ),
        ["2:56 $.steps[0].params wrong-pipeline"],
        id="nested pipeline without an input",
    ),
    pytest.param(
        nested_deep(14),
        [f"2:{74 + 87 * 12} $" + ".steps[0].params.pipeline" * 13 + " nested-too-deep"],
        id="deeply nested pipeline",
    ),
    # what is no JSON
    pytest.param('{"name": "x",}', ["1:13 $.name syntax !"], id="trailing comma"),
    pytest.param("{'name': 1}", ["1:2 $ syntax !"], id="single quotes"),
    pytest.param('{\n// note\n"name": 1}', ["2:1 $ syntax !"], id="comment"),
    pytest.param('{"name": "x', ["1:10 $.name syntax !"], id="unclosed text"),
    pytest.param('{"name": [1, 2}', ["1:15 $.name[1] syntax"], id="wrong bracket"),
    pytest.param('{"name": [1, 2', ["1:15 $.name[1] syntax !"], id="unclosed bracket"),
    pytest.param('{"name": "a" "b": 1}', ["1:14 $.name syntax !"], id="missing comma"),
    pytest.param('{"name" "a"}', ["1:9 $.name syntax !"], id="missing colon"),
    pytest.param('{"name": True}', ["1:10 $.name syntax !"], id="word of Python"),
    pytest.param('{"name": "a\\x"}', ["1:12 $.name syntax !"], id="bad escape"),
    pytest.param('{"name": 1} 2', ["1:13 $ syntax !"], id="text after the end"),
    pytest.param('{"name": 01}', ["1:10 $.name syntax !"], id="leading zero"),
    pytest.param("{name: 1}", ["1:2 $ syntax !"], id="key without quotes"),
    pytest.param('{"a":' + "[" * 70 + "]" * 70 + "}", ["1:69 too-deep"], id="too deep"),
    pytest.param('{"n": ' + "9" * 5_000 + "}", ["1:7 $.n number-too-large"], id="too many digits"),
    # what is JSON, but not a value that can be used
    pytest.param(
        document(GOOD, '"name": "y", "version": NaN'),
        ["3:1 $.name duplicate-key !", "3:25 $.version not-a-number !"],
        id="duplicate key and NaN",
    ),
    pytest.param(
        document(GOOD, '"timeout": {"total_s": 1e999}'), ["3:24 $.timeout.total_s number-too-large !"], id="infinite"
    ),
    pytest.param(document(GOOD, '"version": "\\ud800"'), ["3:12 $.version bad-text !"], id="half a surrogate pair"),
    # keys
    pytest.param("{}", ["1:1 $.name missing-key !", "1:1 $.steps missing-key !"], id="empty"),
    pytest.param(
        document(GOOD, '"conections": [], "zzz": 1'),
        ["3:1 $.conections unknown-key", "3:19 $.zzz unknown-key"],
        id="unknown keys of the document",
    ),
    pytest.param(of_step('"parms": {}'), ["2:45 $.steps[0].parms unknown-key !params"], id="misspelled key of a step"),
    pytest.param(document('{"kind": "say.repeat"}'), ["2:11 $.steps[0].id missing-key !"], id="step without id"),
    pytest.param(document('{"id": "a"}'), ["2:11 $.steps[0].kind missing-key !"], id="step without kind"),
    pytest.param(of_step('"fallback": {}'), ["2:45 $.steps[0].fallback not-supported !"], id="key of a later version"),
    pytest.param(
        document(GOOD, '"timeout": {"idle_s": 3, "totl_s": 1}'),
        ["3:13 $.timeout.idle_s unknown-key !", "3:26 $.timeout.totl_s unknown-key !total_s"],
        id="keys of a timeout",
    ),
    pytest.param(
        of_step('"on_error": "skip"'),
        ["2:57 $.steps[0].on_error wrong-value"],
        id="what happens on an error",
    ),
    pytest.param(
        of_step('"on_error": {"value": "x", "fallback": {"kind": "say.same"}}'),
        ["2:57 $.steps[0].on_error wrong-value"],
        id="two things on an error",
    ),
    pytest.param(
        of_step('"retry": {"attempts": 0, "on": ["a b"], "pause_s": 1}'),
        [
            "2:67 $.steps[0].retry.attempts wrong-value",
            "2:77 $.steps[0].retry.on[0] wrong-value",
            "2:85 $.steps[0].retry.pause_s unknown-key !",
        ],
        id="retry",
    ),
    pytest.param(
        of_step(
            '"on_error": {"fallback": {"kind": "say.sme"}}, "compensate": {"kind": "say.repeat", "params": {"x": 1}}'
        ),
        [
            "2:79 $.steps[0].on_error.fallback.kind unknown-kind !say.same",
            "2:140 $.steps[0].compensate.params.x unknown-param !",
        ],
        id="steps in policies",
    ),
    pytest.param(
        of_step('"on_error": {"value": 3}'),
        ["2:67 $.steps[0].on_error.value unfit-policy !str"],
        id="policies that do not fit",
    ),
    pytest.param(
        of_step('"on_error": {"fallback": {"kind": "say.texts"}}'),
        ["2:70 $.steps[0].on_error.fallback unfit-fallback !reads str"],
        id="fallback that does not fit",
    ),
    pytest.param(
        of_step('"circuit_breaker": {"failures": 0}, "rate_limit": {"burst": 1, "key": 3}, "cache": {"ttl": 3}'),
        [
            "2:77 $.steps[0].circuit_breaker.failures wrong-value",
            "2:95 $.steps[0].rate_limit.per_s missing-key !",
            "2:115 $.steps[0].rate_limit.key wrong-type",
            "2:129 $.steps[0].cache.ttl unknown-key !ttl_s",
        ],
        id="shared policies",
    ),
    pytest.param(
        of_step('"batch": {"across": "world", "size": 0}, "ordered": false'),
        [
            "2:54 $.steps[0].batch unfit-policy !batched=True",
            "2:65 $.steps[0].batch.across wrong-value",
            "2:82 $.steps[0].batch.size wrong-value",
            "2:97 $.steps[0].ordered no-concurrency !concurrency",
        ],
        id="batches",
    ),
    pytest.param(
        of_step('"batch": {}'),
        ["2:54 $.steps[0].batch unfit-policy !batched=True"],
        id="batch of a step that takes single items",
    ),
    pytest.param(
        of_step('"rate_limit": {"per_s": 1, "key": ["a", "b"]}'),
        ["2:79 $.steps[0].rate_limit.key unknown-field !records"],
        id="key of a string",
    ),
    pytest.param(
        joined('a texts "cache": {}, "rate_limit": {"per_s": 1, "key": "x"}'),
        ["2:43 $.steps[0].cache unfit-policy !", "2:81 $.steps[0].rate_limit.key unfit-policy !key"],
        id="policies of items on a stream",
    ),
    pytest.param(
        document(GOOD, '"slo": {"step_success_rate": 95, "p95_s": 1}'),
        ["3:30 $.slo.step_success_rate wrong-value", "3:34 $.slo.p95_s unknown-key !"],
        id="service levels",
    ),
    pytest.param(
        document(GOOD, '"slo": {"executions": 5}'),
        ["3:8 $.slo unfit-policy !step_success_rate"],
        id="service levels without an objective",
    ),
    # values
    pytest.param('{"name": "x", "steps": {}}', ["1:24 $.steps wrong-type"], id="steps that are no list"),
    pytest.param('{"name": "x", "steps": []}', ["1:24 $.steps wrong-value"], id="no steps"),
    pytest.param(document(GOOD + ", 7"), ["2:46 $.steps[1] wrong-type"], id="step that is a number"),
    pytest.param(of_step('"concurrency": "3"'), ["2:60 $.steps[0].concurrency wrong-type"], id="number as text"),
    pytest.param(of_step('"concurrency": true'), ["2:60 $.steps[0].concurrency wrong-type"], id="number as boolean"),
    pytest.param(of_step('"concurrency": 0'), ["2:60 $.steps[0].concurrency wrong-value"], id="number out of range"),
    pytest.param(of_step('"inline": 1'), ["2:55 $.steps[0].inline wrong-type"], id="boolean as number"),
    pytest.param(document('{"id": "a b", "kind": "say.repeat"}'), ["2:18 $.steps[0].id wrong-value"], id="odd id"),
    pytest.param(
        document(GOOD, '"streaming": {"emit_items": "al", "history": 0.5}'),
        ["3:29 $.streaming.emit_items wrong-value", "3:46 $.streaming.history wrong-type"],
        id="streaming",
    ),
    pytest.param(document(GOOD, '"output": []'), ["3:11 $.output wrong-value"], id="no output at all"),
    # edges
    pytest.param(document(GOOD, '"edges": ["a - a"]'), ["3:11 $.edges[0] bad-edge"], id="edge without arrow"),
    pytest.param(document(GOOD, '"edges": ["a->a->a"]'), ["3:11 $.edges[0] bad-edge !each arrow"], id="two arrows"),
    pytest.param(document(GOOD, '"edges": ["a -> "]'), ["3:11 $.edges[0] wrong-value"], id="edge to nowhere"),
    pytest.param(
        document(GOOD, '"edges": [{"from": "a", "too": "a", "buffer": 0}]'),
        [
            "3:25 $.edges[0].too unknown-key !to",
            "3:47 $.edges[0].buffer wrong-value",
        ],
        id="three problems of one edge",
    ),
    pytest.param(
        joined("a texts; b same", '{"from": "a", "to": "b", "buffer_bytes": 0, "on_full": "drop"}'),
        ["4:52 $.edges[0].buffer_bytes wrong-value", "4:66 $.edges[0].on_full wrong-value"],
        id="bounds of an edge",
    ),
    pytest.param(
        joined("a texts; b same", '{"from": "a", "to": "b", "buffer": 3, "on_full": "latest", "buffer_bytes": 9}'),
        ["4:36 $.edges[0].buffer edge-option !drop_oldest", "4:70 $.edges[0].buffer_bytes edge-option !remove"],
        id="more than the latest item",
    ),
    pytest.param(
        joined(
            "a texts; b count_pairs; c same; d double",
            '"input -> b", "a -> c", {"from": "b", "to": "d", "buffer_bytes": 9, "on_full": "wait"}',
        ),
        ["6:79 $.edges[2].on_full edge-option !remove"],
        id="bounds of one value",
    ),
    pytest.param(
        document(GOOD, '"timeout": {"stall_s": 0, "stal_s": 1}'),
        ["3:24 $.timeout.stall_s wrong-value", "3:27 $.timeout.stal_s unknown-key !stall_s"],
        id="time of a stall",
    ),
    # kinds and params
    pytest.param(
        document('{"id": "a", "kind": "say.repaet"}'), ["2:31 $.steps[0].kind unknown-kind !say.repeat"], id="kind"
    ),
    pytest.param(document('{"id": "a", "kind": "qqq.zzz"}'), ["2:31 $.steps[0].kind unknown-kind !--steps"], id="odd"),
    pytest.param(
        of_step('"params": {"times": "3", "marc": "!"}'),
        ["2:65 $.steps[0].params.times wrong-type", "2:70 $.steps[0].params.marc unknown-param !mark"],
        id="params of a function",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep"}'),
        ["2:11 $.steps[0].params.where missing-key !where"],
        id="missing param",
    ),
    # conditions
    pytest.param(
        with_condition('{"gee": 1}'), ["2:64 $.steps[0].params.where.gee unknown-operator !ge"], id="unknown operator"
    ),
    pytest.param(
        with_condition('{"all": [{"ge": true}, {"field": "a..b", "eq": 1}, {}]}'),
        [
            "2:79 $.steps[0].params.where.all[0].ge bad-operand",
            "2:96 $.steps[0].params.where.all[1].field bad-field",
            "2:114 $.steps[0].params.where.all[2] bad-condition !",
        ],
        id="three problems of one condition",
    ),
    pytest.param(
        with_condition('{"matches": "(a"}'), ["2:75 $.steps[0].params.where.matches bad-operand"], id="bad pattern"
    ),
    pytest.param(
        with_condition('{"matches": "((a{99}){99}){99}"}'),
        ["2:75 $.steps[0].params.where.matches bad-operand"],
        id="huge pattern",
    ),
    pytest.param(
        document(GOOD, '"edges": [{"from": "a", "to": "output", "when": {"is": 1}}]'),
        ["3:50 $.edges[0].when.is unknown-operator"],
        id="condition of an edge",
    ),
    # templates, parameters and secrets
    pytest.param(
        of_step('"params": {"mark": "${parameters.z}"}'),
        ["2:64 $.steps[0].params.mark unknown-parameter !"],
        id="unknown parameter",
    ),
    pytest.param(
        of_step('"params": {"mark": "${env.HOME_PAG}"}'),
        ["2:64 $.steps[0].params.mark unknown-variable !set it before"],
        id="unknown variable",
    ),
    pytest.param(
        of_step('"params": {"mark": "${1 + 1}"}'), ["2:64 $.steps[0].params.mark bad-template !"], id="expression"
    ),
    pytest.param(of_step('"params": {"mark": "a ${b"}'), ["2:64 $.steps[0].params.mark bad-template !"], id="unclosed"),
    pytest.param(
        document('{"id": "${env.HOME_PAGE}", "kind": "say.repeat"}'),
        ["2:18 $.steps[0].id template-misplaced !"],
        id="template in an id",
    ),
    pytest.param(
        document(GOOD, '"parameters": {"n": {"type": "integer", "default": "3"}, "m": {"type": "integer"}}'),
        ["3:52 $.parameters.n.default wrong-parameter", "3:63 $.parameters.m missing-parameter !--set"],
        id="parameters",
    ),
    pytest.param(
        document(GOOD, '"parameters": {"n": {"type": "int"}}'), ["3:30 $.parameters.n.type wrong-value"], id="type"
    ),
    pytest.param(
        of_step('"params": {"mark": "${secret.KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !"],
        id="secret for a text",
    ),
    pytest.param(
        of_step('"params": {"mark": "key ${secret.KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !"],
        id="secret within a text",
    ),
    pytest.param(
        of_step('"params": {"mark": "${env.HEADWATER_SECRET_KEY}"}'),
        ["2:64 $.steps[0].params.mark secret-misplaced !${secret.KEY}"],
        id="secret as a variable",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep", "params": {"where": {"eq": 1}, "token": "open"}}'),
        ["2:83 $.steps[0].params.token secret-literal !"],
        id="secret in the document",
    ),
    pytest.param(
        document('{"id": "a", "kind": "say.keep", "params": {"where": {"eq": 1}, "token": "${secret.KEYY}"}}'),
        ["2:83 $.steps[0].params.token unknown-secret !KEY"],
        id="unknown secret",
    ),
    # the ends of edges
    pytest.param(joined("a texts; b same", '"a -> bb", "a -> b"'), ["4:11 $.edges[0] unknown-step !'b'"], id="step"),
    pytest.param(
        joined("a texts; b same", '"a -> b.itms"'), ["4:11 $.edges[0] unknown-port !'items'"], id="unknown input"
    ),
    pytest.param(
        joined("a sort; b same", '"a.god -> b", "input -> a"'),
        ["4:11 $.edges[0] unknown-port !'good'"],
        id="unknown output",
    ),
    pytest.param(joined("a same; b texts", '"a -> b"'), ["4:11 $.edges[0] no-port"], id="edge into a source"),
    pytest.param(joined("a same; b texts"), ["3:1 $.steps[1] no-port !write the edges"], id="source in a chain"),
    pytest.param(joined("a sort; b same", '"a -> b"'), ["4:11 $.edges[0] ambiguous-port !a.good"], id="which output"),
    pytest.param(joined("a texts; b zip", '"a -> b"'), ["4:11 $.edges[0] ambiguous-port !b.left"], id="which input"),
    pytest.param(
        joined("a texts; b zip"), ["3:1 $.steps[1] ambiguous-port !write the edges"], id="which input of a chain"
    ),
    pytest.param(
        joined("a same; b same", '"output -> a", "a -> b"'),
        ["4:11 $.edges[0] misplaced-end !'input'"],
        id="edge out of the output",
    ),
    pytest.param(
        joined("a same; b same", '"a -> b", {"from": "b", "to": "input"}'),
        ["4:21 $.edges[1] misplaced-end !'output'"],
        id="edge into the input",
    ),
    pytest.param(
        joined("a same", '"input -> output", "input -> a"'), ["3:11 $.edges[0] misplaced-end !"], id="input to output"
    ),
    pytest.param(
        joined("a same; b same", '"input.x -> a", "a -> b"'),
        ["4:11 $.edges[0] unknown-port !'input' alone"],
        id="port of the pipeline's input",
    ),
    pytest.param(
        joined("a texts; b same", '"a -> b", "a -> b.items"'),
        ["4:21 $.edges[1] duplicate-edge !remove"],
        id="edge written twice",
    ),
    pytest.param(joined("a texts; b same", None, '"output": "bb"'), ["4:11 $.output unknown-step !'b'"], id="output"),
    pytest.param(
        joined("a texts; b sort", None, '"output": ["b.good", "b.bat"]'),
        ["4:22 $.output[1] unknown-port !'bad'"],
        id="port of an output",
    ),
    pytest.param(
        joined("a texts; b same", None, '"output": ["b", "b.out"]'),
        ["4:17 $.output[1] duplicate-edge !"],
        id="output named twice",
    ),
    # an edge of which only an option is wrong still joins its steps
    pytest.param(
        joined("a texts; b same", '{"from": "a", "to": "b", "buffer": 70000}'),
        ["4:46 $.edges[0].buffer wrong-value"],
        id="buffer out of range",
    ),
    pytest.param(
        joined("a texts; b repeat", '{"from": "a", "to": "b", "adapt": "zip"}'),
        ["4:45 $.edges[0].adapt wrong-value"],
        id="unknown adapter",
    ),
    pytest.param(
        joined("a texts; b sum", '{"from": "a", "to": "b", "when": {"all": [{"field": "", "eq": 1}]}}'),
        ["4:11 $.edges[0] type-mismatch !", "4:63 $.edges[0].when.all[0].field bad-field"],
        id="edge with a wrong condition and wrong types",
    ),
    # the structure as a whole
    pytest.param(
        joined("a same; b same; c same", '"a -> b", "b -> c", "c -> a"'), ["5:31 $.edges[2] cycle !"], id="cycle"
    ),
    pytest.param(
        joined("a same; b same; c same; d same", '"a -> b", "b -> a", "c -> d", {"from": "d", "to": "c"}'),
        ["6:21 $.edges[1] cycle !", "6:41 $.edges[3] cycle !"],
        id="two cycles",
    ),
    pytest.param(
        joined("a same; b same", '"a -> b", "b -> b"'), ["4:21 $.edges[1] self-loop !remove"], id="step feeds itself"
    ),
    pytest.param(
        joined("a texts; a same; a sum"),
        ["3:8 $.steps[1].id duplicate-id !", "4:8 $.steps[2].id duplicate-id !"],
        id="one id for three steps",
    ),
    pytest.param(
        joined("input texts; output same"),
        ["2:8 $.steps[0].id reserved-id !", "3:8 $.steps[1].id reserved-id !"],
        id="ids of the pipeline's own ends",
    ),
    pytest.param(
        joined("a texts; b same; c texts; d same", '"a -> b"'),
        ["4:1 $.steps[2] unused-step !", "5:1 $.steps[3] unused-step !"],
        id="steps without edges",
    ),
    pytest.param(
        joined("a texts; b sort", None, '"output": ["b.bad"]'),
        ["3:1 $.steps[1] unread-output !'b.good'"],
        id="main output that nothing reads",
    ),
    pytest.param(
        joined("a texts; b zip", '"a -> b.left"'), ["3:1 $.steps[1] missing-input !'b.right'"], id="missing input"
    ),
    pytest.param(
        joined("a same; b same; c same", '"input -> a", "b -> c"'),
        ["3:1 $.steps[1] missing-input !input -> b.items"],
        id="input that goes elsewhere",
    ),
    pytest.param(
        joined("a texts; b texts; c texts; d same", '"a -> d", "b -> d", "c -> d"'),
        ['6:21 $.edges[1] merge-missing !"merge": "interleave"'],
        id="three edges into one port",
    ),
    pytest.param(
        joined('a texts; b same "merge": "concat"'), ["3:42 $.steps[1].merge merge-unused !"], id="merge of nothing"
    ),
    pytest.param(
        joined(
            'a texts; b texts; c zip "merge": {"lft": "concat", "right": "concat"}', '"a -> c.left", "b -> c.right"'
        ),
        ["4:42 $.steps[2].merge.lft unknown-port !'left'", "4:59 $.steps[2].merge.right merge-unused !"],
        id="merge by ports",
    ),
    pytest.param(
        of_step('"merge": {"policy": "zap", "unequl": "pad"}'),
        ["2:65 $.steps[0].merge.policy wrong-value", "2:72 $.steps[0].merge.unequl unknown-key !unequal"],
        id="merge policy that does not exist",
    ),
    pytest.param(of_step('"merge": {"unequal": "pad"}'), ["2:66 $.steps[0].merge.unequal wrong-value"], id="no policy"),
    pytest.param(
        joined(
            'a texts; b texts; c same "merge": {"policy": "interleave", "unequal": "fail", "pad": 0}',
            '"a -> c", "b -> c"',
        ),
        ["4:67 $.steps[2].merge.unequal merge-option !remove", "4:86 $.steps[2].merge.pad merge-option !pad"],
        id="merge with the options of another policy",
    ),
    pytest.param(
        joined('a texts; b numbers; c count_pairs "merge": "zip"', '"a -> c", "b -> c"'),
        ["5:11 $.edges[0] type-mismatch !"],
        id="zip of streams that their reader does not take",
    ),
    pytest.param(
        joined(
            'a texts; b same; c count_pairs "merge": "zip"',
            '"a -> b", {"from": "a", "to": "c"}, "b -> c"',
        ),
        ["5:21 $.edges[1] deadlock-risk !one item for one item"],
        id="zip of branches that may differ",
    ),
    pytest.param(
        joined(
            'a texts; b same; c same; d same "merge": "concat"',
            '"a -> b", "a -> c", "b -> d", {"from": "c", "to": "d"}',
        ),
        ["6:41 $.edges[3] deadlock-risk !interleave"],
        id="branches that wait for each other",
    ),
    pytest.param(
        joined('a save "params": {"path": "x"}; b save "params": {"path": "./x"}', '"input -> a", "input -> b"'),
        ["3:52 $.steps[1].params.path shared-file !give each"],
        id="one file for two steps",
    ),
    # types
    pytest.param(joined("a texts; b double"), ["3:1 $.steps[1] type-mismatch !"], id="item of another type"),
    pytest.param(
        joined("a texts; b sum", '"a -> b"'), ["4:11 $.edges[0] type-mismatch !"], id="stream of another type"
    ),
    pytest.param(
        joined("a texts; b double; c sum; d texts; e sum", '"a -> b", "b -> c", "d -> e"'),
        ["7:11 $.edges[0] type-mismatch !", "7:31 $.edges[2] type-mismatch !"],
        id="two types that do not fit, and a consequence",
    ),
    pytest.param(
        joined('a texts; b numbers; c store "merge": "interleave"', '"a -> c", "b -> c"'),
        ["5:21 $.edges[1] type-mismatch !"],
        id="one of two merged streams",
    ),
    pytest.param(joined("a texts; b read_titled"), ["3:1 $.steps[1] header-mismatch !"], id="header that is not there"),
    pytest.param(joined("a titled; b read_language"), ["3:1 $.steps[1] header-mismatch"], id="another header"),
    pytest.param(
        joined('a titled; b titled; c read_titled "merge": "concat"', '"a -> c", "b -> c"'),
        ["5:21 $.edges[1] merged-headers !"],
        id="two headers for one stream",
    ),
    pytest.param(joined("a texts; b opened"), ["3:1 $.steps[1] mapped-header !Stream"], id="header for each item"),
    pytest.param(
        joined("a snapshots; b read_deltas"), ["3:1 $.steps[1] mode-mismatch !to_delta"], id="snapshots as deltas"
    ),
    pytest.param(
        joined("a texts; b texts; c pair", '"a -> c.left", "b -> c.right"'),
        ["4:1 $.steps[2] several-mapped !Stream"],
        id="mapped over two streams",
    ),
    pytest.param(
        joined("a texts; b same", '{"from": "a", "to": "b", "adapt": "map"}'),
        ["4:11 $.edges[0] no-adapter !remove"],
        id="adapter where none is needed",
    ),
    pytest.param(
        joined("a texts; b repeat", '{"from": "a", "to": "b", "adapt": "join"}'),
        ["4:11 $.edges[0] no-adapter !"],
        id="adapter without a rule",
    ),
    pytest.param(joined("a texts; b crunch"), ["3:1 $.steps[1] cpu-streams !blocking=True"], id="stream in a process"),
    pytest.param(
        joined('a texts; b reader "task": "raeding"'), ["3:43 $.steps[1].task unknown-task"], id="unknown task"
    ),
    pytest.param(
        joined('a texts; b same "task": "reading"'), ["3:41 $.steps[1].task unknown-task"], id="task of another step"
    ),
    pytest.param(
        joined('a options "params": {"size": 10, "names": ["a", 2]}'),
        ["2:55 $.steps[0].params.size wrong-value", "2:74 $.steps[0].params.names[1] wrong-type"],
        id="params within bounds and lists",
    ),
    pytest.param(
        joined('a texts; b store "concurrency": 2'), ["3:49 $.steps[1].concurrency no-concurrency !"], id="concurrency"
    ),
    pytest.param(
        document('{"id": "a", "kind": "stream.validate", "params": {"schema": {"pattern": "("}}}'),
        ["2:83 $.steps[0].params.schema.pattern bad-schema !"],
        id="bad pattern of a schema",
    ),
    pytest.param(
        document('{"id": "a", "kind": "stream.pick", "params": {"fields": ["a", "a.b"]}}'),
        ["2:67 $.steps[0].params.fields refused-value"],
        id="value that a check in Python refuses",
    ),
    # what is broken already is not blamed for what follows from it
    pytest.param(
        document(
            '{"id": "my.texts", "kind": "say.texts"}, {"id": "b", "kind": "say.zip"}', '"edges": ["my.texts -> b.left"]'
        ),
        ["2:18 $.steps[0].id wrong-value"],
        id="edge from a step whose id is refused",
    ),
    pytest.param(
        document('{"di": "a", "kind": "say.texts"}, {"id": "b", "kind": "say.same"}', '"edges": ["a -> b"]'),
        ["2:12 $.steps[0].di unknown-key !'id', which is missing"],
        id="edge from a step whose id is misspelled",
    ),
    pytest.param(
        joined("a texts; b same", '"a -> b"', '"output": ["b", 7], "nmae": 1'),
        ["5:17 $.output[1] wrong-type", "5:21 $.nmae unknown-key !'name'"],
        id="one of two outputs, and another problem",
    ),
    pytest.param(
        document(
            '{"id": "a", "kind": "say.repeat", "params": {"times": "${parameters.n}"}}, '
            '{"id": "b", "kind": "say.nope"}',
            '"parameters": {"n": {"typ": "integer"}, "m": {"type": "integer", "default": "x"}}',
        ),
        [
            "2:106 $.steps[1].kind unknown-kind !",
            "3:22 $.parameters.n.typ unknown-key !'type'",
            "3:77 $.parameters.m.default wrong-parameter",
        ],
        id="parameters that are broken, and another problem",
    ),
    pytest.param(
        of_step('"params": {"times": "${parameters.n}"}').replace(
            "]\n", '],\n"parameters": {"n": {"type": "integer", "default": "x"}}'
        ),
        ["3:52 $.parameters.n.default wrong-parameter"],
        id="template of a parameter whose default is wrong",
    ),
    pytest.param(
        joined("a numbers; b nothing; c read_titled"), ["3:21 $.steps[1].kind unknown-kind !"], id="kind in a chain"
    ),
    pytest.param(
        joined('a texts "params": {"count": "x"}; b sum', '"a -> b"', '"output": "b"'),
        ["2:54 $.steps[0].params.count wrong-type", "4:11 $.edges[0] type-mismatch !"],
        id="param of a step whose types do not fit either",
    ),
    pytest.param(joined("a texts; b same", '"a => b"'), ["4:11 $.edges[0] bad-edge"], id="the only edge is broken"),
    pytest.param(
        joined('a texts "params": 7; b same'), ["2:44 $.steps[0].params wrong-type"], id="params that are no object"
    ),
    pytest.param(
        joined("a texts; b same", None, '"output": "b c"'), ["4:11 $.output wrong-value"], id="output that is no end"
    ),
    pytest.param(
        joined('a process.pipe "params": {"argv": ["sort"]}').replace("say.process", "process"),
        ["2:21 $.steps[0].kind not-allowed !--allow process"],
        id="permission that is not given",
    ),
    pytest.param(
        joined("a same; b longest"), ["3:1 $.steps[1] ambiguous-adapter !"], id="items that may be lists or strings"
    ),
    pytest.param(
        joined(
            'a numbers; b same "params": {}; c numbers',
            '{"from": "a", "to": "b", "when": {"field": "x", "gt": 1}}',
            '"output": ["b", "c"]',
        ),
        ["5:54 $.edges[0].when.field unknown-field !connect records"],
        id="condition on a field that no item has",
    ),
    # many at once
    pytest.param(
        joined(
            "t texts; s sum; z zip; p pair; r read_titled",
            '"t -> s", "t -> z.left", "t -> p.left", "t -> p.right", "t -> r", "r -> y"',
            '"output": ["s", "w"]',
        ),
        [
            "4:1 $.steps[2] missing-input !'z.right'",
            "5:1 $.steps[3] several-mapped !",
            "7:11 $.edges[0] type-mismatch !",
            "7:67 $.edges[4] header-mismatch !",
            "7:77 $.edges[5] unknown-step",
            "8:17 $.output[1] unknown-step",
        ],
        id="graph and types at once",
    ),
    pytest.param(
        '{"nmae": "x",\n"steps": [\n'
        '{"id": "a", "kind": "say.texts", "params": {"cuont": 1}},\n'
        '{"id": "a", "kind": "say.same"},\n'
        '{"id": "n", "kind": "say.numbers"},\n'
        '{"id": "r", "kind": "say.repeat", "concurrency": 0, "params": {"mark": "${env.HOMEPAGE}"}},\n'
        '{"id": "k", "kind": "say.nix"},\n'
        '{"id": "w", "kind": "say.keep", "params": {"where": {"gte": 1}, "token": "open"}}],\n'
        '"edges": ["n -> r", "k -> n", "n -> q", "r -> r", 7, {"from": "n", "to": "w", "when": {"is": 1}}],\n'
        '"output": "zz", "streaming": {"history": 0}, "parameters": {"top": {"type": "integer"}}}',
        [
            "1:2 $.nmae unknown-key !'name'",
            "3:45 $.steps[0].params.cuont unknown-param !'count'",
            "4:8 $.steps[1].id duplicate-id !",
            "6:50 $.steps[3].concurrency wrong-value",
            "6:72 $.steps[3].params.mark unknown-variable !set it before",
            "7:21 $.steps[4].kind unknown-kind !",
            "8:54 $.steps[5].params.where.gte unknown-operator !",
            "8:74 $.steps[5].params.token secret-literal !",
            "9:11 $.edges[0] type-mismatch !",
            "9:21 $.edges[1] no-port",
            "9:31 $.edges[2] unknown-step",
            "9:41 $.edges[3] self-loop !",
            "9:51 $.edges[4] wrong-type",
            "9:54 $.edges[5] type-mismatch !",
            "9:88 $.edges[5].when.is unknown-operator",
            "10:11 $.output unknown-step",
            "10:42 $.streaming.history wrong-value",
            "10:68 $.parameters.top missing-parameter !--set",
        ],
        id="eighteen problems of every phase",
    ),
    pytest.param(
        '{"nmae": "x",\n "steps": [{"id": "a", "kind": "say.repeat", "params": {"times": null}},\n'
        '  {"id": 2, "kind": "say.what", "inline": "no"}],\n "edges": ["input -> a", 5]}',
        [
            "1:2 $.nmae unknown-key !name",
            "2:66 $.steps[0].params.times wrong-type",
            "3:10 $.steps[1].id wrong-type",
            "3:21 $.steps[1].kind unknown-kind !",
            "3:43 $.steps[1].inline wrong-type",
            "4:26 $.edges[1] wrong-type",
        ],
        id="all phases at once",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_reports_every_problem_with_its_place_when_a_document_is_broken(text: str, expected: list[str]) -> None:
    """Each line says position, path, code, and after `!` a part of the hint, in the order of the document."""
    found = problems_of(text)
    summary = [f"{one.line}:{one.column} {one.path} {one.code} !{one.hint}" for one in found]
    wanted = [line.split(" ") for line in expected]
    assert len(summary) == len(wanted), "\n".join(summary)
    for line, problem, parts in zip(expected, found, wanted, strict=True):
        assert f"{problem.line}:{problem.column}" == parts[0], (line, str(problem))
        assert problem.code in parts, (line, str(problem))
        assert len(parts) == 2 or parts[1] in {problem.path, problem.code}, (line, str(problem))
        if "!" in line:
            hint = line.partition("!")[2]
            assert problem.hint
            assert hint in problem.hint, (line, str(problem))


@pytest.mark.parametrize("text", [parameter.values[0] for parameter in BROKEN], ids=[one.id for one in BROKEN])
def test_reports_problems_in_the_order_of_the_document_and_none_twice(text: str) -> None:
    """Positions only ascend, and no two problems say the same of one place."""
    problems = problems_of(text)
    places = [(problem.line or 0, problem.column or 0) for problem in problems]
    assert places == sorted(places)
    assert len({(problem.code, problem.path, problem.message) for problem in problems}) == len(problems)


def test_has_no_problem_when_a_document_is_good() -> None:
    """The table's building blocks load, so that each of its problems is the one meant."""
    assert problems_of(document(GOOD, '"edges": ["input -> a", "a -> output"]')) == ()
    assert problems_of(with_condition('{"field": "a.b", "ge": 1}')) == ()


def test_messages_say_what_was_expected_and_found_when_a_value_is_wrong() -> None:
    """The words come from the declaration: its range, its alternatives."""
    assert problems_of(of_step('"concurrency": "x"'))[0].message == (
        "expected a whole number from 1 to 1024, found the string 'x'"
    )
    assert problems_of(document(GOOD, '"streaming": {"emit_items": 3}'))[0].message == (
        "expected 'none' or 'first' or 'sample' or 'all', found the number 3"
    )


def test_table_is_large_enough() -> None:
    """At least 80 different documents, none of them twice."""
    texts = [parameter.values[0] for parameter in BROKEN]
    assert len(set(map(str, texts))) == len(texts) >= 80


RESERVED_PLACES = {
    "the document": '{{"name": "x", "steps": [{{"id": "a", "kind": "say.repeat"}}],\n"{}": {{}}}}',
    "a step": '{{"name": "x", "steps": [{{"id": "a", "kind": "say.repeat",\n"{}": {{}}}}]}}',
    "a timeout": '{{"name": "x", "steps": [{{"id": "a", "kind": "say.repeat", "timeout": {{\n"{}": 1}}}}]}}',
    "on_error": '{{"name": "x", "steps": [{{"id": "a", "kind": "say.repeat", "on_error":\n"{}"}}]}}',
}


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in RESERVED.items() for name in names])
def test_refuses_as_not_supported_when_a_key_or_value_is_reserved(part: str, name: str) -> None:
    """What a later version will know is not reported as a misspelling."""
    (problem,) = problems_of(RESERVED_PLACES[part].format(name))
    assert (problem.code, problem.line) == ("not-supported", 2)
    assert name in problem.message
