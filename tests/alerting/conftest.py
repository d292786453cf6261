"""Receivers and outboxes; every test that takes `store_url` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.store.conftest import postgres, store_url
from tests.support.alerting.webhook_receiver import WebhookReceiver

__all__ = ["postgres", "store_url"]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver that acknowledges."""
    made = WebhookReceiver()
    yield made
    made.stop()
