"""The report of the gate as a page for people."""

from datetime import datetime
from html.parser import HTMLParser

from ride_duration.pipelines.model_release.gate_page import write_gate_page
from tests.support.gate import judged
from tests.support.packages import package


class _Tables(HTMLParser):
    """Reads the cells of each table, and whether anything comes from elsewhere."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.fetches: list[str] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetches += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        self._open = tag in ("td", "th") or (self._open and tag == "span")
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.tables[-1][-1][-1] += data


def test_the_page_of_the_gate_has_every_check_and_needs_no_network() -> None:
    report = judged(package("mean"))
    page = write_gate_page(report)
    facts, errors, (_, *rows) = _Tables(page).tables
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["passed" if check["passed"] else "failed", check["name"], check["demand"], check["evidence"].strip()]
        for check in report["checks"]
    ]
    assert _Tables(page).fetches == []
    assert "<h1>Gate: failed: better than mean" in page
    told = {name: value.strip() for name, value in facts}
    assert told["model"] == "mean"
    assert told["trained on"] == "2021-01"
    assert told["evaluated on"] == "2021-02"
    assert told["compared with"] == "no champion yet"
    assert told["trips"] == "green taxis, source simulated (simulated trips)"
    assert datetime.strptime(told["evaluated"], "%Y-%m-%dT%H:%M:%SZ")
    assert [row[0] for row in errors] == ["model", "mean", "zone_pair_median"]
    assert errors[1][1] == f"{report['rmse']:.3f}"
    assert page.count("<rect") == 2 * 2 + 2, "a bar for each RMSE, and the legend"


def test_a_model_without_an_answer_at_request_time_has_one_bar() -> None:
    page = write_gate_page(judged(package("ridge")))
    _, errors, _ = _Tables(page).tables
    assert errors[-1][2] == "n/a (needs the distance)"
    assert page.count("<rect") == 2 * 2 + 1 + 2


def test_the_champion_that_it_was_compared_with_is_named() -> None:
    page = write_gate_page(judged(package()) | {"champion": 7})
    assert "champion, version 7" in page


def test_what_stands_in_a_check_cannot_become_markup() -> None:
    report = judged(package()) | {"model": "<script>alert(1)</script>"}
    report["checks"][0] |= {"evidence": "<b>5 & 6</b>"}
    page = write_gate_page(report)
    assert "<script>" not in page
    assert "&lt;b&gt;5 &amp; 6&lt;/b&gt;" in page
