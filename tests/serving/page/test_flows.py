"""What people do on the page, in real Chromium."""

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.serving.page.conftest import RIDE, OpenPage

pytestmark = [pytest.mark.needs("chromium")]
OpenAnswer = Callable[..., Page]


def minutes(page: Page) -> int:
    """The minutes of the newest answer."""
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    return int(re.findall(r"\d+", page.locator("#minutes").inner_text())[0])


def problem(status: int, title: str, detail: str, pause: int = 0, **more: Any) -> Callable[[Route], None]:
    """A route that refuses (RFC 9457)."""
    said = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    headers = {"Retry-After": str(pause)} if pause else {}
    kind = "application/problem+json"
    return lambda route: route.fulfill(status=status, headers=headers, content_type=kind, body=json.dumps(said))


def test_two_zones_by_keyboard_alone_give_minutes(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector(".land path")
    page.keyboard.press("Tab")
    expect(page.locator("#pickup")).to_be_focused()
    page.keyboard.type("jfk")
    expect(page.get_by_role("option", name="JFK Airport")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("manhattan times")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#minutes")).to_be_visible()
    assert minutes(page) > 0
    expect(page.locator("#interval")).to_have_text(re.compile(r"^\d+ to \d+ minutes in 9 of 10 rides$"))
    assert page.url.endswith("#from=132&to=230")


def test_escape_leaves_the_search_as_it_was_and_an_emptied_field_forgets_its_zone(answered: OpenAnswer) -> None:
    page = answered()
    page.locator("#pickup").fill("bron")
    page.keyboard.press("Escape")
    expect(page.locator("#pickup")).to_have_value("JFK Airport")
    expect(page.locator("#pickup-zones")).to_be_hidden()
    page.locator("#pickup").fill("east")
    page.keyboard.press("Tab")
    expect(page.locator("#dropoff")).to_be_focused()  # and not the list, which scrolls and goes
    page.locator("#pickup").fill("Xyzzy")
    expect(page.locator("#pickup-zones")).to_have_text("No zone found")
    swap = page.locator("#swap").bounding_box()
    page.keyboard.press("Tab")
    expect(page.locator("#pickup-error")).to_have_text("“Xyzzy” is not a zone: not changed")
    expect(page.locator("#pickup")).to_have_value("JFK Airport")
    assert page.locator("#swap").bounding_box() == swap  # a click that leaves the field meets what it aims at
    page.locator("#pickup").fill("")
    expect(page.locator("#pickup-error")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator("#next")).to_have_text("Now choose where it begins.")
    expect(page.locator("#minutes")).to_be_hidden()


def test_two_cells_give_minutes_and_an_arc(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-zone='132']").click()
    expect(page.locator("#pickup")).to_have_value("JFK Airport")
    page.locator("[data-zone='7']").click()
    expect(page.locator("#dropoff")).to_have_value("Astoria")
    expect(page.locator(".pill-text")).to_have_text(f"{minutes(page)} min")
    expect(page.locator(".land .picked")).to_have_count(2)


def test_the_tip_names_the_zone_under_the_pointer_beside_the_minutes(open_page: OpenPage) -> None:
    page = open_page("#from=7")
    page.locator("[data-zone='226']").click()
    expect(page.locator("#tip")).to_contain_text("Sunnyside")
    expect(page.locator(".pill")).to_be_visible()
    tip, pill = (page.locator(name).bounding_box() for name in ("#tip", ".pill"))
    assert tip is not None
    assert pill is not None
    assert tip["y"] >= pill["y"] + pill["height"]  # above the pointer the minutes stand


def test_the_map_is_walked_by_arrow_keys_and_zoomed(open_page: OpenPage) -> None:
    page = open_page()
    cell = page.locator(".land path[tabindex='0']")
    cell.focus()
    here = cell.get_attribute("data-zone")
    page.keyboard.press("ArrowRight")
    assert page.locator(".land path:focus").get_attribute("data-zone") != here
    page.keyboard.press("Enter")
    expect(page.locator("#pickup")).not_to_have_value("")
    page.get_by_role("button", name="Zoom in").click(click_count=3)
    expect(page.locator(".zone-name").nth(5)).to_be_visible()
    page.get_by_role("button", name="Whole city").click()
    expect(page.locator(".borough-name")).to_have_count(5)


def test_time_distance_and_direction_change_the_answer(answered: OpenAnswer) -> None:
    page = answered()
    rush = minutes(page)
    page.locator("#time").fill("03:30")
    expect(page.locator("#arrival")).to_contain_text("3:30")
    night = minutes(page)
    assert night < rush
    page.locator("#miles").fill("40")
    expect(page.locator("#minutes")).not_to_have_text(re.compile(rf"^{night}\b"))
    assert minutes(page) > night
    page.locator("#swap").click()
    expect(page.locator("#pickup")).to_have_value("Times Sq/Theatre District")
    expect(page.locator("#dropoff")).to_have_value("JFK Airport")
    minutes(page)
    assert page.url.endswith("#from=230&to=132&on=2026-11-23&at=03:30&miles=40")


def test_the_curve_tells_the_day_and_sets_the_time(answered: OpenAnswer) -> None:
    page = answered()
    expect(page.locator("#day-title")).to_have_text("Monday, November 23")
    expect(page.locator("#day-text")).to_have_text(
        re.compile(r"^(\d+ minutes at .+, \d+ at .+|About \d+ minutes all day)$")
    )
    box = page.locator("#curve").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 30 + (box["width"] - 40) / 4, box["y"] + 60)
    expect(page.locator("#time")).to_have_value("06:00")


def test_reasons_and_the_model_are_named(answered: OpenAnswer) -> None:
    page = answered()
    expect(page.locator("#reasons dt")).to_have_text(["Day and hour", "Distance", "Where"])
    for words in page.locator("#reasons .words").all_inner_texts():
        assert re.fullmatch(r"(adds|saves) \d+ min|no difference", words)
    expect(page.locator("#model")).to_contain_text("Predicted by version ")
    expect(page.locator("#model")).to_contain_text("trained on green taxi rides of at most an hour")


@pytest.mark.parametrize(
    ("field", "error", "mistakes", "right"),
    [
        ("miles", "miles-error", ["far", "-3", "1000001"], "12"),
        ("date", "when-error", ["", "0202-11-23"], "2026-11-24"),
        ("time", "when-error", [""], "03:30"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_neither_answered_nor_asked_nor_kept(
    answered: OpenAnswer, field: str, error: str, mistakes: list[str], right: str
) -> None:
    page = answered()
    asked: list[str] = []
    page.on("request", lambda request: "predict" in request.url and asked.append(request.post_data or ""))
    for typed in mistakes:
        page.locator(f"#{field}").fill(typed)
        expect(page.locator(f"#{error}")).to_have_text(re.compile("^(Give the miles as a number|Choose a day) "))
        expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
        for part in ("minutes", "interval", "arrival", "why", "day", "about"):
            expect(page.locator(f"#{part}")).to_be_hidden()
        assert page.url.endswith(RIDE if field == "miles" else "#from=132&to=230")
    page.locator(f"#{field}").fill(right)
    expect(page.locator("#minutes")).to_be_visible()
    expect(page.locator(f"#{error}")).to_be_hidden()
    minutes(page)
    assert all(right in body for body in asked)


def test_an_address_restores_its_ride(answered: OpenAnswer) -> None:
    page = answered(f"{RIDE}&miles=17.4")
    for name, value in {"pickup": "JFK Airport", "date": "2026-11-23", "time": "17:30", "miles": "17.4"}.items():
        expect(page.locator(f"#{name}")).to_have_value(value)
    page.evaluate("location.hash = '#from=7&to=132'")
    expect(page.locator("#pickup")).to_have_value("Astoria")
    expect(page.locator("#now")).to_have_attribute("aria-pressed", "true")


def test_stale_answers_are_not_shown(answered: OpenAnswer) -> None:
    asked: list[str] = []

    def slow_at_noon(route: Route) -> None:
        asked.append(route.request.post_data_json["pickup_datetime"])
        if "T12:00" not in asked[-1]:
            route.continue_()  # noon is never answered

    page = answered()
    page.route("**/predict?explain=true", slow_at_noon)
    with page.expect_request("**/predict?explain=true"):
        page.locator("#time").fill("12:00")
    page.locator("#time").fill("13:00")
    expect(page.locator("#arrival")).to_contain_text("1:00")
    minutes(page)
    assert asked == ["2026-11-23T12:00:00", "2026-11-23T13:00:00"]


def test_the_live_panel_lives_while_the_tab_is_seen(open_page: OpenPage) -> None:
    page = open_page(clock=True)
    expect(page.locator("#live-rate")).to_have_text(re.compile(r"^[\d.]+$"))
    expect(page.locator("#live-p99")).to_have_text(re.compile(r"ms$"))
    expect(page.locator("#live-model")).to_contain_text("Version ")
    expect(page.locator("#variants li").first).to_contain_text("champion")
    expect(page.locator("#live-requests")).to_be_hidden()
    page.locator("#operators summary").click()
    expect(page.locator("#live-requests")).to_have_text(re.compile(r"^[\d.]+$"))
    expect(page.locator("#taxis")).to_have_text("green taxi")
    before = page.locator("#live-state").inner_text()
    page.clock.fast_forward(3_000)  # what the page itself requests is not a ride
    expect(page.locator("#live-state")).to_have_text(before)
    page.goto(f"{page.url.partition('#')[0]}{RIDE}")
    expect(page.locator("#minutes")).to_be_visible()
    page.clock.fast_forward(3_000)
    expect(page.locator("#live-state")).not_to_have_text(before)
    expect(page.locator("#model")).to_contain_text("trained on")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.clock.fast_forward(30_000)
    page.evaluate("fetch('page/icon.svg')")
    assert [url.rpartition("/")[2] for url in asked] == ["icon.svg"]


def test_a_service_that_is_gone_shows_no_old_numbers(answered: OpenAnswer) -> None:
    page = answered(clock=True)
    expect(page.locator("#live-rate")).to_have_text(re.compile(r"^[\d.]+$"))
    for path in ("live", "predict*"):
        page.route(f"**/{path}", lambda route: route.abort())
    page.locator("#swap").click()
    expect(page.get_by_role("alert")).to_contain_text("The service cannot be reached")
    expect(page.locator("#next")).to_have_text("No prediction of this ride yet.")
    for part in ("minutes", "why", "day", "about"):
        expect(page.locator(f"#{part}")).to_be_hidden()
    page.clock.fast_forward(3_000)
    expect(page.locator("#live-state")).to_have_text("No connection")
    expect(page.locator("#live dd")).to_have_text(["\N{EN DASH}"] * 6)
    expect(page.locator("#live-model, #variants")).to_have_text(["", ""])
    page.unroute_all()
    page.clock.fast_forward(5_000)
    expect(page.locator("#minutes")).to_be_visible()
    expect(page.locator("#live-rate")).to_have_text(re.compile(r"^[\d.]+$"))


def test_a_service_without_a_model_says_how_to_make_one(open_page: OpenPage) -> None:
    live: dict[str, Any] = {"requests_per_second": 0.0, "requests": 0, "errors": 0, "p50_ms": None, "p99_ms": None}
    live |= {"rides": 0, "rides_per_second": 0.0, "ride_p50_ms": None, "ride_p99_ms": None}
    live |= {"queue_depth": 0, "model": None, "variants": []}
    none = problem(503, "Not ready", "No model is loaded.", pause=60)
    page = open_page(
        RIDE, clock=True, routes={"live": lambda route: route.fulfill(json=live), "predict?explain=true": none}
    )
    expect(page.get_by_role("alert")).to_contain_text("kedro run")
    expect(page.locator("#live-model")).to_have_text("No model yet")
    page.unroute_all()
    page.clock.fast_forward(3_000)
    expect(page.locator("#live-model")).to_contain_text("Version ")
    expect(page.locator("#minutes")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_pause_that_is_asked_for_is_kept_and_the_question_asked_again(open_page: OpenPage) -> None:
    page = open_page(
        RIDE, clock=True, routes={"predict?explain=true": problem(429, "Slow down", "Too many rides.", pause=20)}
    )
    expect(page.get_by_role("alert")).to_contain_text("Too many rides. This page asks again in 20 seconds.")
    page.unroute_all()
    page.clock.fast_forward(20_000)
    expect(page.locator("#minutes")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_key_is_asked_for_and_kept_in_the_tab_alone(open_page: OpenPage) -> None:
    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer open-sesame":
            route.continue_()
        else:
            problem(401, "Key needed", "Send an API key.")(route)

    page = open_page(RIDE, routes={"zones": guarded, "predict*": guarded})
    page.get_by_label("API key required").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#key-text")).to_contain_text("not accepted")
    page.get_by_label("API key required").fill("open-sesame")
    page.keyboard.press("Enter")
    expect(page.locator("#minutes")).to_be_visible()
    assert page.evaluate("[localStorage.length, document.cookie, sessionStorage.length]") == [0, "", 1]
    assert "sesame" not in page.url


def test_what_the_service_says_is_text_and_no_markup(open_page: OpenPage) -> None:
    evil = "<img src=x onerror=alert(1)>"
    told = {"errors": [{"field": "trip_distance", "detail": evil}]}
    page = open_page(RIDE, routes={"predict?explain=true": problem(422, evil, evil, **told)})
    expect(page.locator("#miles-error")).to_have_text(evil)


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("la guardia", "LaGuardia Airport"),
        ("laguardia", "LaGuardia Airport"),
        ("lga", "LaGuardia Airport"),
        ("ewr", "Newark Airport"),
        ("newark", "Newark Airport"),
        ("newrak", "Newark Airport"),
        ("kennedy", "JFK Airport"),
        ("kenedy airport", "JFK Airport"),
        ("jfk", "JFK Airport"),
        ("empire state", "Midtown South"),
        ("laguadria", "LaGuardia Airport"),
        ("midtwn south", "Midtown South"),
        ("centrall park", "Central Park"),
    ],
)
def test_search_finds_landmarks_and_forgives_a_letter(open_page: OpenPage, typed: str, zone: str) -> None:
    page = open_page()
    page.locator("#pickup").fill(typed)
    expect(page.locator("#pickup-zones li").first).to_contain_text(zone)


def test_what_is_typed_before_the_zones_come_is_searched_for(open_page: OpenPage) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page = open_page(routes={"zones": hold})
    page.locator("#pickup").press_sequentially("lga")
    for _ in range(3_000):
        page.wait_for_timeout(10)  # lets the browser go on
        if held:
            break
    held[0].continue_()
    expect(page.locator("#pickup-zones li").first).to_contain_text("LaGuardia Airport")
    expect(page.locator("#pickup")).to_have_value("lga")


def test_another_address_leaves_what_is_typed(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#pickup").press_sequentially("lga")
    found = page.locator("#pickup-zones li").first
    expect(found).to_contain_text("LaGuardia Airport")
    page.evaluate("location.hash = 'to=132'")
    expect(page.locator("#dropoff")).to_have_value("JFK Airport")
    expect(found).to_contain_text("LaGuardia Airport")
    page.locator("#pickup").press("Enter")
    expect(page.locator("#pickup")).to_have_value("LaGuardia Airport")


def test_the_distance_is_required_where_the_champion_needs_it(open_page: OpenPage) -> None:
    def require(route: Route) -> None:
        live = route.fetch().json()
        live["model"]["distance"] = "required"
        route.fulfill(json=live)

    page = open_page(RIDE, routes={"live": require})
    expect(page.locator("#miles-need")).to_have_text("required")
    expect(page.locator("#miles-error")).to_contain_text("This model needs the distance")
    page.locator("#miles").fill("17.4")
    expect(page.locator("#minutes")).to_be_visible()


def monitored(finding: str, levels: list[float | None], **changes: Any) -> Callable[[Route], None]:
    """An answer of /monitoring."""
    verdict = {
        "verdict": finding, "cause": "none", "version": "1", "first": "2021-03-04", "last": "2021-03-31",
        "computed_at": 1.7e9, "reasons": [], "next": "nothing", "simulated": True,
    }  # fmt: skip
    days = [
        {"day": f"2021-03-{4 + i:02d}", "rides": 9, "labelled": 9, "level": level, "incident": level == 1.4}
        for i, level in enumerate(levels)
    ]
    return lambda route: route.fulfill(json={"verdict": verdict | changes, "days": days})


def test_the_verdict_and_its_days_are_shown_once_there_is_one(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#live-state")).to_contain_text("ride")
    expect(page.locator("#monitored")).to_be_hidden()

    page = open_page(routes={"monitoring": monitored("ok", [1.02] * 28)})
    expect(page.locator("#verdict")).to_have_text("Model right")
    expect(page.locator("#verdict-about")).to_have_text("Version 1, 2021-03-04 to 2021-03-31")
    expect(page.locator("#levels circle")).to_have_count(28)

    levels = [1.02, None, *[1.01] * 5, 1.4]
    page = open_page(routes={"monitoring": monitored("incident", levels, cause="data")}, color_scheme="dark")
    expect(page.locator("#verdict")).to_have_text("Model records are broken")
    expect(page.locator("#verdict-about")).to_contain_text("cause: data")
    expect(page.locator("#levels circle")).to_have_count(7)
    assert page.locator("#levels .incident title").text_content() == "2021-03-11: 1.40, incident"

    page = open_page(routes={"monitoring": monitored("insufficient", [None] * 3)})
    expect(page.locator("#levels-text")).to_have_text("No actual durations yet")
    expect(page.locator("#levels")).to_be_hidden()


def _fulfill(answer: dict[str, Any], route: Route) -> None:
    route.fulfill(json=answer)


def test_the_panel_says_how_fast_traffic_is(open_page: OpenPage) -> None:
    live: dict[str, Any] = {"requests_per_second": 0.0, "requests": 0, "errors": 0, "p50_ms": None, "p99_ms": None}
    live |= {"rides": 0, "rides_per_second": 0.0, "ride_p50_ms": None, "ride_p99_ms": None}
    live |= {"queue_depth": 0, "model": None, "variants": []}
    page = open_page(clock=True)
    expect(page.locator("#live-model")).to_contain_text("Version ")
    expect(page.locator("#live-level")).to_be_hidden()
    for factor, frozen, said in (
        (1.0634, False, "Traffic now: 6 % slower than the model learned"),
        (0.9, True, "Traffic now: 10 % faster than the model learned (frozen)"),
        (1.004, False, "Traffic now: as fast as the model learned"),
    ):
        level = {"factor": factor, "since": 0.0, "frozen": frozen}
        page.unroute_all()
        page.route("**/live", partial(_fulfill, live | {"level": level}))
        page.clock.fast_forward(3_000)
        expect(page.locator("#live-level")).to_have_text(said)
    page.unroute_all()
    page.clock.fast_forward(3_000)
    expect(page.locator("#live-level")).to_be_hidden()
