/** The page: one ride, kept in the address, asked for and shown. */

import { ask, hasKey, useKey } from "./api.js";
import { minuteOf, now, spoken, spokenDay, timeOf } from "./clock.js";
import { combobox } from "./combobox.js";
import { curve } from "./curve.js";
import { watch } from "./live.js";
import { cityMap } from "./map.js";
import { milesBetween, readZones } from "./zones.js";

const SETTLED = 150; // milliseconds without another change before the service is asked
const REASONS = { time: "Day and hour", distance: "Distance", place: "Where" };
const NAMED = { pickup_datetime: "when", trip_distance: "miles", PULocationID: "pickup", DOLocationID: "dropoff" };
const part = (name) => document.getElementById(name);

const ride = { pickup: null, dropoff: null, ...now(), leavesNow: true, miles: "" };
let zones = new Map();
let map = null;
const fields = {};
let answered = null; // the answer shown
let day = { key: "", points: [] }; // the curve shown
let mark = null;
let models = null;
let asking = new AbortController();
let settling = 0;
let again = {}; // what to ask again after a refusal, and the timer that will
let modelless = false;

/** Begins, or begins anew after a refusal: the zones first, then all that needs them. */
async function begin() {
  try {
    zones = readZones((await ask("zones")).zones);
  } catch (refusal) {
    return refused(refusal, begin);
  }
  clear();
  part("map-loading").hidden = true;
  map = cityMap(part("map"), zones, { pick: (zone) => choose(end(), zone), point });
  for (const name of ["pickup", "dropoff"]) {
    fields[name] = combobox(part(name), part(`${name}-zones`), zones, (zone) => choose(name, zone));
    part(name).addEventListener("focus", () => sets(name));
  }
  restore();
  watch(heard);
}

// What the reader does

function choose(name, zone) {
  ride[name] = zone;
  fields[name](zone);
  if (zone && name === "pickup" && !ride.dropoff) sets("dropoff");
  changed();
}

function end() {
  return document.querySelector("#sets input:checked").value;
}

function sets(name) {
  document.querySelector(`#sets [value=${name}]`).checked = true;
}

part("swap").addEventListener("click", () => {
  [ride.pickup, ride.dropoff] = [ride.dropoff, ride.pickup];
  changed();
});
for (const name of ["date", "time"]) {
  part(name).addEventListener("input", () => {
    ride[name] = part(name).value;
    ride.leavesNow = false;
    changed();
  });
}
part("now").addEventListener("click", () => {
  Object.assign(ride, now(), { leavesNow: true });
  changed();
});
part("miles").addEventListener("input", () => {
  ride.miles = part("miles").value.trim();
  changed();
});
part("ride").addEventListener("submit", (event) => event.preventDefault());
part("zoom").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) map?.zoom(Number(button.dataset.by));
});
part("key").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(part("key-value").value);
  part("key").hidden = true;
  retry();
});
part("notice-again").addEventListener("click", () => retry());
part("share").addEventListener("click", async (event) => {
  if (!navigator.clipboard) return; // the link is a link
  event.preventDefault();
  await navigator.clipboard.writeText(part("share").href).then(
    () => (part("shared").textContent = "Copied"),
    () => (part("shared").textContent = "Copy it from the address bar"),
  );
});
addEventListener("hashchange", restore);
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawDay, SETTLED);
});

function point(zone, at) {
  const tip = part("tip");
  tip.hidden = !zone;
  if (!zone) return;
  const borough = document.createElement("span");
  borough.textContent = zone.borough;
  tip.replaceChildren(zone.label, " ", borough);
  const room = part("map").clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(at[0] + 14, room))}px`;
  tip.style.top = `${Math.max(8, at[1] - tip.offsetHeight - 12)}px`;
}

// The ride in the address

function restore() {
  const said = new URLSearchParams(location.hash.slice(1));
  ride.pickup = zones.get(Number(said.get("from"))) ?? null;
  ride.dropoff = zones.get(Number(said.get("to"))) ?? null;
  ride.leavesNow = !(said.get("on") && said.get("at"));
  Object.assign(ride, ride.leavesNow ? now() : { date: said.get("on"), time: said.get("at") });
  ride.miles = said.get("miles") ?? "";
  sets(ride.pickup ? "dropoff" : "pickup");
  changed();
}

function keep() {
  const said = new URLSearchParams();
  if (ride.pickup) said.set("from", ride.pickup.id);
  if (ride.dropoff) said.set("to", ride.dropoff.id);
  if (!ride.leavesNow) said.set("on", ride.date);
  if (!ride.leavesNow) said.set("at", ride.time);
  if (ride.miles) said.set("miles", ride.miles);
  const hash = said.size ? `#${said.toString().replaceAll("%3A", ":")}` : location.pathname;
  history.replaceState(null, "", hash);
  part("share").href = location.href;
  part("shared").textContent = "";
}

/** After every change: the fields, the address, the map, and, when it has settled, the question. */
function changed() {
  for (const name of ["pickup", "dropoff"]) fields[name]?.(ride[name]);
  for (const name of ["date", "time", "miles"]) if (part(name).value.trim() !== ride[name]) part(name).value = ride[name];
  part("now").disabled = ride.leavesNow;
  keep();
  const far = ride.pickup && ride.dropoff ? milesBetween(ride.pickup, ride.dropoff) : 0;
  part("miles-hint").textContent = far ? `${far.toFixed(1)} miles as the crow flies` : "";
  answered = null;
  clear();
  asking.abort();
  map?.show(ride.pickup, ride.dropoff, "");
  clearTimeout(settling);
  if (!ride.pickup || !ride.dropoff) return empty();
  if (complain()) return part("answer").classList.add("stale");
  part("answer").setAttribute("aria-busy", "true");
  settling = setTimeout(question, SETTLED);
}

/** What can be seen to be wrong before the service is asked. */
function complain() {
  const miles = Number(ride.miles.replace(",", "."));
  if (!Number.isFinite(miles)) fault("miles", "Give the miles as a number, such as 2.5, or leave them out.");
  if (!ride.date || !ride.time) fault("when", "Choose a day and a time.");
  return !Number.isFinite(miles) || !ride.date || !ride.time;
}

// Asking

function asked(time) {
  const said = { PULocationID: ride.pickup.id, DOLocationID: ride.dropoff.id, pickup_datetime: `${ride.date}T${time}:00` };
  if (ride.miles) said.trip_distance = Number(ride.miles.replace(",", "."));
  return said;
}

async function question() {
  asking = new AbortController();
  const { signal } = asking;
  try {
    answered = await ask("predict?explain=true", { body: asked(ride.time), signal });
    show();
    await ofTheDay(signal);
    await whichModel(signal);
  } catch (refusal) {
    if (refusal.name !== "AbortError" && !signal.aborted) refused(refusal, question);
  }
}

async function ofTheDay(signal) {
  const key = JSON.stringify({ ...asked(""), by: answered.model_version });
  if (key !== day.key) {
    const minutes = Array.from({ length: 48 }, (_, i) => i * 30);
    const rides = minutes.map((minute) => asked(timeOf(minute)));
    const { predictions } = await ask("predict/batch", { body: { rides }, signal });
    day = { key, points: predictions.map((answer, i) => ({ ...answer, minute: minutes[i] })) };
  }
  drawDay();
}

async function whichModel(signal) {
  const known = () => models?.find(({ variant, version }) => variant === answered.variant && version === answered.model_version);
  if (!known()) models = (await ask("models", { signal })).variants;
  const { trained_on, rmse } = known() ?? {};
  const told = [`Answered by version ${answered.model_version} (${answered.variant})`];
  if (trained_on?.length) told.push(`, learned from ${trained_on.join(", ")}`);
  if (Number.isFinite(rmse)) told.push(`. RMSE ${rmse.toFixed(1)} minutes when it was judged`);
  part("model").textContent = `${told.join("")}.`;
}

// Showing

function empty() {
  for (const name of ["minutes", "interval", "arrival", "why", "day", "about"]) part(name).hidden = true;
  part("answer").removeAttribute("aria-busy");
  part("hint").hidden = ride.pickup || ride.dropoff;
  part("next").hidden = !part("hint").hidden;
  part("next").textContent = ride.pickup ? "Now choose where it ends." : "Now choose where it begins.";
}

function show() {
  const { duration, lower, upper, reasons, model_version, variant } = answered;
  clear();
  const minutes = Math.round(duration);
  const unit = document.createElement("span");
  unit.textContent = minutes === 1 ? " minute" : " minutes";
  part("minutes").replaceChildren(`${minutes}`, unit);
  part("interval").textContent = Number.isFinite(lower) ? `${Math.round(lower)} to ${Math.round(upper)} minutes in 9 of 10 rides` : "";
  part("arrival").textContent = `Leave at ${spoken(minuteOf(ride.time))}, there about ${spoken(minuteOf(ride.time) + duration)}`;
  part("model").textContent = `Answered by version ${model_version} (${variant}).`;
  for (const name of ["hint", "next"]) part(name).hidden = true;
  for (const name of ["minutes", "interval", "arrival", "about"]) part(name).hidden = false;
  part("answer").removeAttribute("aria-busy");
  part("answer").classList.remove("stale");
  map.show(ride.pickup, ride.dropoff, `${minutes} min`);
  why(reasons ?? {});
}

function why(reasons) {
  const most = Math.max(4, ...Object.values(reasons).map(Math.abs));
  part("why").hidden = Object.keys(reasons).length === 0;
  part("reasons").replaceChildren(
    ...Object.entries(reasons).flatMap(([name, minutes]) => {
      const [term, bar, words] = ["dt", "dd", "dd"].map((tag) => document.createElement(tag));
      const whole = Math.round(Math.abs(minutes));
      term.textContent = REASONS[name] ?? name;
      words.textContent = whole === 0 ? "no difference" : `${minutes > 0 ? "adds" : "saves"} ${whole} min`;
      words.className = "words";
      bar.className = minutes > 0 ? "bar adds" : "bar saves";
      bar.setAttribute("aria-hidden", "true");
      const length = document.createElement("span");
      length.style.width = `${(Math.abs(minutes) / most) * 50}%`;
      bar.append(length);
      return [term, bar, words];
    }),
  );
}

function drawDay() {
  if (!answered || !day.points.length) return;
  const [first, last] = [...day.points].sort((a, b) => a.duration - b.duration).filter((_, i, all) => i === 0 || i === all.length - 1);
  part("day-title").textContent = spokenDay(ride.date);
  part("day-text").textContent =
    Math.round(first.duration) === Math.round(last.duration)
      ? `About ${Math.round(first.duration)} minutes all day`
      : `${Math.round(first.duration)} minutes at ${spoken(first.minute)}, ${Math.round(last.duration)} at ${spoken(last.minute)}`;
  part("day").hidden = false;
  mark = curve(part("curve"), day.points, (minute) => {
    Object.assign(ride, { time: timeOf(minute), leavesNow: false });
    changed();
  });
  mark({ minute: minuteOf(ride.time), duration: answered.duration });
}

// Refusals

function refused(refusal, then) {
  part("answer").removeAttribute("aria-busy");
  part("answer").classList.add("stale");
  again = { then };
  if (refusal.status === 401 || refusal.status === 403) {
    part("key-text").textContent = hasKey() ? `It did not take the last one. ${refusal.message}` : refusal.message;
    part("key").hidden = false;
    return part("key-value").focus();
  }
  const faults = refusal.errors.filter(({ field, detail }) => fault(nameOf(field), detail));
  if (refusal.status === 422 && faults.length) return undefined;
  if (refusal.status === 503 && modelless) return noModel();
  part("notice-title").textContent = refusal.title || "That did not work";
  const pause = refusal.pause ? ` This page asks again in ${refusal.pause} seconds.` : "";
  part("notice-text").textContent = `${refusal.message}${pause}`;
  part("notice").hidden = false;
  if (refusal.pause) again.timer = setTimeout(retry, refusal.pause * 1000);
  return undefined;
}

function retry() {
  const { then } = again;
  clear();
  if (then) then();
  else changed();
}

/** The page's name of a field of the service: "rides[3].trip_distance" is the miles. */
function nameOf(field) {
  const last = String(field).split(/[.[\]/]/).filter(Boolean);
  return last.map((name) => NAMED[name] ?? name).find((name) => part(`${name}-error`));
}

function fault(name, detail) {
  if (!name) return false;
  part(`${name}-error`).textContent = detail;
  part(`${name}-error`).hidden = false;
  for (const input of document.querySelectorAll(`[aria-describedby~="${name}-error"]`)) input.setAttribute("aria-invalid", "true");
  return true;
}

function clear() {
  clearTimeout(again.timer);
  again = {};
  part("notice").hidden = true;
  for (const error of document.querySelectorAll(".error")) error.hidden = true;
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}

/** What the live panel learns: whether there is a model at all, and whether its city is simulated. */
function heard(live, refusal) {
  if (refusal) return;
  part("simulated").hidden = !live.model?.simulated;
  const came = modelless && live.model;
  modelless = !live.model;
  if (modelless) noModel();
  else if (came) changed();
}

function noModel() {
  part("notice-title").textContent = "No model yet";
  part("notice-text").textContent = "The service runs, but nothing has been released. `kedro run` makes a model; this page notices when it is there.";
  part("notice").hidden = false;
}

if (innerWidth >= 900 && innerWidth < 1280) part("live").open = false; // it would cover the map
begin();
