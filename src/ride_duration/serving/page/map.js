/** The map: the shape or cell of each zone, the ride as an arc, names, zoom, and keys that walk from zone to zone. */

import { draw, part } from "./dom.js";
import { AIRPORTS, NAMES, NEIGHBOURS, PARKS } from "./ground.js";
import { arrange, wide } from "./labels.js";
import { place } from "./zones.js";

/** Pixels that a target of a finger has at least (WCAG 2.2, 2.5.8). */
const FINGER = 24;
const AT_REST = NAMES.map(([kind, name, longitude, latitude, turn]) => [kind, name, place({ longitude, latitude }), turn]);
const FARTHEST = 20;
/** From this magnification on zones are named, and boroughs not. */
const CLOSE = 3;
const MARGIN = 26;

/** Draws `zones` into `svg`; `pick` gets the zone that is clicked, `point` the one under the pointer, or null. */
export function cityMap(svg, zones, { pick, point }) {
  const paths = new Map();
  const sea = draw("g", { class: "sea" }); // what lies about the zones
  const land = draw("g", { class: "land" });
  const ring = draw("g", { class: "ring" }, draw("path"), draw("path")); // about the zone that has the focus
  const over = draw("g", { class: "over" });
  const corners = [...zones.values()].flatMap((zone) => zone.outline.flat());
  const box = [0, 1].map((axis) => [Math.min(...corners.map((c) => c[axis])), Math.max(...corners.map((c) => c[axis]))]);
  let [width, height] = [0, 0];
  let view = { by: 1, x: 0, y: 0 }; // magnification, and the middle in miles
  let ride = {};
  let reached = null; // the zone that Tab reaches

  for (const zone of zones.values()) {
    const path = draw("path", {
      d: line(zone.outline),
      class: AIRPORTS.includes(zone.id) ? "airport" : PARKS.includes(zone.id) ? "park" : zone.borough.toLowerCase().replaceAll(" ", "-"),
      role: "button",
      tabindex: -1,
      "aria-label": `${zone.label}, ${zone.borough}`,
      "data-zone": zone.id,
    });
    paths.set(zone.id, path);
    land.append(path);
  }
  const neighbours = NEIGHBOURS.map((shore) => shore.map(([longitude, latitude]) => place({ longitude, latitude })));
  const all = line([...zones.values()].flatMap((zone) => zone.outline));
  const ground = [...zones.values()].every(({ isExact }) => isExact) ? [] : [{ d: all, class: "between" }]; // between cells
  const layers = [{ d: line(neighbours), class: "shallow" }, { d: all, class: "shallow" }, { d: line(neighbours), class: "neighbours" }, ...ground];
  sea.append(...layers.map((layer) => draw("path", layer)));
  svg.replaceChildren(sea, land, ring, over);

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
    for (const group of [sea, land, ring]) group.setAttribute("transform", `translate(${left} ${top}) scale(${scale()})`);
    letter();
  }

  /** Magnifies by a factor about a point of the screen; 0 shows the whole city. */
  function zoom(factor, at = [width / 2, height / 2]) {
    const by = factor ? Math.min(Math.max(view.by * factor, 1), FARTHEST) : 1;
    const [dx, dy] = [(at[0] - width / 2) / scale(), (at[1] - height / 2) / scale()];
    look(by, view.x + dx * (1 - view.by / by), view.y + dy * (1 - view.by / by));
  }

  /** The magnification at which a finger hits each zone of a borough, the smallest too. */
  function fingers(borough) {
    const least = Math.min(...[...zones.values()].filter((zone) => zone.borough === borough).map((zone) => zone.least));
    return FINGER / (least * (scale() / view.by));
  }

  /** All that keeps its size whatever the zoom: names, arc, ends. */
  function letter() {
    over.replaceChildren();
    const ends = [ride.pickup, ride.dropoff].map((zone) => zone && screen(zone.at));
    if (ends[0] && ends[1]) arc(...ends);
    if (ends[0]) over.append(draw("circle", { cx: ends[0][0], cy: ends[0][1], r: 7, class: "from" }));
    if (ends[1]) over.append(draw("rect", { x: ends[1][0] - 7, y: ends[1][1] - 7, width: 14, height: 14, rx: 3, class: "to" }));
    const taken = [...covered(), ...ends.filter(Boolean).map(([x, y]) => [x - 10, y - 10, x + 10, y + 10])];
    const pill = over.querySelector(".pill")?.getBBox();
    if (pill) taken.push([pill.x, pill.y, pill.x + pill.width, pill.y + pill.height]);
    for (const { kind, text, x, y, turn } of arrange(view.by < CLOSE ? wholeCity() : closeBy(), taken, [width, height]))
      over.append(draw("text", { x, y, class: `${kind}-name`, "aria-hidden": true, ...(turn && { transform: `rotate(${turn} ${x} ${y})` }) }, text));
  }

  const wholeCity = () => AT_REST.map(([kind, name, at, turn]) => [kind, name, screen(at), turn]);

  /** The zones that are large enough for their names, the largest first. */
  function closeBy() {
    const named = [...zones.values()].map((zone) => [AIRPORTS.includes(zone.id) ? "airport" : "zone", zone.label.split("/")[0], screen(zone.at), 0, zone.radius]);
    const roomy = named.filter(([kind, name, , , radius]) => radius * scale() * 1.8 > wide(kind, name));
    return roomy.sort((one, other) => other[4] - one[4]);
  }

  /** Boxes of what lies over the map. */
  function covered() {
    const [left, top] = [svg.getBoundingClientRect().left, svg.getBoundingClientRect().top];
    return ["sets", "zoom", "live"].map((id) => part(id).getBoundingClientRect()).map((box) => [box.left - left, box.top - top, box.right - left, box.bottom - top]);
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

  /** Comes so near to a borough that a finger hits its zones; the next touch takes one. */
  function approach(zone, { clientX, clientY }) {
    const bounds = svg.getBoundingClientRect();
    const at = [clientX - bounds.left, clientY - bounds.top];
    const by = fingers(zone.borough);
    look(by, view.x + (at[0] - width / 2) / scale(), view.y + (at[1] - height / 2) / scale());
    point(null);
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
    if (!zone || dragged) return;
    reach(zone);
    const small = event.pointerType === "touch" && zone.least * scale() < FINGER;
    if (small) approach(zone, event);
    else pick(zone);
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const bounds = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), [event.clientX - bounds.left, event.clientY - bounds.top]);
  }, { passive: false });

  new ResizeObserver(letter).observe(part("live")); // it lies over the map
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

/** The outline of rings as the path of an SVG element. */
function line(rings) {
  return rings.map((ring) => `M${ring.map((corner) => corner.map((v) => v.toFixed(3))).join("L")}Z`).join("");
}
