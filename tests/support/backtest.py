"""Parameters of backtests."""

from ride_duration.pipelines.backtest.parameters import Backtest


def backtest(months: str, policies: str, source: str = "tlc") -> Backtest:
    """A backtest of green trips."""
    sources = {"tlc": "https://tlc/{service}_{month}", "simulated": None}
    return Backtest(source=source, sources=sources, taxi_type="green", backtest_data=months, backtest_policies=policies)
