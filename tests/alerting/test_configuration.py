"""What `alerting` in the parameters may say."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ride_duration.alerting.alert import FIELDS
from ride_duration.alerting.configuration import fill_template, parse_alerting
from ride_duration.errors import ConfigurationError
from tests.support.alerting.samples import make_settings, read_defaults


def test_the_defaults_of_the_project_log_alone() -> None:
    defaults = parse_alerting(read_defaults())
    assert list(defaults.enabled) == ["log"]


def test_a_configuration_of_a_former_program_does_without_alerts_that_it_does_not_know() -> None:
    former = read_defaults()
    del former["severities"]["skew"]
    assert parse_alerting(former) == parse_alerting(read_defaults())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("severities", "drift"), "page", "alerting.severities.drift is page"),
        (("severities", "retrain"), "loud", "Invalid enum value 'loud'.*alerting"),
        (("severities", "flood"), "page", "flood; give page, ticket or info for each of incident, retrain"),
        (("channels", "webhook", "timeout_seconds"), 600, "alerting.channels"),
        (("channels", "webhook", "url_variable"), "https://example.org/secret", "alerting.channels"),
        (("channels", "webhook", "kind"), "pigeon", "Invalid value 'pigeon'.*alerting.channels"),
        (("channels", "email", "enabled"), True, "alerting.channels.email.recipients is empty"),
        (("channels", "webhook", "adress"), "x", "unknown field `?adress"),
        (
            ("channels", "webhook", "template"),
            {"text": "{title} {who}"},
            r"template.text names \{who\}; there are: key",
        ),
        (
            ("channels", "webhook", "template"),
            {"blocks": [{"text": "{"}]},
            r"template.blocks\[0\].text: .*written twice",
        ),
        (("channels", "webhook", "template"), {"text": "{title.__class__}"}, r"names \{title.__class__\}"),
        (("channels", "webhook", "template"), {"text": "{title:d}"}, "template.text cannot be filled in"),
        (("channels", "webhook", "template"), {"text": "{title:{who}}"}, "template.text cannot be filled in"),
        (("cool_down_hours",), -1, "alerting.cool_down_hours"),
        (("repeat_days",), None, "alerting.repeat_days"),
    ],
)
def test_a_mistake_is_named_with_its_place(path: tuple[str, ...], value: Any, message: str) -> None:
    values = read_defaults()
    inner = values
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(ConfigurationError, match=message):
        parse_alerting(values)


def test_a_mapping_is_wanted() -> None:
    with pytest.raises(ConfigurationError, match="alerts cannot be configured so"):
        parse_alerting(None)


_TEMPLATES = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.none(), st.sampled_from([f"{{{name}}}" for name in FIELDS])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50)
@given(_TEMPLATES, st.text())
def test_a_template_is_filled_with_any_text(template: Any, text: str) -> None:
    """What is filled in is text of a value, whatever quotes and braces it has."""

    def expected(part: Any) -> Any:
        if isinstance(part, str):
            return text
        if isinstance(part, dict):
            return {key: expected(value) for key, value in part.items()}
        return [expected(value) for value in part] if isinstance(part, list) else part

    assert fill_template(template, dict.fromkeys(FIELDS, text)) == expected(template)


def test_another_channel_of_the_same_kind() -> None:
    values = read_defaults()
    values["channels"]["chat"] = {"kind": "webhook", "enabled": True, "template": {"text": "{title}"}}
    assert list(parse_alerting(values).enabled) == ["log", "chat"]
    assert list(make_settings("webhook").enabled) == ["webhook"]
