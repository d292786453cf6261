"""Where notifications go: the program's log, a webhook, a mail server. Each attempt ends within a time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import smtplib
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPException
from typing import Protocol, assert_never
from urllib.parse import urlsplit

import msgspec

from ride_duration.alerting.alert import Event, Notification, Severity
from ride_duration.alerting.configuration import (
    AlertingSettings,
    ChannelSettings,
    EmailSettings,
    LogSettings,
    WebhookSettings,
    fill_template,
)
from ride_duration.clock import REAL_CLOCK
from ride_duration.errors import RideDurationError

log = logging.getLogger(__name__)

_LEVELS = {Severity.INFO: logging.INFO, Severity.TICKET: logging.WARNING, Severity.PAGE: logging.ERROR}


class ChannelUnavailable(RideDurationError):  # noqa: N818  a state of the channel
    """The receiver cannot be reached, or is in trouble: others of the same channel need not be tried now."""


class MessageRefused(RideDurationError):  # noqa: N818  the answer of the receiver
    """The receiver does not take this notification, and says that another attempt would not help."""


class Channel(Protocol):
    """Sends notifications."""

    def send(self, notification: Notification) -> None:
        """Send one; returns once the receiver has acknowledged it.

        Raises:
            ChannelUnavailable: Nothing can be sent at the moment.
            MessageRefused: This one is not taken.
        """


def make_channels(settings: AlertingSettings) -> dict[str, Channel]:
    """Return the channels that are used, by name."""
    return {name: _make_channel(channel) for name, channel in settings.enabled.items()}


def _make_channel(settings: ChannelSettings) -> Channel:
    match settings:
        case LogSettings():
            return LogChannel()
        case WebhookSettings():
            return WebhookChannel(settings)
        case EmailSettings():
            return EmailChannel(settings)
        case _:
            assert_never(settings)


class LogChannel:
    """Writes to the program's log: INFO, WARNING or ERROR by severity; what is over is INFO."""

    def send(self, notification: Notification) -> None:
        """Write one."""
        fields = notification.to_fields()
        level = logging.INFO if notification.event is Event.RESOLVED else _LEVELS[notification.alert.severity]
        log.log(
            level,
            "%s (%s, since %s): %s. Evidence: %s. Next: %s [alert %s]",
            *(fields[name] for name in ("title", "subject", "since", "how_bad", "evidence", "next_command")),
            fields["fingerprint"],
        )


class WebhookChannel:
    """Posts JSON as Standard Webhooks has it: `webhook-id` is the idempotency key, `webhook-signature` is
    HMAC-SHA256 over `id.timestamp.body`. `Idempotency-Key` says the key again.
    """  # noqa: D205

    def __init__(self, settings: WebhookSettings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = environment

    def send(self, notification: Notification) -> None:
        """Post one; whatever the address answers with a status of 2xx counts as acknowledged."""
        settings = self._settings
        url = self._environment.get(settings.url_variable, "")
        if not url:
            raise ChannelUnavailable(f"the environment variable {settings.url_variable} is not set")
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ChannelUnavailable(f"the environment variable {settings.url_variable} is not an http address")
        payload = (
            notification.to_payload()
            if settings.template is None
            else fill_template(settings.template, notification.to_fields())
        )
        body = msgspec.json.encode(payload)
        headers = {
            "Content-Type": "application/json", "User-Agent": "ride-duration",
            "Idempotency-Key": notification.key, "webhook-id": notification.key,
            "webhook-timestamp": str(int(REAL_CLOCK.now())),
        }  # fmt: skip
        if settings.secret_variable:
            secret = self._environment.get(settings.secret_variable, "")
            if not secret:
                raise ChannelUnavailable(f"the environment variable {settings.secret_variable} is not set")
            headers["webhook-signature"] = sign(secret, notification.key, headers["webhook-timestamp"], body)
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  the scheme is checked
        run_within(settings.timeout_seconds, lambda: _post(request, settings.timeout_seconds))


def sign(secret: str, key: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a notification, `v1,BASE64`.

    Args:
        secret: Of both sides; after `whsec_`, in base64.
        key: `webhook-id`.
        timestamp: `webhook-timestamp`.
        body: As it is sent.
    """
    content = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_read_secret(secret), content, hashlib.sha256)).decode()


def _read_secret(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        with suppress(binascii.Error):
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would lose the body, or show it to somebody else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _post(request: urllib.request.Request, timeout: float) -> None:
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        message = f"the webhook answered with status {error.code}"
        # 408, 425 and 429 ask for another attempt; what else is below 500 is about this notification or its address.
        if error.code >= 500 or error.code in (408, 425, 429):
            raise ChannelUnavailable(message) from None
        raise MessageRefused(message) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise ChannelUnavailable(f"the webhook cannot be reached ({_describe(reason)})") from None


class EmailChannel:
    """Hands mails to a server by SMTP; `Message-ID` and `X-Alert-Key` have the idempotency key."""

    def __init__(self, settings: EmailSettings, environment: Mapping[str, str] = os.environ) -> None:
        self._settings = settings
        self._environment = environment

    def send(self, notification: Notification) -> None:
        """Send one to all recipients."""
        mail = EmailMessage()
        mail["Subject"] = notification.title
        mail["From"] = self._settings.sender
        mail["To"] = ", ".join(self._settings.recipients)
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<{notification.key}@ride-duration>"
        mail["X-Alert-Key"] = notification.key
        mail.set_content(notification.to_text())
        run_within(self._settings.timeout_seconds, lambda: self._send(mail))

    def _send(self, mail: EmailMessage) -> None:
        settings = self._settings
        try:
            with self._connect() as server:
                if settings.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if user := self._environment.get(settings.user_variable, ""):
                    server.login(user, self._environment.get(settings.password_variable, ""))
                refused = server.send_message(mail)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            codes = _find_codes(error)
            said = f"the mail server refused the mail ({type(error).__name__} {codes[0]})"
            if min(codes) >= 500:
                raise MessageRefused(said) from None
            raise ChannelUnavailable(said) from None  # 4xx asks for another attempt
        except (smtplib.SMTPException, OSError) as error:
            code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
            said = type(error).__name__ + code if isinstance(error, smtplib.SMTPException) else _describe(error)
            raise ChannelUnavailable(f"the mail server {settings.host}:{settings.port} failed ({said})") from None
        if refused:  # the others have it: to send it again would give it to them twice
            log.warning("the mail server refused %d of %d recipients", len(refused), len(settings.recipients))

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout_seconds, context=context)
        return smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)


def _find_codes(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPResponseException) -> list[int]:
    """Return what a mail server answered, one code for each recipient where it refused them."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code]


def run_within(seconds: float, work: Callable[[], None]) -> None:
    """Do some work, but wait no longer than a time: neither name servers nor receivers that drip know a time-out.

    Raises:
        ChannelUnavailable: It took longer; it ends by itself, unseen.
    """
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # is raised again below
            failed.append(error)

    worker = threading.Thread(target=run, name="alert", daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive():
        raise ChannelUnavailable(f"no answer within {seconds:g} s")
    if failed:
        raise failed[0]


def _describe(reason: object) -> str:
    """Return why a connection failed, without the address, which may be a secret."""
    if isinstance(reason, TimeoutError):
        return "timed out"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__
