/** The chart of a throughput run: for each row and pipeline depth a bar as long as HearthKV's requests/s are of the best other server's. */
import { bestPeer } from "./report.mjs";

const BAR = 9;
const ROW_GAP = 8;
const LEFT = 150;
const WIDTH = 760;
const TOP = 74;
const RIGHT = 60;
const FOOT = 34;
const COLORS = [
  "#9db7d5",
  "#4f81bd",
  "#1f3f6e",
  "#e3bf95",
  "#d59d6a",
  "#8a5a2b",
  "#a9d3a0",
  "#5b9e4d",
  "#2c5a22",
  "#cfa8d8",
  "#9158a3",
  "#4f2a5c",
];
/** Names of series side by side, and the height of a line of them. */
const LEGENDS = 3;
const LEGEND_WIDTH = 180;
const LEGEND_HEIGHT = 14;

const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

function text(x, y, content, more = "") {
  return `<text x="${x}" y="${y}" ${more}>${escaped(content)}</text>`;
}

/**
 * @param peers what was compared, HearthKV last
 * @param figures rows of the table: `test`, what it ran at, and `medians` of each peer
 * @param setting what printSetting returned
 * @returns the text of an SVG file
 */
export function throughputChart(peers, figures, setting) {
  const series = [...new Set(figures.map(seriesOf))];
  const tests = [...new Set(figures.map(({ test }) => test))];
  const ratioOf = ({ medians }) => {
    const rps = medians.map((each) => each.rps);
    return rps.at(-1) / (rps[bestPeer(rps, "more")] ?? rps.at(-1));
  };
  const longest = Math.max(1.2, ...figures.map(ratioOf));
  const scale = (WIDTH - LEFT - RIGHT) / longest;
  const rowHeight = series.length * BAR + ROW_GAP;
  const top = TOP + Math.floor((series.length - 1) / LEGENDS) * LEGEND_HEIGHT;
  const height = top + tests.length * rowHeight + FOOT;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<title>${title(peers)}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    text(10, 20, title(peers), `font-size="14" font-weight="bold"`),
    text(10, 36, `${setting.servers.join(", ")}, Node ${setting.node}, ${setting.date.slice(0, 10)}`),
    ...series.map((name, i) => legend(name, i)),
  ];
  for (let mark = 0; mark <= longest; mark += 0.5) {
    const x = LEFT + mark * scale;
    const stroke = mark === 1 ? `stroke="#c0392b" stroke-width="1.5"` : `stroke="#dddddd"`;
    parts.push(`<line x1="${x}" y1="${top - 6}" x2="${x}" y2="${height - FOOT}" ${stroke}/>`);
    parts.push(text(x, height - FOOT + 14, mark.toFixed(1), `text-anchor="middle"`));
  }
  tests.forEach((test, t) => {
    const y = top + t * rowHeight;
    parts.push(text(LEFT - 8, y + (series.length * BAR) / 2 + 4, test, `text-anchor="end"`));
    for (const row of figures.filter((each) => each.test === test)) {
      const s = series.indexOf(seriesOf(row));
      const value = ratioOf(row);
      const at = y + s * BAR;
      const color = COLORS[s % COLORS.length];
      parts.push(
        `<rect x="${LEFT}" y="${at}" width="${(value * scale).toFixed(1)}" height="${BAR - 1}" fill="${color}"/>`,
      );
      parts.push(text((LEFT + value * scale + 4).toFixed(1), at + BAR - 2, value.toFixed(2), `font-size="9"`));
    }
  });
  return `${parts.join("\n")}\n</svg>\n`;
}

function title(peers) {
  if (peers.length === 1) return "HearthKV alone: nothing to compare with";
  return `Requests/s of HearthKV, ${peers.length > 2 ? "the best other server on each row" : peers[0].name} = 1.0`;
}

function legend(name, i) {
  const x = LEFT + (i % LEGENDS) * LEGEND_WIDTH;
  const y = 46 + Math.floor(i / LEGENDS) * LEGEND_HEIGHT;
  const square = `<rect x="${x}" y="${y}" width="10" height="10" fill="${COLORS[i % COLORS.length]}"/>`;
  return `${square}${text(x + 14, y + 9, name)}`;
}

/** What tells the bars of one test apart. */
function seriesOf({ pipeline, clients, bytes, ack }) {
  return `P=${pipeline}, ${clients} cl., ${bytes} B${ack === "written" ? "" : `, ${ack}`}`;
}
