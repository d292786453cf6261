/** What the monitoring found: its verdict, and the level of the last days; hidden where there was none yet. */

import { ask } from "./api.js";
import { draw, part } from "./dom.js";

const EVERY = 60_000;
const EDGE = { left: 34, right: 4, top: 8, bottom: 18 };

/** Verdicts in words. */
const SAID = { ok: "right", watch: "to be watched", retrain: "needs retraining", incident: "records are broken", insufficient: "too few actuals" };

/** Asks now, and from time to time while the tab is visible. */
export function watchMonitoring() {
  let timer = 0;
  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    show(await ask("monitoring").catch(() => ({ verdict: null, days: [] })));
    timer = setTimeout(poll, EVERY);
  }
  document.addEventListener("visibilitychange", poll);
  return poll();
}

function show({ verdict, days }) {
  part("monitored").hidden = !verdict;
  if (!verdict) return;
  part("verdict").textContent = `Model ${SAID[verdict.verdict] ?? verdict.verdict}`;
  part("verdict").className = verdict.verdict;
  const cause = verdict.cause === "none" ? "" : `, cause: ${verdict.cause}`;
  part("verdict-about").textContent = `Version ${verdict.version}, ${verdict.first} to ${verdict.last}${cause}`;
  const known = days.filter(({ level }) => level !== null);
  part("levels").style.display = known.length ? "" : "none";
  part("levels-text").textContent = known.length ? "Actual / predicted minutes, by day; 1 is right" : "No actual durations yet";
  if (known.length) chart(part("levels"), days, known);
}

function chart(svg, days, known) {
  const [width, height] = [svg.clientWidth || 234, svg.clientHeight || 84];
  const levels = known.map(({ level }) => level);
  const [least, most] = [Math.min(0.9, ...levels), Math.max(1.1, ...levels)];
  const x = (i) => EDGE.left + (days.length < 2 ? 0.5 : i / (days.length - 1)) * (width - EDGE.left - EDGE.right);
  const y = (level) => EDGE.top + ((most - level) / (most - least)) * (height - EDGE.top - EDGE.bottom);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  for (const level of [least, 1, most]) {
    const at = { x1: EDGE.left, x2: width - EDGE.right, y1: y(level), y2: y(level), class: level === 1 ? "ground" : "grid" };
    svg.append(draw("line", at), draw("text", { x: EDGE.left - 5, y: y(level) + 4, class: "left" }, level.toFixed(2)));
  }
  svg.append(
    draw("text", { x: EDGE.left, y: height - 3 }, days[0].day.slice(5)),
    draw("text", { x: width - EDGE.right, y: height - 3, class: "left" }, days.at(-1).day.slice(5)),
  );
  const points = days.map(({ level }, i) => level !== null && `${x(i).toFixed(1)},${y(level).toFixed(1)}`).filter(Boolean);
  svg.append(draw("polyline", { points: points.join(" ") }));
  days.forEach(({ day, level, incident }, i) => {
    if (level === null) return;
    const title = draw("title", {}, `${day}: ${level.toFixed(2)}${incident ? ", incident" : ""}`);
    svg.append(draw("circle", { cx: x(i), cy: y(level), r: incident ? 4 : 2, class: incident ? "incident" : "" }, title));
  });
}
