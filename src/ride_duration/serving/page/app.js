/** The page: one ride, kept in the address, asked for and shown. */

import { showAnswer, showModel, showNone, showStale } from "./answer.js";
import { ask } from "./api.js";
import { minuteOf, now, spoken, spokenDay, timeOf } from "./clock.js";
import { combobox } from "./combobox.js";
import { curve } from "./curve.js";
import { part, span } from "./dom.js";
import { watch } from "./live.js";
import { cityMap } from "./map.js";
import { clear, fault, hasModel, refused } from "./trouble.js";
import { milesBetween, readZones } from "./zones.js";

const SETTLED = 150; // milliseconds without another change before the service is asked

/** Names this visit, so that one variant answers all of it, and the log can tell the page's rides from others. */
const VISIT = `page-${Math.random().toString(36).slice(2)}`;

const ride = { pickup: null, dropoff: null, ...now(), leavesNow: true, miles: "" };
const fields = {};
let zones = new Map();
let map = null;
let answer = null; // the answer shown
let day = { key: "", points: [] }; // the curve shown
let models = [];
let asking = new AbortController();
let settling = 0;

/** Begins: the zones first, then all that needs them. */
async function begin() {
  try {
    zones = readZones((await ask("zones")).zones);
  } catch (refusal) {
    return refused(refusal, begin);
  }
  part("map-loading").hidden = true;
  map = cityMap(part("map"), zones, { pick: (zone) => choose(document.querySelector("#sets input:checked").value, zone), point });
  for (const name of ["pickup", "dropoff"]) {
    fields[name] = combobox(part(name), part(`${name}-zones`), zones, (zone) => choose(name, zone));
    part(name).addEventListener("focus", () => sets(name));
  }
  restore();
  return watch((live) => {
    part("simulated").hidden = !live.model?.simulated;
    if (hasModel(Boolean(live.model))) changed();
  });
}

// What the reader does

function choose(name, zone) {
  ride[name] = zone;
  if (zone && name === "pickup" && !ride.dropoff) sets("dropoff");
  changed();
}

function sets(name) {
  document.querySelector(`#sets [value=${name}]`).checked = true;
}

function when(date, time, leavesNow = false) {
  Object.assign(ride, { date, time, leavesNow });
  changed();
}

part("ride").addEventListener("submit", (event) => event.preventDefault());
part("swap").addEventListener("click", () => {
  [ride.pickup, ride.dropoff] = [ride.dropoff, ride.pickup];
  changed();
});
for (const name of ["date", "time"]) part(name).addEventListener("input", () => when(part("date").value, part("time").value));
part("now").addEventListener("click", () => when(now().date, now().time, true));
part("miles").addEventListener("input", () => {
  ride.miles = part("miles").value.trim();
  changed();
});
part("zoom").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) map?.zoom(Number(button.dataset.by));
});
part("share").addEventListener("click", async (event) => {
  if (!navigator.clipboard) return; // the link is a link
  event.preventDefault();
  await navigator.clipboard.writeText(part("share").href).then(
    () => (part("shared").textContent = "Copied"),
    () => (part("shared").textContent = "Copy it from the address bar"),
  );
});
addEventListener("hashchange", restore);
addEventListener("resize", showDay);

function point(zone, at) {
  const tip = part("tip");
  tip.hidden = !zone;
  if (!zone) return;
  tip.replaceChildren(zone.label, " ", span(zone.borough));
  const room = part("map").clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.max(8, Math.min(at[0] + 14, room))}px`;
  tip.style.top = `${Math.max(8, at[1] - tip.offsetHeight - 12)}px`;
}

// The ride in the address

function restore() {
  const said = new URLSearchParams(location.hash.slice(1));
  ride.pickup = zones.get(Number(said.get("from"))) ?? null;
  ride.dropoff = zones.get(Number(said.get("to"))) ?? null;
  ride.miles = said.get("miles") ?? "";
  sets(ride.pickup ? "dropoff" : "pickup");
  if (said.get("on") && said.get("at")) when(said.get("on"), said.get("at"));
  else when(now().date, now().time, true);
}

function keep() {
  const said = { from: ride.pickup?.id, to: ride.dropoff?.id, on: !ride.leavesNow && ride.date, at: !ride.leavesNow && ride.time, miles: ride.miles };
  const hash = new URLSearchParams(Object.entries(said).filter(([, value]) => value)).toString().replaceAll("%3A", ":");
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
  part("share").href = location.href;
  part("shared").textContent = "";
}

/** After every change: the fields, the address, the map, and, when it has settled, the question. */
function changed() {
  if (!map) return undefined; // the zones are still to come
  clearTimeout(settling);
  asking.abort();
  answer = null;
  clear();
  keep();
  for (const name of ["pickup", "dropoff"]) fields[name](ride[name]);
  for (const name of ["date", "time", "miles"]) if (part(name).value.trim() !== ride[name]) part(name).value = ride[name];
  part("now").disabled = ride.leavesNow;
  map.show(ride.pickup, ride.dropoff, "");
  const both = ride.pickup && ride.dropoff;
  part("miles-hint").textContent = both ? `${milesBetween(ride.pickup, ride.dropoff).toFixed(1)} miles as the crow flies` : "";
  if (!both) return showNone(ride);
  const sound = complete();
  showStale(sound);
  if (sound) settling = setTimeout(question, SETTLED);
  return undefined;
}

/** Says what can be seen to be wrong before the service is asked; true where nothing is. */
function complete() {
  if (!Number.isFinite(miles())) fault("miles", "Give the miles as a number, such as 2.5, or leave them out.");
  if (!ride.date || !ride.time) fault("when", "Choose a day and a time.");
  return Number.isFinite(miles()) && ride.date !== "" && ride.time !== "";
}

// Asking

function miles() {
  return Number(ride.miles.replace(",", "."));
}

function asked(time) {
  const ends = { PULocationID: ride.pickup.id, DOLocationID: ride.dropoff.id };
  return { ...ends, pickup_datetime: `${ride.date}T${time}:00`, trip_distance: ride.miles ? miles() : null, ride_id: VISIT };
}

async function question() {
  asking = new AbortController();
  const { signal } = asking;
  try {
    answer = await ask("predict?explain=true", { body: asked(ride.time), signal });
    clear();
    map.show(ride.pickup, ride.dropoff, `${showAnswer(answer, ride.time)} min`);
    showModel(answer);
    if (ride.miles && !answer.distance_used) part("miles-hint").textContent = "Not believed, so not used";
    await askDay(signal);
    await askModel(signal).catch(() => {}); // the version is named already
  } catch (refusal) {
    if (signal.aborted) return;
    showStale(false);
    refused(refusal, question);
  }
}

/** Half hour by half hour, in one request; once a day, so that another time of it needs no new one. */
async function askDay(signal) {
  const key = JSON.stringify([asked(""), answer.model_version]);
  if (key !== day.key) {
    const minutes = Array.from({ length: 48 }, (_, i) => i * 30);
    const rides = minutes.map((minute) => asked(timeOf(minute)));
    const { predictions } = await ask("predict/batch", { body: { rides, what_if: true }, signal });
    day = { key, points: predictions.map((one, i) => ({ ...one, minute: minutes[i] })) };
  }
  showDay();
}

function showDay() {
  if (!answer || !day.points.length) return;
  const order = [...day.points].sort((one, other) => one.duration - other.duration);
  const [quick, slow] = [order[0], order.at(-1)].map(({ minute, duration }) => ({ at: spoken(minute), minutes: Math.round(duration) }));
  part("day-title").textContent = spokenDay(ride.date);
  part("day-text").textContent =
    quick.minutes === slow.minutes ? `About ${quick.minutes} minutes all day` : `${quick.minutes} minutes at ${quick.at}, ${slow.minutes} at ${slow.at}`;
  part("day").hidden = false;
  curve(part("curve"), day.points, { minute: minuteOf(ride.time), duration: answer.duration }, (minute) => when(ride.date, timeOf(minute)));
}

async function askModel(signal) {
  const known = () => models.find(({ variant, version }) => variant === answer.variant && version === answer.model_version);
  if (!known()) models = (await ask("models", { signal })).variants;
  showModel(answer, known());
}

if (innerWidth >= 900 && innerWidth < 1400) part("live").open = false; // it would cover the map
begin();
