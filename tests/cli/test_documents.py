import pytest

from cli.documents import headed, parse, single
from cli.errors import Mistake
from cli.fields import assign
from messages.resource import Save as SaveResource
from messages.workflow import Save as SaveWorkflow


def test_text_stays_the_text_that_was_written() -> None:
    (found,) = parse("{start: 2026-10-24T00:00:00, duration: 12:30:00, country: no, code: 007, text: '5'}")

    assert found == {
        "start": "2026-10-24T00:00:00",
        "duration": "12:30:00",
        "country": "no",
        "code": "007",
        "text": "5",
    }


def test_numbers_truth_and_nothing_are_those_of_json() -> None:
    (found,) = parse("{a: 1, b: -2.5, c: 1e3, d: true, e: null, f: ~, g: }")

    assert found == {"a": 1, "b": -2.5, "c": 1000.0, "d": True, "e": None, "f": None, "g": None}


def test_json_is_read_and_empty_documents_are_left_out() -> None:
    assert parse('---\n{"a": {"b": [1, "2"]}}\n---\n---\n# nothing\n') == [{"a": {"b": [1, "2"]}}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n---\na: [", "document 2 is not YAML or JSON"),
        ("- 1", "document 1 is not a mapping"),
        ("a: 1\na: 2", "a is there twice"),
        ("a: !!python/object:os.system 1", "document 1 is not YAML or JSON"),
        ("a: &a [*a]", "document 1 is not YAML or JSON"),
        ("a: " + "[" * 5000, "document 1 is not YAML or JSON"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_number(text: str, told: str) -> None:
    with pytest.raises(Mistake, match=told):
        parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id: x", "document 1: the field kind is missing"),
        ("kind: workflow\nid: x\n---\nkind: workflow", "document 2: the field id is missing"),
        ("kind: workflov\nid: x", "document 1: kind: no workflov"),
        ("# nothing", "there is no document"),
    ],
)
def test_each_document_says_what_it_is(text: str, told: str) -> None:
    with pytest.raises(Mistake, match=told):
        headed(text, {"workflow"})


def test_a_file_for_one_entity_may_repeat_its_kind_and_id_and_no_other() -> None:
    assert single("{kind: workflow, id: x, name: X}", "workflow", "x") == {"name": "X"}
    with pytest.raises(Mistake, match="says id: y, not x"):
        single("{id: y}", "workflow", "x")


def test_a_setting_is_read_as_the_field_wants_it() -> None:
    settings = {
        "name": "123",
        "labels.team": "7",
        "schedule.start": "2026-10-24",
        "schedule.window_days": "3",
        "metadata.size": "2.5",
        "metadata.unit": "GiB",
        "perimeters": '["a"]',
        "description": "null",
    }

    assert assign({"name": "before", "labels": {"old": "x"}}, settings, SaveWorkflow) == {
        "name": "123",
        "labels": {"old": "x", "team": "7"},
        "schedule": {"start": "2026-10-24", "window_days": 3},
        "metadata": {"size": 2.5, "unit": "GiB"},
        "perimeters": ["a"],
        "description": "null",
    }
    assert assign({}, {"type": "compute", "capacity": "2"}, SaveResource) == {
        "type": "compute",
        "capacity": 2,
    }


def test_a_setting_of_no_field_is_told_with_those_that_are() -> None:
    with pytest.raises(Mistake, match="no field nam; there are name, type"):
        assign({}, {"nam": "x"}, SaveResource)


def test_words_that_an_older_yaml_reads_as_yes_and_no_are_text() -> None:
    (found,) = parse("{on: off, yes: no, y: n, Yes: NO, plain: true, none: null}")

    assert found == {"on": "off", "yes": "no", "y": "n", "Yes": "NO", "plain": True, "none": None}
