/** The answer in words and bars. */

import { minuteOf, spoken } from "./clock.js";
import { part, span } from "./dom.js";

const REASONS = { time: "Day and hour", distance: "Distance", place: "Where" };
const ANSWER = ["minutes", "interval", "arrival", "about", "why", "day"];

/** Shows no prediction: says why, or, where there is nothing to say, how to begin. */
export function showNone(why) {
  for (const name of ANSWER) part(name).hidden = true;
  part("answer").removeAttribute("aria-busy");
  part("hint").hidden = why !== "";
  part("next").hidden = why === "";
  part("next").textContent = why;
}

/** Shows that a prediction is on its way; the last one fades. */
export function showBusy() {
  for (const name of ["hint", "next"]) part(name).hidden = true;
  part("answer").setAttribute("aria-busy", "true");
}

/** Shows the prediction of a ride that leaves at `time`; returns its minutes. */
export function showAnswer({ duration, lower, upper, reasons = {} }, time) {
  const minutes = Math.round(duration);
  part("minutes").replaceChildren(`${minutes}`, span(minutes === 1 ? " minute" : " minutes"));
  part("interval").textContent = Number.isFinite(lower) ? `${Math.round(lower)} to ${Math.round(upper)} minutes in 9 of 10 rides` : "";
  part("arrival").textContent = `Leave at ${spoken(minuteOf(time))}, there about ${spoken(minuteOf(time) + duration)}`;
  for (const name of ["minutes", "interval", "arrival", "about"]) part(name).hidden = false;
  part("answer").removeAttribute("aria-busy");
  const most = Math.max(4, ...Object.values(reasons).map(Math.abs));
  part("why").hidden = Object.keys(reasons).length === 0;
  part("reasons").replaceChildren(...Object.entries(reasons).flatMap(([name, adds]) => reason(name, adds, most)));
  return minutes;
}

/** A signed bar with words; `most` minutes fill half of it. */
function reason(name, adds, most) {
  const [term, bar, words] = ["dt", "dd", "dd"].map((tag) => document.createElement(tag));
  const whole = Math.round(Math.abs(adds));
  term.textContent = REASONS[name] ?? name;
  words.textContent = whole === 0 ? "no difference" : `${adds > 0 ? "adds" : "saves"} ${whole} min`;
  words.className = "words";
  bar.className = adds > 0 ? "bar adds" : "bar saves";
  bar.setAttribute("aria-hidden", "true");
  const length = span();
  length.style.width = `${(Math.abs(adds) / most) * 50}%`;
  bar.append(length);
  return [term, bar, words];
}

/** Names the serving model, the `rides` that it is about, and what /models says of it, as far as that is known. */
export function showModel({ model_version, variant, distance_used }, rides, { train_data, val_data, rmse, rmse_without_distance } = {}) {
  const sentence = [`Predicted by version ${model_version} (${variant})`];
  const error = distance_used ? rmse : rmse_without_distance;
  sentence.push(`, trained on ${rides} of at most an hour`, train_data ? `, ${train_data.join(", ")}` : "");
  if (Number.isFinite(error)) sentence.push(`. Its RMSE on ${val_data.join(", ")}, ${distance_used ? "with the distance" : "without the distance"}: ${error.toFixed(1)} minutes`);
  part("model").textContent = `${sentence.join("")}.`;
}
