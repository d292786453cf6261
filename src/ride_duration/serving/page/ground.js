/** What is not a taxi zone of the service: land around the city, rough shores, and names of places (longitude, latitude). */

/** New Jersey, Westchester and Nassau, to a quarter of a mile: the city's own shores are those of its zones. */
export const NEIGHBOURS = [
  [
    [-73.895, 41], [-73.93, 40.9], [-73.962, 40.84], [-74.005, 40.782], [-74.025, 40.75], [-74.032, 40.715], [-74.055, 40.69],
    [-74.09, 40.66], [-74.14, 40.647], [-74.142, 40.67], [-74.115, 40.715], [-74.15, 40.7], [-74.155, 40.665], [-74.19, 40.644],
    [-74.207, 40.63], [-74.204, 40.6], [-74.222, 40.556], [-74.252, 40.542], [-74.268, 40.5], [-74.285, 40.482], [-74.23, 40.458],
    [-74.12, 40.447], [-74, 40.41], [-73.985, 40.3], [-75.6, 40.3], [-75.6, 41.3], [-73.895, 41.3],
  ],
  [[-73.895, 41.3], [-73.91, 40.917], [-73.83, 40.89], [-73.78, 40.885], [-73.745, 40.92], [-73.68, 40.965], [-73.6, 41], [-72.3, 41.2], [-72.3, 41.3]],
  [
    [-73.765, 40.79], [-73.74, 40.83], [-73.715, 40.87], [-73.68, 40.85], [-73.6, 40.905], [-72.3, 40.98], [-72.3, 40.63], [-73.3, 40.63],
    [-73.58, 40.585], [-73.76, 40.59], [-73.74, 40.62], [-73.76, 40.7],
  ],
];

/** Zones that water parts from their borough; by default a borough is one land, and Brooklyn and Queens are one. */
export const ISLANDS = [103, 104, 105, 194, 199, 202, 46, 27, 86, 117, 201, 30, 2];

export const PARKS = [2, 31, 43, 59, 93, 96, 99, 110, 111, 120, 128, 184, 190, 240];
export const AIRPORTS = [1, 132, 138];

/** Names at rest, the most important first: kind, text, where the middle of it stands, and how it turns (degrees). */
export const NAMES = [
  ["borough", "Manhattan", -74.03, 40.79],
  ["borough", "Bronx", -73.868, 40.856],
  ["borough", "Queens", -73.812, 40.72],
  ["borough", "Brooklyn", -73.952, 40.642],
  ["borough", "Staten Island", -74.148, 40.578],
  ["airport", "JFK Airport", -73.786, 40.647],
  ["airport", "LaGuardia", -73.874, 40.777],
  ["airport", "Newark Airport", -74.174, 40.692],
  ["water", "Upper Bay", -74.045, 40.663],
  ["water", "Lower Bay", -74.06, 40.53],
  ["water", "Atlantic Ocean", -73.88, 40.525],
  ["park", "Central Park", -73.966, 40.781],
  ["park", "Prospect Park", -73.97, 40.662],
  ["park", "Flushing Meadows", -73.845, 40.745],
  ["park", "Pelham Bay Park", -73.807, 40.868],
  ["park", "Van Cortlandt Park", -73.885, 40.897],
  ["water", "Jamaica Bay", -73.845, 40.615],
  ["water", "Hudson River", -73.999, 40.797, -57],
  ["water", "Long Island Sound", -73.745, 40.875],
  ["beyond", "New Jersey", -74.15, 40.77],
  ["beyond", "Long Island", -73.69, 40.72],
];
