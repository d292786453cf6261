/** What goes wrong, said where it belongs: beside a field, in the notice above the form, or as a question for a key. */

import { hasKey, useKey } from "./api.js";
import { part } from "./dom.js";

/** The page's names of the service's fields. */
const NAMED = { pickup_datetime: "when", trip_distance: "miles", PULocationID: "pickup", DOLocationID: "dropoff" };

let timer = 0;
let again = () => {};
let modelless = false;

/** Shows a refusal; `repeat` asks again, at once on demand, or after the pause that the service wants. */
export function refused(refusal, repeat) {
  clear();
  again = repeat;
  if (refusal.status === 401 || refusal.status === 403) {
    part("key-text").textContent = hasKey() ? `The last key was not accepted. ${refusal.message}` : refusal.message;
    part("key").hidden = false;
    part("key-value").focus();
    return;
  }
  if (refusal.pause) timer = setTimeout(repeat, refusal.pause * 1000);
  const faults = refusal.errors.filter(({ field, detail }) => fault(nameOf(field), detail));
  if (refusal.status === 503 && modelless) noModel();
  else if (!faults.length) {
    const pause = refusal.pause ? ` This page asks again in ${refusal.pause} ${refusal.pause === 1 ? "second" : "seconds"}.` : "";
    notice(refusal.title || "That did not work", `${refusal.message}${pause}`);
  }
}

/** Says what is wrong with one field, or takes it back (""); false where the page has no such field. */
export function fault(name, detail) {
  if (!name) return false;
  part(`${name}-error`).textContent = detail;
  part(`${name}-error`).hidden = !detail;
  for (const input of document.querySelectorAll(`[aria-describedby~="${name}-error"]`)) {
    if (detail) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  return true;
}

/** Forgets what was wrong. */
export function clear() {
  clearTimeout(timer);
  for (const gone of document.querySelectorAll(".error, .notice")) gone.hidden = true;
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  if (modelless) noModel();
}

/** Tells whether there is a model to ask; true when one has just come. */
export function hasModel(has) {
  const came = has && modelless;
  modelless = !has;
  if (came) clear();
  else if (!has) noModel();
  return came;
}

function noModel() {
  notice("No model yet", "The service runs, but no model has been released yet. `kedro run`, with the service's --env, releases one, and this page notices.");
}

function notice(title, text) {
  part("notice-title").textContent = title;
  part("notice-text").textContent = text;
  part("notice").hidden = false;
}

/** "rides[3].trip_distance" is the miles. */
function nameOf(field) {
  const names = String(field).split(/[.[\]/]/).map((name) => NAMED[name] ?? name);
  return names.find((name) => part(`${name}-error`));
}

part("notice-again").addEventListener("click", () => again());
part("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(part("key-value").value);
  clear();
  again();
});
