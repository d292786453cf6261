"""Real receivers: what they are sent, and what becomes of their answers."""

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ride_duration.alerting.alert import Event, Notification
from ride_duration.alerting.channels import (
    ChannelUnavailable,
    EmailChannel,
    MessageRefused,
    WebhookChannel,
    make_channels,
    run_within,
    sign,
)
from ride_duration.alerting.configuration import EmailSettings, WebhookSettings
from ride_duration.playback.service_process import find_free_port
from tests.support.alerting.samples import make_alert, make_settings
from tests.support.alerting.webhook_receiver import WebhookReceiver

NOTIFICATION = Notification("key-1", Event.RAISED, make_alert(what='He said "stop"\n{title}'), 1_700_000_000.0)
SECRET = "correct horse"


def send(url: str, notification: Notification = NOTIFICATION, **settings: Any) -> None:
    channel = WebhookChannel(
        WebhookSettings(enabled=True, url_variable="URL", secret_variable="SECRET", **settings),
        {"URL": url, "SECRET": SECRET},
    )
    channel.send(notification)


def test_a_webhook_is_signed_and_has_a_key(receiver: WebhookReceiver) -> None:
    send(f"{receiver.url}/hook?token=abc")
    (request,) = receiver.requests
    headers = request.headers
    assert (headers["idempotency-key"], headers["webhook-id"]) == ("key-1", "key-1")
    assert headers["content-type"] == "application/json"
    content = f"key-1.{headers['webhook-timestamp']}.".encode() + request.body
    wanted = base64.b64encode(hmac.new(SECRET.encode(), content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert request.json["type"] == "alert.raised"
    assert request.json["timestamp"] == "2023-11-14T22:13:20Z"
    assert request.json["data"]["what"] == 'He said "stop"\n{title}'
    assert request.json["data"]["next_command"] == "kedro run"
    assert SECRET not in request.body.decode()


def test_the_example_of_the_standard_has_its_signature() -> None:
    """The test vector of the Standard Webhooks specification's libraries."""
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_template_makes_the_body(receiver: WebhookReceiver) -> None:
    send(receiver.url, template={"text": "{title} ({{{severity}}})", "blocks": [{"n": 1, "text": "{how_bad}"}]})
    (request,) = receiver.requests
    assert request.json == {
        "text": '[ticket] He said "stop" {title} ({ticket})',
        "blocks": [{"n": 1, "text": "level 1.12"}],
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, ChannelUnavailable),
        (503, ChannelUnavailable),
        (429, ChannelUnavailable),
        (400, MessageRefused),
        (404, MessageRefused),
        (302, MessageRefused),  # would be followed without its body, or elsewhere
        (307, MessageRefused),
    ],
)
def test_what_does_not_acknowledge(receiver: WebhookReceiver, status: int, error: type[Exception]) -> None:
    receiver.status = status
    with pytest.raises(error, match=f"answered with status {status}"):
        send(receiver.url)
    assert len(receiver.requests) == 1


def test_what_cannot_be_reached_is_said_without_the_address(receiver: WebhookReceiver) -> None:
    for url in (f"http://127.0.0.1:{find_free_port()}/token-abc", "http://nowhere.invalid/token-abc"):
        with pytest.raises(ChannelUnavailable, match="the webhook cannot be reached") as raised:
            send(url, timeout_seconds=5)
        assert "token-abc" not in str(raised.value)
    for url in ("", "ftp://127.0.0.1/token-abc", "token-abc", "http:///token-abc"):
        with pytest.raises(ChannelUnavailable, match="environment variable URL is not") as raised:
            send(url)
        assert "token-abc" not in str(raised.value)
    with pytest.raises(ChannelUnavailable, match="environment variable SECRET is not set"):
        WebhookChannel(WebhookSettings(url_variable="URL", secret_variable="SECRET"), {"URL": receiver.url}).send(
            NOTIFICATION
        )


def test_one_that_never_answers_ends_within_the_time() -> None:
    """It takes the connection, says nothing, or drips a header without end."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        stop = threading.Event()

        def drip() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(ChannelUnavailable, match=r"no answer within 0\.5 s"):
            send(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.5)
        assert time.monotonic() - began < 5
        stop.set()
        dripping.join()
        with pytest.raises(ChannelUnavailable, match=r"timed out|no answer"):
            send(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.3)


def test_work_within_the_time_hands_on_its_error() -> None:
    with pytest.raises(KeyError):
        run_within(5, lambda: {}["missing"])


class MailServer:
    """A real SMTP server, which keeps the mails."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.users: list[bytes] = []
        self.answer = "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address.startswith("gone@"):
            return "550 no such user"
        if address.startswith("later@"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        import email.policy

        if self.answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content or b"", policy=email.policy.default))  # type: ignore[arg-type]
        return self.answer

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login)
        return AuthResult(success=data.password == b"secret", handled=False)


@pytest.fixture
def mail_server() -> Iterator[tuple[MailServer, int]]:
    handler, port = MailServer(), find_free_port()
    controller = Controller(
        handler, "127.0.0.1", port, auth_require_tls=False, authenticator=handler.login, enable_SMTPUTF8=True
    )
    controller.start()
    yield handler, port
    controller.stop()


def mail(port: int, environment: dict[str, str] | None = None, **settings: Any) -> None:
    given = {"recipients": ("on-call@example.org",), "security": "none", "timeout_seconds": 5} | settings
    EmailChannel(EmailSettings(enabled=True, port=port, **given), environment or {}).send(NOTIFICATION)


def test_a_mail_says_everything(mail_server: tuple[MailServer, int]) -> None:
    server, port = mail_server
    mail(port, recipients=("on-call@example.org", "gone@example.org"))
    (received,) = server.mails
    assert received["Subject"] == '[ticket] He said "stop" {title}'
    assert received["X-Alert-Key"] == "key-1"
    assert received["Message-ID"] == "<key-1@ride-duration>"
    text = received.get_content()
    for said in ("level 1.12", "2023-11-14T22:13:20Z", "report.html", "kedro run"):
        assert said in text


def test_a_mail_server_that_wants_a_login(mail_server: tuple[MailServer, int]) -> None:
    server, port = mail_server
    variables = {"RIDE_DURATION_SMTP_USER": "ana", "RIDE_DURATION_SMTP_PASSWORD": "secret"}
    mail(port, variables)
    assert server.users == [b"ana"]
    assert len(server.mails) == 1
    with pytest.raises(ChannelUnavailable, match="SMTPAuthenticationError 535") as raised:
        mail(port, variables | {"RIDE_DURATION_SMTP_PASSWORD": "wrong-password"})
    assert "wrong-password" not in str(raised.value)


def test_a_mail_server_that_says_no(mail_server: tuple[MailServer, int]) -> None:
    server, port = mail_server
    with pytest.raises(MessageRefused, match="SMTPRecipientsRefused"):
        mail(port, recipients=("gone@example.org",))
    server.answer = "554 spam"
    with pytest.raises(MessageRefused, match="SMTPDataError 554"):
        mail(port)
    for later in ("later@example.org",), ("gone@example.org", "later@example.org"):
        with pytest.raises(ChannelUnavailable, match="SMTPRecipientsRefused"):
            mail(port, recipients=later)
    server.answer = "452 mailbox full"
    with pytest.raises(ChannelUnavailable, match="SMTPDataError 452"):
        mail(port)
    with pytest.raises(ChannelUnavailable, match="SMTPNotSupportedError"):
        mail(port, security="starttls")  # which this one has not: nothing is sent in the clear instead
    with pytest.raises(ChannelUnavailable, match=r"SSL|failed"):
        mail(port, security="tls", timeout_seconds=1)
    with pytest.raises(ChannelUnavailable, match="Connection refused"):
        mail(find_free_port())
    assert server.mails == []


def test_the_channels_of_the_settings_are_made() -> None:
    made = make_channels(make_settings("log", "webhook", "email"))
    assert {name: type(channel).__name__ for name, channel in made.items()} == {
        "log": "LogChannel", "webhook": "WebhookChannel", "email": "EmailChannel"
    }  # fmt: skip
