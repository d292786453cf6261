/** The name of the zone under the pointer or the focus, off the minutes of the ride. */

import { part, span } from "./dom.js";

let at = [0, 0];

/** Names `zone` beside a point of the map; null names none. */
export function point(zone, near) {
  const tip = part("tip");
  tip.hidden = !zone;
  if (!zone) return;
  at = near;
  tip.replaceChildren(zone.label, " ", span(zone.borough));
  placeTip();
}

/** Puts the name above its point, or below, where the map ends or the minutes stand. */
export function placeTip() {
  const tip = part("tip");
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = Math.max(8, Math.min(at[0] + 14, part("map").clientWidth - width - 8));
  const above = at[1] - height - 12;
  const pill = document.querySelector(".pill")?.getBBox();
  const covers = pill && left < pill.x + pill.width && pill.x < left + width && above < pill.y + pill.height && pill.y < above + height;
  tip.style.left = `${left}px`;
  tip.style.top = `${above < 8 || covers ? at[1] + 20 : above}px`;
}
