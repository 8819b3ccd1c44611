/** What GEOSEARCH and its kin look for: a circle, a box along the meridians, or a polygon. Lengths are meters here. */
import {
  type Area,
  areaOf,
  type Cell,
  cellAt,
  LATITUDE_MAX,
  LONGITUDE_MAX,
  neighbour,
  type Place,
  STEPS,
  scoresOf,
} from "./geohash.js";

const EARTH_RADIUS = 6372797.560856;
const RADIANS = Math.PI / 180;
/** Half of the equator on a square map of the world. */
const MERCATOR_MAX = 20037726.37;
/** Latitudes from which on cells are so narrow that larger ones are taken. */
const NARROW_LATITUDE = 66;
const NARROWER_LATITUDE = 80;

export type Shape =
  | { readonly kind: "circle"; readonly radius: number }
  | { readonly kind: "box"; readonly width: number; readonly height: number }
  | { readonly kind: "polygon"; readonly vertices: readonly Place[] };

/** A shape around a place. */
export interface SearchArea {
  readonly center: Place;
  readonly shape: Shape;
}

/** Distance of two places along the great circle between them (haversine), as Redis computes it. */
export function distance(fromLongitude: number, fromLatitude: number, toLongitude: number, toLatitude: number): number {
  const v = Math.sin((toLongitude * RADIANS - fromLongitude * RADIANS) / 2);
  if (v === 0) return latitudeDistance(fromLatitude, toLatitude);
  const from = fromLatitude * RADIANS;
  const to = toLatitude * RADIANS;
  const u = Math.sin((to - from) / 2);
  return 2 * EARTH_RADIUS * Math.asin(Math.sqrt(u * u + Math.cos(from) * Math.cos(to) * v * v));
}

/** The same on one meridian. */
function latitudeDistance(from: number, to: number): number {
  return EARTH_RADIUS * Math.abs(to * RADIANS - from * RADIANS);
}

/** Distance of a place from the center, NaN where it is not in the shape. */
export function distanceInside({ center, shape }: SearchArea, longitude: number, latitude: number): number {
  const [x, y] = center;
  if (shape.kind === "box") {
    if (latitudeDistance(latitude, y) > shape.height / 2) return Number.NaN;
    if (distance(longitude, latitude, x, latitude) > shape.width / 2) return Number.NaN;
  } else if (shape.kind === "polygon" && !isInside(shape.vertices, longitude, latitude)) return Number.NaN;
  const far = distance(x, y, longitude, latitude);
  return shape.kind === "circle" && far > shape.radius ? Number.NaN : far;
}

/** Whether a ray from the place to the east meets the polygon's sides an odd number of times. */
function isInside(vertices: readonly Place[], longitude: number, latitude: number): boolean {
  let inside = false;
  let [bx, by] = vertices[vertices.length - 1];
  for (const [ax, ay] of vertices) {
    const crosses = ay > latitude !== by > latitude;
    if (crosses && longitude < ((bx - ax) * (latitude - ay)) / (by - ay) + ax) inside = !inside;
    [bx, by] = [ax, ay];
  }
  return inside;
}

/** The middle of a polygon's corners, in space, seen from the center of the earth. */
export function centerOf(vertices: readonly Place[]): Place {
  let x = 0;
  let y = 0;
  let z = 0;
  for (const [longitude, latitude] of vertices) {
    const ring = EARTH_RADIUS * Math.cos(latitude * RADIANS);
    x += ring * Math.cos(longitude * RADIANS);
    y += ring * Math.sin(longitude * RADIANS);
    z += EARTH_RADIUS * Math.sin(latitude * RADIANS);
  }
  x /= vertices.length;
  y /= vertices.length;
  z /= vertices.length;
  return [Math.atan2(y, x) / RADIANS, Math.atan2(z, Math.sqrt(x * x + y * y)) / RADIANS];
}

/**
 * Scores among which all places in the shape are: those of up to nine cells, its center's first. Each is a first score and how many. What is found is told in
 * their order, and this is Redis's: COUNT with ANY depends on it.
 */
export function cellsAround(area: SearchArea): [first: number, count: number][] {
  const { center } = area;
  const bounds = boundsOf(area);
  // A polygon around a pole may have its center beyond the last row: then all places are looked at.
  const isBeyondMap = Math.abs(center[1]) > LATITUDE_MAX;
  let step = isBeyondMap ? 1 : stepFor(reachOf(area, bounds), center[1]);
  const cellsOf = (step: number) => nine(cellAt(center[0], isBeyondMap ? 0 : center[1], step));
  let cells = cellsOf(step);
  if (step > 1 && !covers(cells, bounds)) {
    step--;
    cells = cellsOf(step);
  }
  const own = areaOf(cells[0]);
  const taken = step < 2 ? cells : cells.filter((_, i) => !isBeyond(own, bounds, ...DIRECTIONS[i]));
  return distinct(taken).map(scoresOf);
}

/** From the cell in the middle to each of the nine: columns to the east and rows to the north. */
const DIRECTIONS: readonly (readonly [dx: number, dy: number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
];

function nine(middle: Cell): Cell[] {
  return DIRECTIONS.map(([dx, dy]) => neighbour(middle, dx, dy));
}

/** Whether the cells around the first one reach as far as the shape. */
function covers([, north, south, east, west]: readonly Cell[], bounds: Area): boolean {
  return !(
    areaOf(north).north < bounds.north ||
    areaOf(south).south > bounds.south ||
    areaOf(east).east < bounds.east ||
    areaOf(west).west > bounds.west
  );
}

/** Whether nothing of the shape lies in this direction, as its bounds end within the middle cell. */
function isBeyond(own: Area, bounds: Area, dx: number, dy: number): boolean {
  return (
    (dy < 0 && own.south < bounds.south) ||
    (dy > 0 && own.north > bounds.north) ||
    (dx < 0 && own.west < bounds.west) ||
    (dx > 0 && own.east > bounds.east)
  );
}

/**
 * Large cells may be the same one in several directions. Redis passes over one that is the same as the one before it, but for the middle one, and so do we:
 * what lies in a cell may be found twice.
 */
function distinct(cells: readonly Cell[]): Cell[] {
  return cells.filter((cell, i) => {
    const before = cells[i - 1];
    return i < 2 || cell.x !== before.x || cell.y !== before.y;
  });
}

/** The degrees between which the shape lies. Where meridians draw together, its northern or southern side decides. */
function boundsOf({ center: [longitude, latitude], shape }: SearchArea): Area {
  if (shape.kind === "polygon") return boundsOfPolygon(shape.vertices);
  const height = shape.kind === "circle" ? shape.radius : shape.height / 2;
  const width = shape.kind === "circle" ? shape.radius : shape.width / 2;
  const dy = height / EARTH_RADIUS / RADIANS;
  const edge = latitude < 0 ? latitude - dy : latitude + dy;
  const dx = width / EARTH_RADIUS / Math.cos(edge * RADIANS) / RADIANS;
  return { west: longitude - dx, south: latitude - dy, east: longitude + dx, north: latitude + dy };
}

function boundsOfPolygon(vertices: readonly Place[]): Area {
  let [west, south, east, north] = [LONGITUDE_MAX, LATITUDE_MAX, -LONGITUDE_MAX, -LATITUDE_MAX];
  for (const [longitude, latitude] of vertices) {
    west = Math.min(west, longitude);
    east = Math.max(east, longitude);
    south = Math.min(south, latitude);
    north = Math.max(north, latitude);
  }
  return { west, south, east, north };
}

/** How far the shape goes from its center. */
function reachOf({ center: [x, y], shape }: SearchArea, { west, south, east, north }: Area): number {
  if (shape.kind === "circle") return shape.radius;
  if (shape.kind === "box") return Math.sqrt((shape.width / 2) ** 2 + (shape.height / 2) ** 2);
  const corners = [distance(x, y, west, north), distance(x, y, east, north)];
  return Math.max(...corners, distance(x, y, west, south), distance(x, y, east, south));
}

/** How often the world is halved so that a cell is about as large as the shape. */
function stepFor(reach: number, latitude: number): number {
  if (reach === 0) return STEPS;
  let step = 1;
  for (let range = reach; range < MERCATOR_MAX; range *= 2) step++;
  // One less would do for most; with two they are always covered.
  step -= 2;
  if (Math.abs(latitude) > NARROW_LATITUDE) step--;
  if (Math.abs(latitude) > NARROWER_LATITUDE) step--;
  return Math.max(1, Math.min(STEPS, step));
}
