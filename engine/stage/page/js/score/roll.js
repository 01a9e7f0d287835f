// A score without engraving: its notes as a piano roll with bars, in pages as engraved music has them.

import { s } from "../dom.js";

const MARGIN = { x: 44, top: 40, bottom: 24, between: 44 };
const QUARTER_PX = 42, SPARE = 2; // at zoom 1; pitches above and below the notes
const LEAST_PX = 5, MOST_PX = 10; // a pitch

/** Pages of a roll, like those of an engraver; `draw(number)` makes the drawing. */
export function rollBundle(info, bars, { w, h, zoom }) {
  const notes = info.roll, low = Math.min(...notes.map((n) => n[2])) - SPARE, high = Math.max(...notes.map((n) => n[2])) + SPARE;
  const rows = high - low + 1, room = h - MARGIN.top - MARGIN.bottom + MARGIN.between;
  const perPage = Math.max(1, Math.floor(room / (rows * LEAST_PX * zoom + MARGIN.between)));
  const height = Math.min(room / perPage - MARGIN.between, rows * MOST_PX * zoom);
  const systems = cutIntoSystems(bars, (w - 1.5 * MARGIN.x) / (QUARTER_PX * zoom));
  const nPages = Math.max(1, Math.ceil(systems.length / perPage));
  const pageOf = (quarter) => Math.floor(Math.max(0, systems.findLastIndex((row) => row.from <= quarter + 1e-4)) / perPage) + 1;
  const geometry = { w, h, low, high, height: Math.min(height, h - MARGIN.top - MARGIN.bottom) };
  return {
    layout: "roll", n_pages: nPages, page_w: w, page_h: h, onsets: onsets(notes, pageOf),
    pages: Array.from({ length: nPages }, (_, k) => ({ bars: numbers(systems.slice(k * perPage, (k + 1) * perPage), bars) })),
    draw: (number) => drawing(systems.slice((number - 1) * perPage, number * perPage), notes, bars, geometry),
  };
}

/** Whole bars in a row, as many as have room. */
function cutIntoSystems(bars, room) {
  const systems = [];
  let row = null;
  for (let k = 0; k < bars.rows.length; k++) {
    const from = bars.start(k), to = bars.quarters[k] + bars.length(k);
    if (row && to - row.from <= room) row.to = to, (row.last = k);
    else systems.push((row = { from, to, first: k, last: k }));
  }
  return systems;
}

function numbers(systems, bars) {
  return [bars.rows[systems[0].first][1], bars.rows[systems.at(-1).last][1]];
}

function onsets(notes, pageOf) {
  const rows = [];
  notes.forEach(([quarter], k) => {
    const last = rows.at(-1);
    if (last && quarter - last[0] <= 1e-4) last[3].push(k);
    else rows.push([quarter, quarter, pageOf(quarter), [k]]);
  });
  return rows;
}

function drawing(systems, notes, bars, { w, h, low, high, height }) {
  const svg = s("svg", { viewBox: `0 0 ${w} ${h}`, class: "roll" });
  const free = h - MARGIN.top - MARGIN.bottom - systems.length * height;
  const between = systems.length > 1 ? Math.max(0, Math.min(free / (systems.length - 1), 1.6 * MARGIN.between)) : 0;
  systems.forEach((system, k) => {
    const top = MARGIN.top + k * (height + between), unit = height / (high - low + 1);
    const x = (quarter) => MARGIN.x + ((quarter - system.from) * (w - 1.5 * MARGIN.x)) / (system.to - system.from);
    const y = (pitch) => top + (high - pitch) * unit;
    const group = s("g", { class: "system" });
    group.append(...rows(low, high, unit, y, x(system.from), x(system.to)));
    for (let bar = system.first; bar <= system.last; bar++) group.append(measure(bar, bars, x, top, height, notes, y, unit));
    svg.append(group);
  });
  return svg;
}

/** Lines at every C, with its name, and the rows of the black keys. */
function rows(low, high, unit, y, left, right) {
  const found = [];
  for (let pitch = low; pitch <= high; pitch++) {
    if ([1, 3, 6, 8, 10].includes(pitch % 12)) found.push(s("rect", { class: "black-key", x: left, y: y(pitch), width: right - left, height: unit }));
    if (pitch % 12) continue;
    const name = s("text", { class: "pitch-name", x: left - 8, y: y(pitch) + unit, "text-anchor": "end" });
    name.textContent = `C${pitch / 12 - 1}`;
    found.push(s("line", { class: "octave", x1: left, x2: right, y1: y(pitch) + unit, y2: y(pitch) + unit }), name);
  }
  return found;
}

function measure(index, bars, x, top, height, notes, y, unit) {
  const from = bars.start(index), to = bars.quarters[index] + bars.length(index);
  const number = s("text", { class: "bar-number", x: x(from) + 3, y: top - 6 });
  number.textContent = bars.rows[index][1];
  const lines = s("g", { class: "staff" }, s("path", { class: "bar-line", d: `M${x(from)} ${top} V${top + height} H${x(to)} V${top} Z` }));
  const group = s("g", { class: "measure", id: `bar${index}` }, lines, number);
  notes.forEach(([quarter, duration, pitch, part], k) => {
    if (quarter < from - 1e-4 || quarter >= to - 1e-4) return;
    const width = Math.max(4, x(quarter + duration) - x(quarter) - 1.5), voice = (part % 4) + 1;
    group.append(s("g", { class: `note voice-${voice}`, id: `cp${k}` },
      s("rect", { class: "length", x: x(quarter), y: y(pitch) + 0.5, width, height: unit - 1, rx: 2 }),
      s("rect", { class: "notehead", x: x(quarter) - 0.5, y: y(pitch) - 0.5, width: 5, height: unit + 1, rx: 1.5 })));
  });
  return group;
}
