/** The live panel: polls the service while the page is visible. Rides count, and not what the page itself requests. */

import { ask } from "./api.js";
import { draw, part, span } from "./dom.js";

const EVERY = 3000;
const KEPT = 60;

/** Polls while the tab is visible; `heard` gets each answer of /live. */
export function watch(heard) {
  let timer = 0;
  const rates = [];

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const live = await ask("live");
      rates.push(live.rides_per_second);
      if (rates.length > KEPT) rates.shift();
      show(live);
      pace(rates);
      heard(live);
    } catch (refusal) {
      rates.length = 0;
      show({});
      pace(rates);
      part("live").classList.add("lost");
      part("live-state").textContent = refusal.title || "No answer";
      part("live-model").textContent = "";
    }
    timer = setTimeout(poll, EVERY);
  }

  document.addEventListener("visibilitychange", poll);
  return poll();
}

function show({ rides, rides_per_second, ride_p50_ms, ride_p99_ms, requests_per_second, errors, queue_depth, model, variants, level }) {
  part("live").classList.remove("lost");
  part("live-state").textContent = `${number(rides)} ${rides === 1 ? "ride" : "rides"}`;
  part("live-rate").textContent = number(rides_per_second);
  part("live-p50").textContent = milliseconds(ride_p50_ms);
  part("live-p99").textContent = milliseconds(ride_p99_ms);
  part("live-requests").textContent = number(requests_per_second);
  part("live-errors").textContent = number(errors);
  part("live-queue").textContent = number(queue_depth);
  part("live-model").textContent = model ? `Version ${model.version}${model.simulated ? " (simulated)" : ""}, ${age(model.age_days)}` : "No model yet";
  part("live-level").hidden = !level;
  part("live-level").textContent = level ? traffic(level) : "";
  shares(variants ?? []);
}

function traffic({ factor, frozen }) {
  const percent = Math.round(100 * Math.abs(factor - 1));
  const compared = percent ? `${percent} % ${factor > 1 ? "slower than" : "faster than"}` : "as fast as";
  return `Traffic now: ${compared} the model learned${frozen ? " (frozen)" : ""}`;
}

function shares(variants) {
  const parts = variants.filter(({ share }) => share > 0);
  part("shares").replaceChildren(
    ...parts.map(({ variant, share }) => {
      const bar = span();
      bar.className = variant;
      bar.style.flexGrow = share;
      return bar;
    }),
  );
  part("variants").replaceChildren(
    ...variants.map(({ variant, version, share }) => {
      const item = document.createElement("li");
      item.className = variant;
      const rides = share > 0 ? `${number(share * 100)} % of rides` : "shadow, only logged";
      item.append(`${variant}, version ${version} `, span(rides));
      return item;
    }),
  );
}

function pace(rates) {
  const svg = part("pace");
  const [width, height] = [svg.clientWidth, svg.clientHeight];
  const most = Math.max(1, ...rates);
  const points = rates.map((rate, i) => `${width - (rates.length - 1 - i) * (width / (KEPT - 1))},${height - 2 - (rate / most) * (height - 6)}`);
  svg.replaceChildren(draw("polyline", { points: points.join(" ") }));
}

function number(value) {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function milliseconds(value) {
  return Number.isFinite(value) ? `${number(value)} ms` : "–";
}

/** "4 hours old" */
function age(days) {
  if (!Number.isFinite(days)) return "of unknown age";
  const [amount, unit] = days >= 1 ? [days, "day"] : days * 24 >= 1 ? [days * 24, "hour"] : [days * 1440, "minute"];
  const whole = Math.max(1, Math.round(amount));
  return `${whole} ${unit}${whole === 1 ? "" : "s"} old`;
}
