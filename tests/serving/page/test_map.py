"""The map as it is drawn: names that never cover one another, targets for fingers, and the zones' shapes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from ride_duration.pipelines.ingestion.parameters import ZoneShapeSettings
from ride_duration.pipelines.ingestion.zone_outlines import outline_zones
from ride_duration.trips.zone_shapes import read_zone_shapes
from tests.serving.page.conftest import ARTIFACTS, OpenPage
from tests.serving.page.test_flows import OpenAnswer
from tests.support.zone_shapes import zone_archive, zone_squares

pytestmark = [pytest.mark.needs("chromium")]
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 780},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
BOROUGHS = ["Manhattan", "Bronx", "Queens", "Brooklyn", "Staten Island"]

#: Names on the map, and pairs of them, or of a name and what lies over the map, of which one covers the other.
COVERED = """() => {
  const boxes = (selector) => [...document.querySelectorAll(selector)]
    .map((element) => [element.textContent.trim().slice(0, 20), element.getBoundingClientRect()]);
  const names = boxes(".over [class$='-name']");
  const others = boxes(".pill, #sets, #zoom, #live");
  const cover = ([, a], [, b]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const pairs = names.flatMap((name, i) =>
    [...names.slice(0, i), ...others].filter((other) => cover(name, other)).map((other) => [name[0], other[0]]));
  return { names: names.map(([text]) => text), pairs };
}"""
#: Width or height, the smaller one, of each zone of which the map shows the middle, in pixels.
TARGETS = """() => {
  const map = document.querySelector("#map").getBoundingClientRect();
  return [...document.querySelectorAll(".land path")]
    .map((path) => [path.getAttribute("aria-label"), path.getBoundingClientRect()])
    .filter(([, { x, y, width, height }]) => x + width / 2 > map.left && x + width / 2 < map.right
      && y + height / 2 > map.top && y + height / 2 < map.bottom)
    .map(([label, { width, height }]) => [label, Math.min(width, height)]);
}"""


def names_apart(page: Page) -> list[str]:
    """The names on the map, none of which covers another or is covered."""
    found = page.evaluate(COVERED)
    assert found["pairs"] == []
    return list(found["names"])


def photograph(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_names_of_boroughs_airports_parks_and_waters_stand_apart(answered: OpenAnswer, scheme: str) -> None:
    page = answered(address="#from=7&to=230&on=2026-11-23&at=17:30", color_scheme=scheme)
    names = names_apart(page)
    assert {*BOROUGHS, "JFK Airport", "LaGuardia", "Newark Airport", "Central Park", "Upper Bay"} <= set(names)
    photograph(page, f"map-{scheme}")
    for _ in range(4):
        page.get_by_role("button", name="Zoom in").click()
        assert len(names_apart(page)) > 2
        if page.locator(".zone-name").count():
            photograph(page, f"map-zoomed-{scheme}")
    assert page.locator(".zone-name").count() > 5


def test_names_make_room_for_the_live_panel_that_is_opened(answered: OpenAnswer) -> None:
    page = answered(viewport={"width": 1280, "height": 800})
    assert len(names_apart(page)) > 10
    page.locator("#live > summary").click()
    expect(page.locator("#live-rate")).to_be_visible()
    page.wait_for_function(f"() => ({COVERED})().pairs.length === 0")
    assert set(BOROUGHS) <= set(names_apart(page))


@pytest.mark.parametrize("borough", BOROUGHS)
def test_a_finger_first_comes_near_to_a_borough_whose_zones_it_then_hits(open_page: OpenPage, borough: str) -> None:
    page = open_page(**PHONE)
    zone = page.locator(f".land path[aria-label$=', {borough}']").nth(7)
    page.locator("#city").scroll_into_view_if_needed()
    names_apart(page)
    if borough == BOROUGHS[0]:
        photograph(page, "phone-map")
    box = zone.bounding_box()
    assert box is not None
    if min(box["width"], box["height"]) < 24:
        tap(page, box)
        expect(page.locator("#pickup")).to_have_value("")
    targets = page.evaluate(TARGETS)
    own = [least for label, least in targets if label.endswith(f", {borough}")]
    assert len(own) > 3
    assert min(own) >= 23.9
    names_apart(page)
    photograph(page, f"phone-{borough.lower().replace(' ', '-')}")
    box = zone.bounding_box()
    assert box is not None
    tap(page, box)
    expect(page.locator("#pickup")).not_to_have_value("")


def tap(page: Page, box: dict[str, float]) -> None:
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def with_shapes(leave_out: int = 0) -> Callable[[Route], None]:
    """Answers /zones with shapes, as the service does that has them."""
    settings = ZoneShapeSettings(source="tlc")
    collection = outline_zones({"taxi_zones.zip": zone_archive(zone_squares())}, settings)
    shapes = read_zone_shapes(json.dumps(collection).encode())

    def answer(route: Route) -> None:
        found = route.fetch().json()
        for zone in found["zones"]:
            if zone["LocationID"] != leave_out:
                zone["polygons"] = shapes[zone["LocationID"]]
        route.fulfill(json=found)

    return answer


def test_zones_are_drawn_by_their_shapes_where_these_are_known(answered: OpenAnswer) -> None:
    page = answered(routes={"zones": with_shapes()})
    corners = page.locator("[data-zone='132']").evaluate("(path) => path.getAttribute('d').split('L').length")
    assert corners == 5  # a square, closed
    expect(page.locator(".between")).to_have_count(0)
    names_apart(page)
    photograph(page, "map-shapes")
    page.get_by_text("How this works").click()
    expect(page.locator("#cells")).to_be_hidden()


def test_a_zone_without_a_shape_keeps_its_cell(answered: OpenAnswer) -> None:
    page = answered(routes={"zones": with_shapes(leave_out=132)})
    corners = page.locator("[data-zone='132']").evaluate("(path) => path.getAttribute('d').split('L').length")
    assert corners > 5
    page.get_by_text("How this works").click()
    expect(page.locator("#cells")).to_be_visible()
