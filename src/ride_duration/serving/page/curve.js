/** How the answer changes over the day: a line with its interval, and the chosen time on it. */

import { spoken, spokenHour } from "./clock.js";
import { draw } from "./dom.js";

const EDGE = { left: 30, right: 10, top: 12, bottom: 24 };

/**
 * Draws `points`, [{minute, duration, lower, upper}] in order of the day, and the `chosen` one into `svg`; a click gives
 * a minute to `pick`.
 */
export function curve(svg, points, chosen, pick) {
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const most = Math.max(...points.map((point) => point.upper));
  const step = [5, 10, 20, 30, 60, 120].find((minutes) => most / minutes <= 4) ?? 240;
  const top = Math.ceil(most / step) * step;
  const x = (minute) => EDGE.left + (minute / 1440) * (width - EDGE.left - EDGE.right);
  const y = (duration) => height - EDGE.bottom - (duration / top) * (height - EDGE.top - EDGE.bottom);
  const line = (key, order = points) => order.map((point) => `${x(point.minute).toFixed(1)} ${y(point[key]).toFixed(1)}`).join("L");

  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const reading = draw("g", { class: "reading" });
  svg.replaceChildren();
  for (let minutes = 0; minutes <= top; minutes += step) {
    svg.append(
      draw("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(minutes), y2: y(minutes), class: minutes ? "grid" : "ground" }),
      draw("text", { x: EDGE.left - 6, y: y(minutes), class: "tick left" }, `${minutes}`),
    );
  }
  for (let minute = 0; minute <= 1440; minute += 360) {
    const anchor = { 0: " first", 1440: " last" }[minute] ?? "";
    svg.append(draw("text", { x: x(minute), y: height - 6, class: `tick under${anchor}` }, spokenHour(minute)));
  }
  svg.append(
    draw("path", { d: `M${line("upper")}L${line("lower", [...points].reverse())}Z`, class: "band" }),
    draw("path", { d: `M${line("duration")}`, class: "line" }),
    draw("line", { x1: x(chosen.minute), x2: x(chosen.minute), y1: EDGE.top, y2: y(0), class: "chosen" }),
    draw("circle", { cx: x(chosen.minute), cy: y(chosen.duration), r: 6, class: "chosen" }),
    reading,
  );

  const minuteAt = (event) => {
    const share = (event.clientX - svg.getBoundingClientRect().left - EDGE.left) / (width - EDGE.left - EDGE.right);
    return Math.min(Math.max(Math.round((share * 1440) / 30) * 30, 0), 1410);
  };
  svg.onpointermove = (event) => {
    const point = points.find((other) => other.minute === minuteAt(event));
    if (!point) return;
    const text = `${spoken(point.minute)} · ${Math.round(point.duration)} min`;
    const at = Math.min(Math.max(x(point.minute), EDGE.left + 50), width - EDGE.right - 50);
    reading.replaceChildren(
      draw("circle", { cx: x(point.minute), cy: y(point.duration), r: 3.5 }),
      draw("text", { x: at, y: 10 }, text),
    );
  };
  svg.onpointerleave = () => reading.replaceChildren();
  svg.onclick = (event) => pick(minuteAt(event));
}
