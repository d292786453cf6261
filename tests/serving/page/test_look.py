"""That everyone can use the page: contrast, names, focus, width; and that it stays small and asks nobody else."""

import re
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.serving.page.conftest import ARTIFACTS, OpenPage
from tests.serving.page.test_flows import OpenAnswer, monitored

pytestmark = [pytest.mark.needs("chromium")]
LARGEST = 84_000  # bytes of all files together
CONTROLS = {"button", "textbox", "combobox", "link", "radio", "listbox", "image", "Date", "InputTime"}
#: In the order of Tab; the browser and the live panel may have more.
STOPS = ["pickup", "dropoff", "swap", "date", "time", "miles", "now"]
STOPS += ["zone", "Drop-off", "Zoom in", "Zoom out", "Whole city", "share", "How this works"]

#: Every visible text with its colour, what lies behind it, and its size: WCAG 2.2, success criterion 1.4.3.
LOW_CONTRAST = """() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const solid = (colour) => { const [r, g, b, a = 1] = channels(colour); return b !== undefined && a > 0.99; };
  const light = (colour) => channels(colour).slice(0, 3)
    .map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const style = getComputedStyle(element);
    if (element.matches("svg text")) {
      if (solid(style.stroke)) return style.stroke;
      if (element.previousElementSibling?.matches("rect")) return getComputedStyle(element.previousElementSibling).fill;
    }
    for (let parent = element; parent; parent = parent.parentElement) {
      const { backgroundColor } = getComputedStyle(parent);
      if (solid(backgroundColor)) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && element.getBoundingClientRect().width > 1;
  const lettered = (element) => element.matches("input:not([type=radio])")
    || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...document.querySelectorAll("body *")].filter((element) => lettered(element) && seen(element));
  return texts.map((element) => {
    const style = getComputedStyle(element);
    const placeholder = element.matches("input") && !element.value && element.placeholder;
    const colour = element.matches("svg text") ? style.fill
      : placeholder ? getComputedStyle(element, "::placeholder").color : style.color;
    const [one, other] = [light(colour), light(behind(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const text = element.textContent.trim().slice(0, 40) || element.id;
    return { text, contrast: (one + 0.05) / (other + 0.05), least: large ? 3 : 4.5 };
  });
}"""
#: How the focus shows on the element that has it, and which element that is.
FOCUS = """() => {
  const element = document.activeElement;
  const shown = element.type === "radio" ? element.nextElementSibling : element;
  const { outlineStyle } = getComputedStyle(shown);
  const path = element.matches(".land path");
  const ring = document.querySelector(".ring path").getAttribute("d");
  const name = path ? "zone" : element.id || element.ariaLabel || (element.labels?.[0] ?? element).textContent.trim();
  const marked = outlineStyle !== "none";
  const mark = path ? ring === element.getAttribute("d") : marked;
  return { name: element === document.body ? "" : name, shown: mark, marked };
}"""


def low_contrast(page: Page) -> list[dict[str, Any]]:
    """Texts that are too faint; there are texts at all."""
    texts = page.evaluate(LOW_CONTRAST)
    assert len(texts) > 30
    return [text for text in texts if text["contrast"] < text["least"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(answered: OpenAnswer, scheme: str) -> None:
    page = answered(color_scheme=scheme)
    expect(page.locator("#live-rate")).to_have_text(re.compile(r"\d"))
    assert page.evaluate("document.getAnimations().length") == 0  # the tests ask for less motion
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"desktop_{scheme}.png")
    assert low_contrast(page) == []
    page.get_by_text("How this works").click()
    page.locator("#pickup").fill("east")
    expect(page.locator("[role=option][aria-selected]")).to_be_visible()
    assert low_contrast(page) == []
    page.locator("#miles").fill("far")
    expect(page.locator("#miles-error")).to_be_visible()
    page.locator("[data-zone='7']").hover()
    expect(page.locator("#tip")).to_be_visible()
    assert low_contrast(page) == []


def test_every_control_has_a_name_and_is_reached_by_tab_with_its_focus_seen(answered: OpenAnswer) -> None:
    page = answered()
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    controls = [node for node in tree if node.get("role", {}).get("value") in CONTROLS]
    nameless = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")]
    assert len(controls) > 270  # all cells, and the form
    assert nameless == []
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if not focus["name"]:
            break
        assert focus["shown"], focus["name"]
        if focus["name"] not in reached:
            reached.append(focus["name"])
    assert [name for name in reached if name in STOPS] == STOPS
    assert "map" not in reached
    page.locator("#now").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#now")).to_be_focused()


def test_a_click_leaves_no_mark_of_the_focus_on_the_map_a_key_does(answered: OpenAnswer) -> None:
    page = answered()
    page.locator("[data-zone='7']").click()
    assert page.evaluate(FOCUS) == {"name": "zone", "shown": False, "marked": False}
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUS) == {"name": "zone", "shown": True, "marked": False}


def test_a_phone_shows_all_without_scrolling_sideways(answered: OpenAnswer) -> None:
    page = answered(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True, device_scale_factor=2)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTIFACTS / "phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for control in page.locator("button:visible, input:not([type=radio]):visible, #sets label").all():
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24, control
        assert 0 <= box["x"] <= 360 - box["width"]
    page.locator("#dropoff").tap()
    page.get_by_role("option", name=re.compile("^Astoria Queens")).tap()
    expect(page.locator("#dropoff")).to_have_value("Astoria")


def test_the_page_is_small_and_speaks_of_no_other_host() -> None:
    contents = {file.name: file.read_bytes() for file in (files("ride_duration.serving") / "page").iterdir()}
    assert sum(map(len, contents.values())) < LARGEST
    for name, content in contents.items():
        addresses = set(re.findall(rb"https?://[^\"' )]+", content)) - {b"http://www.w3.org/2000/svg"}
        assert addresses == set(), name
    page = contents["index.html"].decode()
    assert "<noscript>" in page
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_the_verdict_can_be_read(open_page: OpenPage, scheme: Any, width: int) -> None:
    """In both schemes, on a desk and on a phone."""
    answer = monitored("retrain", [1.01] * 20 + [1.1] * 7 + [1.4], cause="level")
    page = open_page(routes={"monitoring": answer}, color_scheme=scheme, viewport={"width": width, "height": 900})
    expect(page.locator("#levels circle")).to_have_count(28)
    expect(page.locator("#live-state")).to_contain_text("ride")
    assert low_contrast(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#live").screenshot(path=ARTIFACTS / f"verdict-{scheme}-{width}.png")
