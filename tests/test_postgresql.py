import pytest
from sqlalchemy import make_url

from ride_duration.postgresql import timeout_args


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", "-clock_timeout=5000 -cstatement_timeout=30000"),
        ("?options=-clock_timeout=1", "-clock_timeout=5000 -cstatement_timeout=30000 -clock_timeout=1"),
    ],
)
def test_a_dead_server_a_lock_and_a_long_statement_end_in_an_error(query: str, options: str) -> None:
    arguments = timeout_args(make_url(f"postgresql+psycopg://ana@host/store{query}"), 30)
    assert arguments["options"] == options, "the last of two wins"
    noticed = arguments["keepalives_idle"] + arguments["keepalives_interval"] * arguments["keepalives_count"]
    assert noticed == 15
    assert (arguments["connect_timeout"], arguments["tcp_user_timeout"]) == (5, 5000)
