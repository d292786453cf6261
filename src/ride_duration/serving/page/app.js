/** The page: one ride, kept in the address, predicted and shown. */

import { showAnswer, showBusy, showModel, showNone } from "./answer.js";
import { ask } from "./api.js";
import { minuteOf, now, spoken, spokenDay, timeOf } from "./clock.js";
import { combobox } from "./combobox.js";
import { curve } from "./curve.js";
import { part } from "./dom.js";
import { watch } from "./live.js";
import { watchMonitoring } from "./monitored.js";
import { cityMap } from "./map.js";
import { placeTip, point } from "./tip.js";
import { clear, fault, hasModel, refused } from "./trouble.js";
import { milesBetween, readZones } from "./zones.js";

const SETTLED = 150; // milliseconds without another change before the service is asked
const MOST_MILES = 1e6; // what the service takes

/** What the rides of a model are called. */
const TAXIS = { green: "green taxi", yellow: "yellow taxi", fhv: "for-hire vehicle", fhvhv: "app-based car" };

/** Names this visit, so that one variant answers all of it, and the log can tell the page's rides from others. */
const VISIT = `page-${Math.random().toString(36).slice(2)}`;

const ride = { pickup: null, dropoff: null, ...now(), leavesNow: true, miles: "" };
const fields = {};
let zones = new Map();
let map = null;
let answer = null; // the answer shown
let day = { key: "", points: [] }; // the curve shown
let models = [];
let milesRequired = false; // by the champion
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
  part("cells").hidden = [...zones.values()].every(({ isExact }) => isExact);
  map = cityMap(part("map"), zones, { pick: (zone) => choose(document.querySelector("#sets input:checked").value, zone), point });
  for (const name of ["pickup", "dropoff"]) {
    const miss = (typed) => fault(name, `“${typed.length > 12 ? `${typed.slice(0, 11)}…` : typed}” is not a zone: not changed`);
    fields[name] = combobox(part(name), part(`${name}-zones`), zones, { pick: (zone) => choose(name, zone), miss });
    part(name).addEventListener("focus", () => {
      sets(name);
      fault(name, "");
    });
  }
  restore();
  watchMonitoring();
  return watch((live) => {
    part("simulated").hidden = !live.model?.simulated;
    const taxis = TAXIS[live.model?.service] ?? "taxi";
    if (part("taxis").textContent !== taxis) {
      part("taxis").textContent = taxis;
      if (answer) askModel(asking.signal).catch(() => {});
    }
    const required = live.model?.distance === "required";
    const other = required !== milesRequired;
    milesRequired = required;
    part("miles").required = required;
    part("miles-need").textContent = required ? "required" : "optional";
    if (hasModel(Boolean(live.model)) || other) changed();
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

/** Keeps what is sound of the ride. */
function keep(wrong) {
  const then = !ride.leavesNow && !wrong.when;
  const said = { from: ride.pickup?.id, to: ride.dropoff?.id, on: then && ride.date, at: then && ride.time, miles: !wrong.miles && ride.miles };
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
  for (const name of ["pickup", "dropoff"]) fields[name](ride[name]);
  for (const name of ["date", "time", "miles"]) if (part(name).value.trim() !== ride[name]) part(name).value = ride[name];
  const wrong = mistakes();
  for (const [name, detail] of Object.entries(wrong)) fault(name, detail);
  keep(wrong);
  part("now").setAttribute("aria-pressed", ride.leavesNow);
  map.show(ride.pickup, ride.dropoff, "");
  const both = ride.pickup && ride.dropoff;
  part("miles-hint").textContent = both ? `${milesBetween(ride.pickup, ride.dropoff).toFixed(1)} miles as the crow flies` : "";
  if (!both) return showNone(ride.pickup ? "Now choose where it ends." : ride.dropoff ? "Now choose where it begins." : "");
  if (Object.keys(wrong).length) return showNone("The prediction comes when the ride is complete.");
  showBusy();
  settling = setTimeout(question, SETTLED);
  return undefined;
}

/** What can be seen to be wrong before the service is asked, by field. */
function mistakes() {
  const wrong = {};
  if (!(miles() >= 0 && miles() <= MOST_MILES)) wrong.miles = `Give the miles as a number from 0 to 1,000,000, such as 2.5${milesRequired ? "." : ", or leave them out."}`;
  if (milesRequired && !ride.miles) wrong.miles = "This model needs the distance: give the miles.";
  if (!part("date").validity.valid || !part("time").validity.valid) wrong.when = "Choose a day from 2009 to 2039, and a time.";
  return wrong;
}

// Asking

function unused(problem) {
  return problem === "distance_implausible" ? "Impossible between these zones, so not used" : "Out of range, so not used";
}

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
    placeTip();
    showModel(answer, taxiRides());
    if (ride.miles && !answer.distance_used) part("miles-hint").textContent = unused(answer.distance_problem);
    await askDay(signal);
    await askModel(signal).catch(() => {}); // the version is named already
  } catch (refusal) {
    if (signal.aborted) return;
    if (answer) part("day").hidden = true;
    else showNone("No prediction of this ride yet.");
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

const taxiRides = () => `${part("taxis").textContent} rides`;

async function askModel(signal) {
  const known = () => models.find(({ variant, version }) => variant === answer.variant && version === answer.model_version);
  if (!known()) models = (await ask("models", { signal })).variants;
  showModel(answer, taxiRides(), known());
}

if (innerWidth >= 900 && innerWidth < 1400) part("live").open = false; // it would cover the map
begin();
