"""What `alerting` in the parameters says, checked. Secrets are not in it: it names variables of the environment."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, structs

from ride_duration.alerting.alert import FIELDS, Severity
from ride_duration.errors import ConfigurationError
from ride_duration.struct_settings import convert_settings

#: Names of the alerts that this program raises.
NAMES = (
    "incident", "retrain", "drift", "watch", "insufficient",
    "rollback", "deployment", "log", "monitoring_stale", "skew",
)  # fmt: skip

#: How urgent those are that configurations written for former programs do not name.
_LATER = {"skew": Severity.TICKET}

_Seconds = Annotated[float, Meta(gt=0, le=60)]
_Variable = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="log"):
    """The program's own log.

    Attributes:
        enabled: Whether it is used.
        min_severity: Less urgent alerts are left out.
    """

    enabled: bool = True
    min_severity: Severity = Severity.INFO


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"):
    """An address that gets JSON by POST.

    Attributes:
        enabled: Whether it is used.
        min_severity: Less urgent alerts are left out.
        url_variable: Variable of the environment that has the address, which is often a secret itself.
        secret_variable: Variable that has the secret of the signature; empty: no signature.
        timeout_seconds: In which it must have answered.
        template: The body: texts in it may name fields in braces, as in `{title}`; null: all fields.
    """

    enabled: bool = False
    min_severity: Severity = Severity.TICKET
    url_variable: _Variable = "RIDE_DURATION_WEBHOOK_URL"
    secret_variable: Annotated[str, Meta(pattern="^[A-Za-z0-9_]*$")] = "RIDE_DURATION_WEBHOOK_SECRET"  # noqa: S105  a name
    timeout_seconds: _Seconds = 10.0
    template: dict[str, Any] | None = None


class EmailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="smtp"):
    """A mail server.

    Attributes:
        enabled: Whether it is used.
        min_severity: Less urgent alerts are left out.
        host: Of the server.
        port: Of the server.
        security: `starttls`, `tls` from the first byte, or `none` (a server on this machine).
        user_variable: Variable of the environment that has the user; unset: no login.
        password_variable: Variable that has the password.
        sender: Address that mails come from.
        recipients: Addresses that they go to.
        timeout_seconds: In which the server must have taken a mail.
    """

    enabled: bool = False
    min_severity: Severity = Severity.TICKET
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user_variable: _Variable = "RIDE_DURATION_SMTP_USER"
    password_variable: _Variable = "RIDE_DURATION_SMTP_PASSWORD"  # noqa: S105  a name
    sender: str = "ride-duration@localhost"
    recipients: tuple[str, ...] = ()
    timeout_seconds: _Seconds = 20.0


ChannelSettings = LogSettings | WebhookSettings | EmailSettings


class AlertingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it.

    Attributes:
        severities: Of each alert, by name.
        cool_down_hours: In which one alert that is resolved and raised again is not notified twice.
        repeat_days: After which an open alert that has not been acknowledged is notified again.
        monitoring_hours: Without a monitoring run, after which the service raises an alert; 0: never.
        report_url: Where reports of the monitoring can be read; empty: the file.
        channels: By name.
        refused_hours: After which a notification that its receiver goes on refusing is ended as undeliverable.
        undelivered_days: After which one that could not be sent for whatever reason is.
        gone_days: Without a sign of an instance, or of another model, after which its alerts are over; 0: never.
    """

    severities: dict[str, Severity]
    cool_down_hours: Annotated[float, Meta(ge=0)]
    repeat_days: Annotated[float, Meta(gt=0)]
    monitoring_hours: Annotated[float, Meta(ge=0)]
    report_url: str
    channels: dict[str, ChannelSettings]
    refused_hours: Annotated[float, Meta(gt=0)] = 24.0
    undelivered_days: Annotated[float, Meta(gt=0)] = 14.0
    gone_days: Annotated[float, Meta(ge=0)] = 14.0

    @property
    def enabled(self) -> dict[str, ChannelSettings]:
        """The channels that are used."""
        return {name: channel for name, channel in self.channels.items() if channel.enabled}


def parse_alerting(given: object) -> AlertingSettings:
    """Return the settings from what YAML says.

    Raises:
        ConfigurationError: A value cannot be used; names it.
    """
    settings = convert_settings(given, AlertingSettings, "alerting", "alerts cannot be configured so")
    settings = structs.replace(settings, severities=_LATER | settings.severities)
    if missing := sorted(set(NAMES) ^ set(settings.severities)):
        raise ConfigurationError(
            f"alerting.severities: {', '.join(missing)}; give page, ticket or info for each of {', '.join(NAMES)}"
        )
    if settings.severities["drift"] is Severity.PAGE:
        raise ConfigurationError(
            "alerting.severities.drift is page; other rides alone do no harm tonight: write ticket or info"
        )
    for name, channel in settings.channels.items():
        if isinstance(channel, WebhookSettings) and channel.template is not None:
            _check_template(channel.template, f"alerting.channels.{name}.template")
        if isinstance(channel, EmailSettings) and channel.enabled and not channel.recipients:
            raise ConfigurationError(f"alerting.channels.{name}.recipients is empty; name who gets the mails")
    return settings


def fill_template(template: Any, fields: Mapping[str, str]) -> Any:
    """Return a template with `{name}` in all of its texts replaced."""
    if isinstance(template, str):
        return template.format_map(fields)
    if isinstance(template, Mapping):
        return {key: fill_template(value, fields) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill_template(value, fields) for value in template]
    return template


def _check_template(template: Any, place: str) -> None:
    for path, text in _texts(template, place):
        try:
            names = [name for _, name, spec, conversion in string.Formatter().parse(text) if name is not None or spec]
            used = [name for name in names if name not in FIELDS]
        except ValueError as error:
            raise ConfigurationError(f"{path}: {error}; a brace that is text is written twice") from None
        if used:
            raise ConfigurationError(f"{path} names {{{used[0]}}}; there are: {', '.join(FIELDS)}")
        try:
            text.format_map(dict.fromkeys(FIELDS, "text"))
        except (ValueError, KeyError, IndexError) as error:
            raise ConfigurationError(f"{path} cannot be filled in: {error}") from None


def _texts(template: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(template, str):
        yield place, template
    elif isinstance(template, Mapping):
        for key, value in template.items():
            yield from _texts(value, f"{place}.{key}")
    elif isinstance(template, list | tuple):
        for number, value in enumerate(template):
            yield from _texts(value, f"{place}[{number}]")
