"use strict";
/* Where everything stands while some modules are closed: the sums of layout.py again, from what relayout.py wrote. */
const plan = named(JSON.parse(document.getElementById("plan").textContent));

/* The names of tiles and frames in place of their numbers. */
function named(numbers) {
  const ids = boxes.map((box) => box.id.slice(4)), { paths } = numbers;
  const path = (i) => (i < 0 ? "" : paths[i]), id = (i) => (i < 0 ? "" : ids[i]);
  const member = (i) => (i < 0 ? "frame " + paths[-1 - i] : ids[i]);
  const level = ([at, members, passers, ties, gaps, lines, margin, steps]) => ({
    path: path(at), passers, gaps, lines, margin, steps,
    members: members.map(([one, ...more]) => [member(one), ...more]),
    ties: ties.map(([tail, head, ...more]) => [member(tail), member(head), ...more]),
  });
  return {
    ...numbers,
    links: numbers.links.map(([tail, head, spine]) => [id(tail), id(head), spine]),
    tiles: Object.fromEntries(numbers.tiles.map(([wide, high, x, y, above = -1, below = -1], i) =>
      [ids[i], [wide, high, x, y, id(above), id(below)]])),
    lids: Object.fromEntries(numbers.lids.map(([at, ...lid]) => [path(at), lid])),
    closed: numbers.closed.map(path),
    inside: Object.fromEntries(numbers.inside.map((at, i) => [ids[i], path(at)])),
    frames: Object.fromEntries(numbers.frames.map(([parent, ...more], i) => [paths[i], [path(parent), ...more]])),
    levels: numbers.levels.map(level),
  };
}

const closed = new Set();
const levelOf = new Map(plan.levels.map((level) => [level.path, level]));
const heldBy = new Map(Object.entries(plan.inside));
for (const [path, [parent]] of Object.entries(plan.frames)) heldBy.set("frame " + path, parent);

const covers = new Map(); /* of a frame the outermost closed one that holds it; forgotten when one is closed or opened */

function outermostClosed(name) {
  const held = heldBy.get(name);
  if (!held || !closed.size) return null;
  if (!covers.has(held)) {
    let found = null;
    for (let path = held; path; path = plan.frames[path][0]) if (closed.has(path)) found = path;
    covers.set(held, found);
  }
  return covers.get(held);
}

function lidSize(path) {
  const [, width, height] = plan.lids[path];
  return plan.turned ? [height, width] : [width, height];
}

function memberSize(member, measured) {
  const [name, , width, up, down] = member;
  if (!name.startsWith("frame ")) return { width, up, down };
  const path = name.slice(6);
  if (closed.has(path)) {
    const [wide, high] = lidSize(path);
    return { width: wide, up: high / 2, down: high / 2 };
  }
  const inner = measured.get(path);
  const { margin, title } = plan.constants;
  const [lead, above] = plan.turned ? [title, 0] : [0, title];
  const least = plan.turned ? 0 : plan.frames[path][1];
  return {
    width: Math.max(inner.width + lead, least) + 2 * margin,
    up: inner.up + margin + above,
    down: inner.down + margin,
  };
}

/* Members and passers of each column keep their order and the gaps between them. */
function heights(level, now) {
  const columns = level.lines.map(() => []);
  level.members.forEach((m, i) => columns[m[1]].push({ was: m[5], up: m[3], down: m[4], pin: m[6], now: now[i] }));
  level.passers.forEach(([column, y, pin], i) =>
    columns[column].push({ was: y, up: 5, down: 5, pin, now: now[level.members.length + i] }));
  for (const column of columns) {
    column.sort((one, other) => one.was - other.was);
    let start = column.findIndex((one) => one.pin);
    if (start < 0) start = column.reduce((best, one, i) => (Math.abs(one.was) < Math.abs(column[best].was) ? i : best), 0);
    column.forEach((one) => { one.now.y = one.was; });
    for (let i = start + 1; i < column.length; i++) {
      const [before, one] = [column[i - 1], column[i]];
      const gap = one.was - one.up - before.was - before.down;
      one.now.y = before.now.y + before.now.down + gap + one.now.up;
    }
    for (let i = start - 1; i >= 0; i--) {
      const [after, one] = [column[i + 1], column[i]];
      const gap = after.was - after.up - one.was - one.down;
      one.now.y = after.now.y - after.now.up - gap - one.now.down;
    }
  }
}

/* Columns at the same place of equal steps, which stand under each other, are as wide as the widest. */
function equalise(widths, steps) {
  if (!steps) return;
  const [first, period, count] = steps;
  for (let place = first; place < first + period; place++) {
    const same = Array.from({ length: count }, (_, k) => place + k * period).filter((c) => c < widths.length);
    const most = Math.max(...same.map((c) => widths[c]));
    for (const c of same) widths[c] = most;
  }
}

function measure(level, measured) {
  const now = level.members.map((member) => memberSize(member, measured));
  for (let i = 0; i < level.passers.length; i++) now.push({ width: 0, up: 5, down: 5 });
  heights(level, now);
  const column = (i) => (i < level.members.length ? level.members[i][1] : level.passers[i - level.members.length][0]);
  const widths = level.lines.map(() => 0);
  now.forEach((one, i) => { widths[column(i)] = Math.max(widths[column(i)], one.width); });
  equalise(widths, level.steps);
  const edges = [];
  widths.forEach((width, c) => {
    const goesOn = c && level.lines[c] === level.lines[c - 1];
    const begin = () => (c && level.steps ? edges[level.steps[0]][0] : level.margin);
    const left = goesOn ? edges[c - 1][1] + level.gaps[c - 1] : begin();
    edges.push([left, left + width]);
  });
  const count = level.lines.length ? level.lines[level.lines.length - 1] + 1 : 1;
  const ups = Array(count).fill(0), downs = Array(count).fill(0), lines = [];
  now.forEach((one, i) => {
    const line = level.lines[column(i)];
    ups[line] = Math.max(ups[line], one.up - one.y);
    downs[line] = Math.max(downs[line], one.down + one.y);
  });
  let base = 0;
  for (let line = 0; line < count; line++) {
    base += line ? downs[line - 1] + ups[line] + plan.constants.line : 0;
    lines.push([base, base + downs[line]]);
  }
  now.forEach((one, i) => {
    const c = column(i);
    one.x = (edges[c][0] + edges[c][1] - one.width) / 2;
    one.y += lines[level.lines[c]][0];
    one.column = c;
  });
  const width = edges.reduce((most, edge) => Math.max(most, edge[1]), 0) + level.margin;
  const named = new Map(level.members.map(([name], i) => [name, now[i]]));
  return { now, named, edges, lines, turns: {}, width, up: ups[0], down: base + downs[count - 1] };
}

function settle(measured) {
  const places = new Map(), frames = new Map(), origins = new Map([["", [0, measured.get("").up]]]);
  for (const level of [...plan.levels].reverse()) {
    const origin = origins.get(level.path);
    if (!origin) continue;
    level.members.forEach(([name], i) => {
      const one = measured.get(level.path).now[i];
      const left = origin[0] + one.x, anchor = origin[1] + one.y;
      if (!name.startsWith("frame ")) { seat(name, left + one.width / 2, anchor, places); return; }
      const path = name.slice(6);
      if (closed.has(path)) {
        const [wide, high] = lidSize(path);
        places.set(plan.lids[path][0], { x: left, y: anchor - high / 2, width: wide, height: high });
        return;
      }
      const lead = plan.turned ? plan.constants.title : 0;
      origins.set(path, [left + plan.constants.margin + lead, anchor]);
      frames.set(path, { x: left, y: anchor - one.up, width: one.width, height: one.up + one.down });
    });
  }
  return { places, frames, origins };
}

function seat(name, centre, anchor, places) {
  const [width, height, , , above, below] = plan.tiles[name];
  places.set(name, { x: centre - width / 2, y: anchor - height / 2, width, height });
  const reach = height / 2 + plan.gap;
  for (const leaf of [above, below]) {
    if (!leaf) continue;
    const [wide, high] = plan.tiles[leaf];
    const top = leaf === above ? anchor - reach - high : anchor + reach;
    places.set(leaf, { x: centre - wide / 2, y: top, width: wide, height: high });
  }
}

function visible(id) {
  const path = outermostClosed(id);
  return path === null ? id : plan.lids[path][0];
}

function way(tail, head, passers, level, sums, origin) {
  const { named, now } = sums;
  const route = [named.get(tail.member), ...passers.map((i) => now[level.members.length + i]), named.get(head.member)];
  const points = [[tail.place.x + tail.place.width, tail.place.y + tail.place.height / 2]];
  for (let i = 0; i + 1 < route.length; i++) {
    const [left, right] = [route[i], route[i + 1]];
    const last = points[points.length - 1];
    const edge = origin[0] + sums.edges[left.column][1];
    const height = i === 0 ? last[1] : origin[1] + left.y;
    if (edge > last[0] + 1) points.push([edge, height]);
    const [from, to] = [level.lines[left.column], level.lines[right.column]];
    if (from !== to) {
      const lane = (sums.turns[from] = (sums.turns[from] ?? -1) + 1) % 6;
      const [x, y] = points[points.length - 1];
      const gutter = origin[1] + sums.lines[from][1] + 16 + 4 * lane;
      const near = origin[0] + sums.edges[right.column][0] - 10 - 3 * lane;
      points.push([x + 10 + 3 * lane, y], [x + 10 + 3 * lane, gutter], [near, gutter], [near, origin[1] + right.y]);
    }
    if (i + 2 < route.length) points.push([origin[0] + sums.edges[right.column][0], origin[1] + right.y]);
  }
  return [...points, [head.place.x, head.place.y + head.place.height / 2]];
}

function straight(tail, head) {
  const middle = [tail.x + tail.width / 2, tail.y + tail.height / 2];
  if (tail.y + tail.height <= head.y) return [[middle[0], tail.y + tail.height], [middle[0], head.y]];
  if (head.y + head.height <= tail.y) return [[middle[0], tail.y], [middle[0], head.y + head.height]];
  if (tail.x < head.x) return [[tail.x + tail.width, middle[1]], [head.x, middle[1]]];
  return [[tail.x, middle[1]], [head.x + head.width, middle[1]]];
}

function spread(routes, places) {
  const arriving = new Map();
  for (const one of routes) arriving.has(one.head) ? arriving.get(one.head).push(one) : arriving.set(one.head, [one]);
  for (const [head, found] of arriving) {
    if (found.length < 2) continue;
    found.sort((one, other) => one.points[one.points.length - 2][1] - other.points[other.points.length - 2][1]);
    const spine = found.findIndex((one) => one.spine);
    const middle = spine < 0 ? (found.length - 1) / 2 : spine;
    const step = Math.min(10, (places.get(head).height / 2 - 8) / Math.max(middle, found.length - 1 - middle));
    found.forEach((one, i) => { one.points[one.points.length - 1][1] += (i - middle) * step; });
  }
}
