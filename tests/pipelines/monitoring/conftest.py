from tests.store.conftest import postgres, store_url  # noqa: F401  the monitoring reads both kinds of stores, too
