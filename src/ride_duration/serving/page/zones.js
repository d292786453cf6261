/** The taxi zones: names that tell them apart, search, and their cells on a plane of miles. */

import { ISLANDS } from "./ground.js";
import { LANDMARKS } from "./landmarks.js";

const MILES_A_DEGREE = 69.05;
const MIDDLE = { longitude: -73.97, latitude: 40.71 };
const EAST = Math.cos((MIDDLE.latitude * Math.PI) / 180);
/** Letters of a word of which one may be wrong; shorter ones would fit too much. */
const LONG = 4;
/** A zone is not a disc: this many times as far as a disc of its area it may reach. */
const REACH = 1.5;
/** Miles from the middle of a river to its banks. */
const BANK = 0.16;
const LANDS = { Queens: "Long Island", Brooklyn: "Long Island" };

/** Miles east and south of the middle of the map. */
export function place({ longitude, latitude }) {
  return [(longitude - MIDDLE.longitude) * EAST * MILES_A_DEGREE, (MIDDLE.latitude - latitude) * MILES_A_DEGREE];
}

/**
 * The service's zones by id, each with a `label` of its own, its `at` in miles and its `outline`: the rings of its shape, or
 * of a cell about its middle.
 */
export function readZones(rows) {
  const times = new Map();
  for (const { zone, borough } of rows) times.set(zone + borough, (times.get(zone + borough) ?? 0) + 1);
  const zones = rows.map((row) => ({
    id: row.LocationID,
    borough: row.borough === "EWR" ? "New Jersey" : row.borough,
    label: times.get(row.zone + row.borough) > 1 ? `${row.zone} (${row.LocationID})` : row.zone,
    at: place(row),
    radius: Math.sqrt(row.square_miles / Math.PI) * REACH,
    land: ISLANDS.includes(row.LocationID) ? row.LocationID : (LANDS[row.borough] ?? row.borough),
    isExact: Boolean(row.polygons),
    outline: row.polygons?.flat().map((ring) => ring.map(([longitude, latitude]) => place({ longitude, latitude }))),
  }));
  for (const zone of zones) {
    zone.outline ??= [cell(zone, zones)];
    const [across, down] = [0, 1].map((axis) => zone.outline.flat().map((corner) => corner[axis]));
    zone.least = Math.min(Math.max(...across) - Math.min(...across), Math.max(...down) - Math.min(...down));
    zone.words = plain(`${zone.label} ${zone.borough} ${LANDMARKS[zone.id] ?? ""}`).split(/[^a-z0-9]+/).filter(Boolean);
  }
  return new Map(zones.map((zone) => [zone.id, zone]));
}

/** Miles between two zones as the crow flies. */
export function milesBetween(one, other) {
  return Math.hypot(one.at[0] - other.at[0], one.at[1] - other.at[1]);
}

/**
 * Zones of which each typed word begins a word (name, borough, landmark or number), those first whose name begins so.
 * Where there are none, a word may have one letter too many, too few, wrong, or in the place of its neighbour.
 */
export function search(zones, typed) {
  const wanted = plain(typed).split(/[^a-z0-9]+/).filter(Boolean);
  const rank = (zone) => (plain(zone.label).startsWith(plain(typed).trim()) ? 0 : 1);
  const having = (fits) =>
    [...zones.values()]
      .filter((zone) => wanted.every((word) => zone.words.some((other) => fits(other, word)) || word === `${zone.id}`))
      .sort((a, b) => rank(a) - rank(b) || a.label.localeCompare(b.label));
  const found = having((other, word) => other.startsWith(word));
  return found.length ? found : having((other, word) => other.startsWith(word) || (word.length >= LONG && nearly(other, word)));
}

/** Whether a word begins with the other but for one letter. */
function nearly(whole, typed) {
  const at = [...typed].findIndex((letter, i) => letter !== whole[i]);
  const [rest, left] = [typed.slice(at), whole.slice(at)];
  const swapped = rest.length > 1 && rest[0] === left[1] && rest[1] === left[0] && left.slice(2).startsWith(rest.slice(2));
  return swapped || left.startsWith(rest.slice(1)) || left.slice(1).startsWith(rest) || left.slice(1).startsWith(rest.slice(1));
}

function plain(text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f']/g, "").toLowerCase();
}

/** The part of the zone's disc that is nearer to it than to any other zone (a clipped Voronoi cell), less the rivers. */
function cell({ at: [x, y], radius, land }, zones) {
  let corners = Array.from({ length: 48 }, (_, i) => {
    const angle = (i / 24) * Math.PI;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });
  for (const other of zones) {
    const [across, down] = [other.at[0] - x, other.at[1] - y];
    const apart = Math.hypot(across, down);
    if (apart === 0 || apart > 2 * radius) continue;
    corners = clip(corners, ([u, v]) => ((u - x) * across + (v - y) * down) / apart - apart / 2 + (other.land === land ? 0 : Math.min(BANK, apart / 5)));
  }
  return corners;
}

/** Sutherland-Hodgman for one edge: keeps where `beyond` is not positive. */
function clip(corners, beyond) {
  return corners.flatMap((corner, i) => {
    const before = corners.at(i - 1);
    const [here, there] = [beyond(corner), beyond(before)];
    const share = there / (there - here);
    const cut = [before[0] + share * (corner[0] - before[0]), before[1] + share * (corner[1] - before[1])];
    if (here <= 0) return there > 0 ? [cut, corner] : [corner];
    return there <= 0 ? [cut] : [];
  });
}
