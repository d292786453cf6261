/** The map: a cell for each zone, the ride as an arc, zoom, and keys that walk from zone to zone. */

import { draw } from "./dom.js";
import { place } from "./zones.js";

/** Where the names of the boroughs stand: beside Manhattan, on the others. */
const NAMES = [
  ["Manhattan", -73.987, 40.79],
  ["Bronx", -73.868, 40.858],
  ["Queens", -73.812, 40.722],
  ["Brooklyn", -73.952, 40.642],
  ["Staten Island", -74.148, 40.578],
  ["Newark Airport", -74.174, 40.665],
].map(([name, longitude, latitude]) => [name, place({ longitude, latitude })]);
const FARTHEST = 14;
const MARGIN = 26;

/** Draws `zones` into `svg`; `pick` gets the zone that is clicked, `point` the one under the pointer, or null. */
export function cityMap(svg, zones, { pick, point }) {
  const paths = new Map();
  const land = draw("g", { class: "land" });
  const ring = draw("g", { class: "ring" }, draw("path"), draw("path")); // about the zone that has the focus
  const over = draw("g", { class: "over" });
  const corners = [...zones.values()].flatMap((zone) => zone.cell);
  const box = [0, 1].map((axis) => [Math.min(...corners.map((c) => c[axis])), Math.max(...corners.map((c) => c[axis]))]);
  let [width, height] = [0, 0];
  let view = { by: 1, x: 0, y: 0 }; // magnification, and the middle in miles
  let ride = {};
  let reached = null; // the zone that Tab reaches

  for (const zone of zones.values()) {
    const path = draw("path", {
      d: `M${zone.cell.map((c) => c.map((v) => v.toFixed(3))).join("L")}Z`,
      class: zone.borough.toLowerCase().replaceAll(" ", "-"),
      role: "button",
      tabindex: -1,
      "aria-label": `${zone.label}, ${zone.borough}`,
      "data-zone": zone.id,
    });
    paths.set(zone.id, path);
    land.append(path);
  }
  svg.replaceChildren(land, ring, over);

  const scale = () => view.by * Math.min((width - 2 * MARGIN) / (box[0][1] - box[0][0]), (height - 2 * MARGIN) / (box[1][1] - box[1][0]));
  const screen = ([x, y]) => [width / 2 + (x - view.x) * scale(), height / 2 + (y - view.y) * scale()];

  function look(by, x, y) {
    view = { by: Math.min(Math.max(by, 1), FARTHEST), x, y };
    const middle = [(box[0][0] + box[0][1]) / 2, (box[1][0] + box[1][1]) / 2];
    if (view.by === 1) [view.x, view.y] = middle;
    view.x = Math.min(Math.max(view.x, box[0][0]), box[0][1]);
    view.y = Math.min(Math.max(view.y, box[1][0]), box[1][1]);
    svg.classList.toggle("near", view.by > 1);
    const [left, top] = screen([0, 0]);
    for (const group of [land, ring]) group.setAttribute("transform", `translate(${left} ${top}) scale(${scale()})`);
    letter();
  }

  /** Magnifies by a factor about a point of the screen; 0 shows the whole city. */
  function zoom(factor, at = [width / 2, height / 2]) {
    const by = factor ? Math.min(Math.max(view.by * factor, 1), FARTHEST) : 1;
    const [dx, dy] = [(at[0] - width / 2) / scale(), (at[1] - height / 2) / scale()];
    look(by, view.x + dx * (1 - view.by / by), view.y + dy * (1 - view.by / by));
  }

  /** All that keeps its size whatever the zoom: names, arc, ends. */
  function letter() {
    over.replaceChildren();
    const word = (text, [x, y], name) => over.append(draw("text", { x, y, class: name, "aria-hidden": true }, text));
    const kinds = { Manhattan: "borough-name west", "Newark Airport": "zone-name" };
    if (view.by < 3) for (const [name, at] of NAMES) word(name, screen(at), kinds[name] ?? "borough-name");
    else for (const zone of zones.values()) if (zone.radius * scale() * 1.5 > zone.label.length * 6.5) word(zone.label, screen(zone.at), "zone-name");
    const ends = [ride.pickup, ride.dropoff].map((zone) => zone && screen(zone.at));
    if (ends[0] && ends[1]) arc(...ends);
    if (ends[0]) over.append(draw("circle", { cx: ends[0][0], cy: ends[0][1], r: 7, class: "from" }));
    if (ends[1]) over.append(draw("rect", { x: ends[1][0] - 7, y: ends[1][1] - 7, width: 14, height: 14, rx: 3, class: "to" }));
  }

  function arc([x, y], [u, v]) {
    const bend = [(x + u) / 2 + (v - y) * 0.22, (y + v) / 2 - (u - x) * 0.22];
    const same = x === u && y === v;
    const d = same ? `M${x} ${y}c-34 -48 34 -48 0 0` : `M${x} ${y}Q${bend[0]} ${bend[1]} ${u} ${v}`;
    const fresh = ride.fresh ? " fresh" : "";
    over.append(draw("path", { d, class: "arc casing" }), draw("path", { d, pathLength: 1, class: `arc${fresh}` }));
    if (!ride.text) return;
    const [mx, my] = same ? [x, y - 50] : [(x + 2 * bend[0] + u) / 4, (y + 2 * bend[1] + v) / 4];
    const wide = ride.text.length * 8 + 22;
    over.append(
      draw("rect", { x: mx - wide / 2, y: my - 14, width: wide, height: 28, rx: 14, class: "pill" }),
      draw("text", { x: mx, y: my, class: "pill-text", "aria-hidden": true }, ride.text),
    );
  }

  function reach(zone) {
    if (reached) paths.get(reached.id).setAttribute("tabindex", -1);
    reached = zone;
    paths.get(zone.id).setAttribute("tabindex", 0);
  }

  /** The nearest zone within 45 degrees of a direction. */
  function neighbour(zone, [dx, dy]) {
    const along = (other) => (other.at[0] - zone.at[0]) * dx + (other.at[1] - zone.at[1]) * dy;
    const aside = (other) => Math.abs((other.at[0] - zone.at[0]) * dy) + Math.abs((other.at[1] - zone.at[1]) * dx);
    const ahead = [...zones.values()].filter((other) => along(other) > 0 && aside(other) <= along(other));
    return ahead.sort((a, b) => along(a) + aside(a) - along(b) - aside(b))[0];
  }

  svg.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const factor = { "+": 1.6, "-": 0.625, 0: 0 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way) {
      const next = neighbour(reached, way);
      if (next) {
        reach(next);
        paths.get(next.id).focus({ preventScroll: true });
      }
    } else if (event.key === "Enter" || event.key === " ") pick(reached);
    else if (factor !== undefined) {
      zoom(factor, screen(reached.at));
      point(reached, screen(reached.at));
    } else return;
    event.preventDefault();
  });
  const mark = (d) => [...ring.children].forEach((line) => line.setAttribute("d", d));
  const around = svg.parentElement; // an SVG element that listens for the focus would be a stop of Tab itself
  around.addEventListener("focusin", (event) => {
    const zone = under(event);
    if (!zone || !event.target.matches(":focus-visible")) return;
    const [x, y] = screen(zone.at);
    if (x < 0 || y < 0 || x > width || y > height) look(view.by, ...zone.at);
    mark(event.target.getAttribute("d"));
    point(zone, screen(zone.at));
  });
  around.addEventListener("focusout", (event) => {
    mark("");
    if (!svg.contains(event.relatedTarget)) point(null);
  });

  const under = (event) => zones.get(Number(event.target.dataset?.zone)) ?? null;
  let held = null; // where the pointer went down, and the view then
  let dragged = false;
  svg.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, view };
    dragged = false;
  });
  svg.addEventListener("pointermove", (event) => {
    const bounds = svg.getBoundingClientRect();
    point(dragged ? null : under(event), [event.clientX - bounds.left, event.clientY - bounds.top]);
    if (!held || event.buttons === 0 || view.by === 1) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!dragged && Math.hypot(dx, dy) < 5) return;
    if (!dragged) svg.setPointerCapture(event.pointerId);
    dragged = true;
    look(view.by, held.view.x - dx / scale(), held.view.y - dy / scale());
  });
  svg.addEventListener("pointerup", () => (held = null));
  svg.addEventListener("pointerleave", () => point(null));
  svg.addEventListener("click", (event) => {
    const zone = under(event);
    if (zone && !dragged) {
      reach(zone);
      pick(zone);
    }
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const bounds = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), [event.clientX - bounds.left, event.clientY - bounds.top]);
  }, { passive: false });

  new ResizeObserver(() => {
    [width, height] = [svg.clientWidth, svg.clientHeight];
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    look(view.by, view.x, view.y);
  }).observe(svg);
  reach([...zones.values()].sort((a, b) => Math.hypot(...a.at) - Math.hypot(...b.at))[0]);

  return {
    zoom,
    /** Shows a ride: its two zones (or null) and a text for its arc. */
    show(pickup, dropoff, text) {
      const fresh = pickup !== ride.pickup || dropoff !== ride.dropoff;
      ride = { pickup, dropoff, text, fresh };
      for (const [id, path] of paths) {
        path.classList.toggle("picked", id === pickup?.id || id === dropoff?.id);
        path.setAttribute("aria-pressed", id === pickup?.id || id === dropoff?.id);
      }
      letter();
      ride.fresh = false;
    },
  };
}
