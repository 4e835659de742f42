"use strict";
/* Where everything stands while some modules are closed: the sums of layout.py again, from what relayout.py wrote. */
const plan = named(JSON.parse(document.getElementById("plan").textContent));

/* The names of tiles and frames in place of their numbers. */
function named(numbers) {
  const ids = boxes.map((box) => box.id.slice(4)), { paths } = numbers;
  const path = (i) => (i < 0 ? "" : paths[i]), id = (i) => (i < 0 ? "" : ids[i]);
  const port = ([side, i]) => (side ? "out " : "in ") + ids[i];
  const member = (i) => (Array.isArray(i) ? port(i) : i < 0 ? "frame " + paths[-1 - i] : ids[i]);
  const level = ([at, members, passers, ties, gaps, lines, margin, steps]) => ({
    path: path(at), passers, gaps, lines, margin, steps,
    members: members.map(([one, ...more]) => [member(one), ...more]),
    ties: ties.map(([source, tail, head, between]) => [id(source), member(tail), member(head), between]),
  });
  return {
    ...numbers,
    links: numbers.links.map(([tail, head, ...more]) => [id(tail), id(head), ...more]),
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
const hostOf = new Map(); /* of a leaf the tile above or below which it stands, and how far below its middle */
for (const [host, [, high, , , above, below]] of Object.entries(plan.tiles)) {
  for (const leaf of [above, below]) {
    if (leaf) hostOf.set(leaf, [host, ((high + plan.tiles[leaf][1]) / 2 + plan.gap) * (leaf === above ? -1 : 1)]);
  }
}
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
    const [wide, high] = lidSize(path), [, , , above, below] = plan.lids[path];
    return { width: wide, up: high / 2 + above, down: high / 2 + below };
  }
  const inner = measured.get(path);
  const { margin, title } = plan.constants;
  const [lead, above] = plan.turned ? [title, 0] : [0, title];
  const least = plan.turned ? 0 : plan.frames[path][1];
  const whole = {
    width: Math.max(inner.width + lead, least) + 2 * margin,
    up: inner.up + margin + above,
    down: inner.down + margin,
  };
  if (!plan.turned) return whole;
  const enters = levelOf.get(path).members.map(([name], i) => (name.startsWith("in ") ? inner.now[i].y : null));
  const wires = enters.filter((y) => y !== null).sort((one, other) => one - other);
  return { ...whole, ...titleRoom(wires, whole.up, whole.down, plan.frames[path][1]) };
}

/* How far a frame that flows down reaches, and where its title begins: between the wires that enter. */
function titleRoom(wires, up, down, width) {
  const { titleInset, titleClear } = plan.constants;
  const starts = [titleInset - up, ...wires.map((wire) => wire + titleClear)];
  const ends = [...wires.map((wire) => wire - titleClear), down - titleClear];
  const missing = starts.map((start, i) => width - (ends[i] - start)), last = missing.length - 1;
  const fits = missing.findIndex((lacks) => lacks <= 0);
  if (fits >= 0) return { up, down, title: starts[fits] };
  if (missing[0] < missing[last]) return { up: up + missing[0], down, title: starts[0] - missing[0] };
  return { up, down: down + missing[last], title: starts[last] };
}

const wireSize = { up: plan.constants.wireSize, down: plan.constants.wireSize };

/* Members and passers of each column keep their order and the gaps between them. */
function heights(level, now) {
  const columns = level.lines.map(() => []);
  level.members.forEach((m, i) => columns[m[1]].push({ was: m[5], up: m[3], down: m[4], pin: m[6], now: now[i] }));
  level.passers.forEach(([column, y, pin], i) =>
    columns[column].push({ was: y, ...wireSize, pin, now: now[level.members.length + i] }));
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
  for (let i = 0; i < level.passers.length; i++) now.push({ width: 0, ...wireSize });
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
    ups[line] = Math.max(ups[line], Math.max(one.up, plan.constants.wire) - one.y);
    downs[line] = Math.max(downs[line], Math.max(one.down, plan.constants.wire) + one.y);
  });
  const named = new Map(level.members.map(([name], i) => [name, now[i]]));
  const routes = level.ties.map(([, tail, head, between]) =>
    [named.get(tail), ...between.map((i) => now[level.members.length + i]), named.get(head)]);
  now.forEach((one, i) => { one.column = column(i); one.number = i; });
  const sums = { now, named, routes, lines, edges };
  sums.ends = level.ties.map((tie) => [offset(tie[1], tie[0], "out", measured), offset(tie[2], tie[0], "in", measured)]);
  sums.turns = lanes(level, sums, count);
  let base = 0;
  for (let line = 0; line < count; line++) {
    base += line ? downs[line - 1] + ups[line] + lineGap(sums.turns[line - 1].lanes) : 0;
    lines.push([base, base + downs[line]]);
  }
  now.forEach((one, i) => {
    const c = column(i);
    one.x = (edges[c][0] + edges[c][1] - one.width) / 2;
    one.y += lines[level.lines[c]][0];
  });
  sums.channel = channelsOf(level, sums);
  const width = edges.reduce((most, edge) => Math.max(most, edge[1]), 0) + level.margin;
  return { ...sums, width, up: ups[0], down: base + downs[count - 1] };
}

function lineGap(lanes) {
  const { line, turn, lane } = plan.constants;
  return Math.max(line, 3 * turn + lane * lanes);
}

/* How far below the anchor of a member the wire of a source leaves or reaches it. */
function offset(name, source, side, measured) {
  if (name.startsWith("frame ")) {
    const path = name.slice(6);
    return closed.has(path) ? 0 : measured.get(path).named.get(`${side} ${source}`).y;
  }
  const [host, below] = side === "out" && hostOf.get(source) || [null, 0];
  return host === name ? below : 0;
}

/* Where the steep wires climb that meet another: by the member that they leave, and the source. */
function channelsOf(level, sums) {
  const steep = level.lines.map(() => new Map()), found = new Map();
  const [after, before] = plan.constants.inset;
  const room = (column) => sums.edges[column + 1][0] - before - sums.edges[column][1] - after;
  sums.routes.forEach((route, tie) => {
    for (let i = 0; i + 1 < route.length; i++) {
      const [one, other] = [route[i], route[i + 1]], source = level.ties[tie][0];
      if (level.lines[one.column] !== level.lines[other.column]) continue;
      const start = one.y + (i ? 0 : sums.ends[tie][0]), end = other.y + (i + 2 < route.length ? 0 : sums.ends[tie][1]);
      if (Math.abs(end - start) <= plan.constants.steep * room(one.column)) continue;
      const key = `${one.number} ${source}`, trunks = steep[one.column];
      trunks.set(key, { key, start, ends: [...(trunks.get(key)?.ends ?? []), end] });
    }
  });
  steep.forEach((trunks, column) => {
    if (!trunks.size) return;
    const taken = lanesOf([...trunks.values()]), count = 1 + Math.max(0, ...taken.map(({ lane }) => lane));
    for (const { one, lane } of taken) {
      found.set(one.key, sums.edges[column][1] + after + (lane + 0.5) * room(column) / count);
    }
  });
  return found;
}

function reach({ start, ends }) { return [Math.min(start, ...ends), Math.max(start, ...ends)]; }

function meet(one, other) {
  const [[top, bottom], [upper, lower]] = [reach(one), reach(other)], apart = 2 * plan.constants.wire;
  return top < lower + apart && upper < bottom + apart;
}

/* The channels of trunks, as in channels.py. */
function lanesOf(steep) {
  const falls = (one) => { const [top, bottom] = reach(one); return bottom - one.start > one.start - top; };
  const crowded = steep.filter((one) => steep.some((other) => other !== one && meet(one, other)));
  const order = (one) => (falls(one) ? -one.start : one.start);
  crowded.sort((one, other) => falls(one) - falls(other) || order(one) - order(other));
  const near = (start, ends) => ends.some((end) => Math.abs(start - end) < plan.constants.wire);
  const leftOf = (one, other) => {
    if (near(one.start, other.ends)) return true;
    if (falls(one) !== falls(other) || near(other.start, one.ends)) return false;
    return falls(one) ? one.start > other.start : one.start < other.start;
  };
  const fits = (one, lane, other, taken) =>
    leftOf(one, other) ? lane < taken : leftOf(other, one) ? lane > taken : lane !== taken;
  const placed = [];
  for (const one of crowded) {
    const count = 1 + Math.max(-1, ...placed.map(({ lane }) => lane));
    const beside = placed.filter((other) => meet(one, other.one));
    let lane = 0;
    while (lane < count && !beside.every((other) => fits(one, lane, other.one, other.lane))) lane++;
    placed.push({ one, lane });
  }
  return placed;
}

/* For each line the wires that turn to the next, by the number of a tie, with their lanes: from high to low. */
function lanes(level, { routes, ends }, count) {
  const turning = Array.from({ length: count }, () => []), found = turning.map(() => new Map());
  routes.forEach((route, tie) => {
    for (let i = 0; i + 1 < route.length; i++) {
      const line = level.lines[route[i].column];
      if (line === level.lines[route[i + 1].column]) continue;
      const start = route[i].y + (i ? 0 : ends[tie][0]);
      turning[line].push([start, route[i + 1].y + (i + 2 < route.length ? 0 : ends[tie][1]), tie, route[i], route[i + 1]]);
    }
  });
  turning.forEach((wires, line) => {
    const source = ([, , tie]) => level.ties[tie][0];
    wires.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    let before = null, lane = -1;
    for (const one of wires) {
      const same = before && before[3] === one[3] && before[4] === one[4] && source(before) === source(one);
      if (!same) lane++;
      found[line].set(one[2], lane);
      before = one;
    }
    found[line].lanes = lane + 1;
  });
  return found;
}

function settle(measured) {
  const places = new Map(), frames = new Map(), origins = new Map([["", [0, measured.get("").up]]]);
  for (const level of [...plan.levels].reverse()) {
    const origin = origins.get(level.path);
    if (!origin) continue;
    level.members.forEach(([name], i) => {
      const one = measured.get(level.path).now[i];
      const left = origin[0] + one.x, anchor = origin[1] + one.y;
      if (name.startsWith("in ") || name.startsWith("out ")) return;
      if (!name.startsWith("frame ")) { seat(name, left + one.width / 2, anchor, places); return; }
      const path = name.slice(6);
      if (closed.has(path)) {
        const [wide, high] = lidSize(path);
        places.set(plan.lids[path][0], { x: left, y: anchor - high / 2, width: wide, height: high });
        return;
      }
      const lead = plan.turned ? plan.constants.title : 0;
      origins.set(path, [left + plan.constants.margin + lead, anchor]);
      const title = plan.turned ? one.title + one.up : plan.constants.titleInset;
      frames.set(path, { x: left, y: anchor - one.up, width: one.width, height: one.up + one.down, title });
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

/* The points of a wire of a level: through each column at one height, with a bend between two columns. */
function piece(level, number, { places, origins }) {
  const sums = measured.get(level.path), origin = origins.get(level.path);
  const [source, tail, head] = level.ties[number], route = sums.routes[number], [outBelow, inBelow] = sums.ends[number];
  const at = (name, tile) => {
    const closedFrame = name.startsWith("frame ") && closed.has(name.slice(6));
    if (closedFrame) return places.get(plan.lids[name.slice(6)][0]);
    const member = sums.named.get(name);
    return places.get(tile) && levelHas(name) ? places.get(tile) : { x: origin[0] + member.x, width: member.width };
  };
  const start = at(tail, source), end = at(head, head);
  const points = [[start.x + start.width, origin[1] + route[0].y + outBelow]];
  const last = origin[1] + route[route.length - 1].y + inBelow, [after, before] = plan.constants.inset;
  for (let i = 0; i + 1 < route.length; i++) {
    const [one, other] = [route[i], route[i + 1]];
    const far = [origin[0] + sums.edges[one.column][1] + after, points[points.length - 1][1]];
    const near = [origin[0] + sums.edges[other.column][0] - before, i + 2 < route.length ? origin[1] + other.y : last];
    points.push(far);
    const line = level.lines[one.column];
    const climb = sums.channel.get(`${one.number} ${source}`);
    if (line !== level.lines[other.column]) points.push(...turning(sums, line, number, far, near, origin));
    else if (climb !== undefined && Math.abs(near[1] - far[1]) > plan.constants.steep * (near[0] - far[0])) {
      points.push([origin[0] + climb, far[1]], [origin[0] + climb, near[1]]);
    }
    points.push(near);
  }
  points.push([end.x, last]);
  return points;
}

/* Whether a member of a level is a tile. */
function levelHas(name) { return !/^(frame|in|out) /.test(name); }

/* From the end of a line down, back under it, and to the beginning of the next, each wire in its own lane. */
function turning(sums, line, number, far, near, origin) {
  const { turn, lane } = plan.constants, found = sums.turns[line], mine = found.get(number);
  const outer = turn + lane * (found.lanes - 1 - mine), gutter = origin[1] + sums.lines[line][1] + outer;
  const back = near[0] - turn - lane * mine;
  return [[far[0] + outer, far[1]], [far[0] + outer, gutter], [back, gutter], [back, near[1]]];
}

/* The way of a link through all open levels. */
function way(pieces, found) {
  const open = pieces.filter(([level]) => found.origins.has(plan.levels[level].path));
  const points = open.flatMap(([level, number]) => piece(plan.levels[level], number, found));
  return points.filter(([x, y], i) => !i || Math.hypot(x - points[i - 1][0], y - points[i - 1][1]) > 0.05);
}

/* The height of a link in the last column before its end. */
function heightBefore(pieces, { origins }) {
  const [number, level] = [...pieces].reverse().map(([at, i]) => [i, plan.levels[at]])
    .find(([, one]) => origins.has(one.path));
  const sums = measured.get(level.path), route = sums.routes[number];
  const below = route.length === 2 ? sums.ends[number][0] : 0;
  return Math.round(10 * (origins.get(level.path)[1] + route[route.length - 2].y + below)) / 10;
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
    found.sort((one, other) => one.from - other.from);
    const spine = found.findIndex((one) => one.spine);
    const middle = spine < 0 ? (found.length - 1) / 2 : spine;
    const most = (places.get(head).height / 2 - 8) / Math.max(middle, found.length - 1 - middle);
    const step = Math.min(plan.constants.apart, most);
    found.forEach(({ points }, i) => {
      let first = points.length - 1;
      const level = () => first > 1 && Math.abs(points[first - 1][1] - points[first][1]) < 0.05;
      if (level()) {
        first--;
        if (level() && Math.abs(points[first - 2][0] - points[first - 1][0]) < 0.05) first--;
      }
      for (const point of points.slice(first)) point[1] += (i - middle) * step;
    });
  }
}
