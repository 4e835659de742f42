"use strict";
/* Draws the picture anew when a module is closed or opened, by a click or a key on its title or on what stands for it. */
const frameParts = new Map([...svg.querySelectorAll(".frame")].map((part) => [part.dataset.frame, part]));
const lidFrame = new Map(Object.entries(plan.lids).map(([path, [id]]) => [id, path]));
const linkParts = new Map();
for (const link of links) {
  const ends = link.dataset.tail + " " + link.dataset.head;
  linkParts.has(ends) ? linkParts.get(ends).push(link) : linkParts.set(ends, [link]);
}
const paper = svg.querySelector(".paper");
const caption = svg.querySelector(".caption");
const drawnSize = [whole[2], whole[3]];
const written = new Map();
const measured = new Map();
const routed = new Map();
const stale = new Set(levelOf.keys()); /* levels whose sums have to be made anew */
let settled = null;

/* Sets what has changed: most parts of a picture stay where they are. */
function put(element, name, value) {
  const known = written.get(element) ?? {};
  if (known[name] === value) return;
  known[name] = value;
  written.set(element, known);
  if (name === "display") element.style.display = value;
  else element.setAttribute(name, value);
}

function curveParts(part) {
  return { path: part.querySelector(":scope > path"), heads: [...part.querySelectorAll(":scope > polygon")] };
}

const partsOf = new Map();

/* Its curves as they are first drawn: where they have arrows is read from them before they are changed. */
function partsOfLink(link) {
  if (!partsOf.has(link)) {
    const pair = [link.querySelector(":scope > .there"), link.querySelector(":scope > .back")];
    partsOf.set(link, (pair[0] ? pair : [link]).map((part) => {
      const { path, heads } = curveParts(part);
      return { path, heads, arrows: arrowsOf(path, heads) };
    }));
  }
  return partsOf.get(link);
}

function axis(start, end, alongX) {
  return alongX ? [end[0] < start[0] ? -1 : 1, 0] : [0, end[1] < start[1] ? -1 : 1];
}

function pair([x, y]) { return `${x.toFixed(1)} ${y.toFixed(1)}`; }

function isStraight(start, end) {
  return Math.min(Math.abs(end[0] - start[0]), Math.abs(end[1] - start[1])) < plan.constants.straight;
}

function towards(start, end, way, length) {
  const share = length ? way / length : 0;
  return [start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share];
}

/* A straight line, which rounds its end where another leaves there at a right angle. */
function toCorner(start, corner, end) {
  if (!end || !isStraight(corner, end)) return "L" + pair(corner);
  const lengths = [start, end].map((at) => Math.hypot(at[0] - corner[0], at[1] - corner[1]));
  const radius = Math.min(plan.constants.corner, lengths[0] / 2, lengths[1] / 2);
  const [a, b] = [towards(corner, start, radius, lengths[0]), towards(corner, end, radius, lengths[1])];
  return isStraight(a, b) ? "L" + pair(corner) : `L${pair(a)}Q${pair(corner)} ${pair(b)}`;
}

function curve(points, alongX) {
  let text = "M" + pair(points[0]);
  for (let i = 1; i < points.length; i++) {
    const [[x1, y1], [x2, y2]] = [points[i - 1], points[i]];
    const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
    if (isStraight(points[i - 1], points[i])) text += toCorner(points[i - 1], points[i], points[i + 1]);
    else if (alongX) text += `C${pair([x, y1])} ${pair([x, y2])} ${pair([x2, y2])}`;
    else text += `C${pair([x1, y])} ${pair([x2, y])} ${pair([x2, y2])}`;
  }
  return text;
}

function drawCurve({ path, heads, arrows: [atEnd, atStart] }, points, alongX) {
  const ends = points.map((point) => [...point]);
  const last = points.length - 1;
  const tips = [];
  if (atEnd) {
    const [dx, dy] = axis(points[last - 1], points[last], alongX);
    tips.push([points[last], dx, dy]);
    ends[last] = [points[last][0] - 7 * dx, points[last][1] - 7 * dy];
  }
  if (atStart) {
    const [dx, dy] = axis(points[1], points[0], alongX);
    tips.push([points[0], dx, dy]);
    ends[0] = [points[0][0] - 7 * dx, points[0][1] - 7 * dy];
  }
  put(path, "d", curve(ends, alongX));
  tips.forEach(([[x, y], dx, dy], i) => {
    const [a, b] = [x - 8 * dx, y - 8 * dy];
    const corners = [[x, y], [a - 3.2 * dy, b + 3.2 * dx], [a + 3.2 * dy, b - 3.2 * dx]];
    put(heads[i], "points", corners.map((corner) => corner.map((v) => v.toFixed(1)).join(",")).join(" "));
  });
}

/* Whether a drawn link has an arrow at its end and one at its start: the tip that is nearer says which it is. */
function arrowsOf(path, heads) {
  const numbers = path.getAttribute("d").match(/-?[\d.]+/g).map(Number);
  const [start, end] = [numbers.slice(0, 2), numbers.slice(-2)];
  const near = (head, at) => {
    const [x, y] = head.getAttribute("points").split(" ")[0].split(",").map(Number);
    return Math.hypot(x - at[0], y - at[1]);
  };
  const atEnd = heads.some((head) => near(head, end) < near(head, start));
  return [atEnd, heads.length > Number(atEnd)];
}

function drawLink(part, turned, along) {
  put(part, "display", "");
  const curves = partsOfLink(part);
  curves.forEach((one, i) => {
    const off = curves.length === 1 ? 0 : i ? -1.5 : 1.5;
    drawCurve(one, off ? turned.map(([x, y]) => (along ? [x, y + off] : [x + off, y])) : turned, along);
  });
}

const linkOf = plan.links.map(([tail, head]) => linkParts.get(tail + " " + head).shift());

function drawLinks(found) {
  const { places } = found, led = [], short = [], beside = new Map(), drawn = new Set();
  plan.links.forEach(([tail, head, spine, pieces], place) => {
    const ends = [visible(tail), visible(head)];
    if (ends[0] === ends[1] || (ends[1] !== head && drawn.has(ends.join(" ")))) return;
    drawn.add(ends.join(" "));
    const route = { part: linkOf[place], head: ends[1], spine, along: pieces.length > 0 };
    if (pieces.length) led.push({ ...route, points: way(pieces, found), from: heightBefore(pieces, found) });
    else {
      const points = straight(...ends.map((end) => places.get(end)));
      short.push({ ...route, points, room: Math.min(...ends.map((end) => places.get(end).width)) });
      const key = ends.join(" ");
      beside.has(key) ? beside.get(key).push(short.at(-1)) : beside.set(key, [short.at(-1)]);
    }
  });
  spread(led, places);
  for (const routes of beside.values()) {
    routes.forEach(({ points, room }, i) => {
      const step = Math.min(plan.constants.apart, (room - 16) / routes.length);
      for (const point of points) point[0] += (i - (routes.length - 1) / 2) * step;
    });
  }
  const routes = [...led, ...short];
  routed.clear();
  for (const { part, points, along } of routes) {
    const turned = plan.turned ? points.map(([x, y]) => [y, x]) : points;
    routed.set(part, turned);
    change(part, () => drawLink(part, turned, along !== plan.turned));
  }
  for (const part of links) if (!routed.has(part)) change(part, () => put(part, "display", "none"));
}

function back({ x, y, width, height }) {
  return plan.turned ? { x: y, y: x, width: height, height: width } : { x, y, width, height };
}

function translated(x, y) { return `translate(${x.toFixed(2)} ${y.toFixed(2)})`; }

function drawBoxes({ places, frames }) {
  for (const [id, [, , x, y]] of Object.entries(plan.tiles)) {
    const box = byId.get(id), place = outermostClosed(id) === null && places.get(id);
    change(box, () => {
      put(box, "display", place ? "" : "none");
      if (place) { const at = back(place); put(box, "transform", translated(at.x - x, at.y - y)); }
    });
  }
  for (const [path, part] of frameParts) change(part, () => drawFrame(part, frames.get(path)));
  for (const [id] of lidFrame) {
    const group = byId.get(id).parentNode, place = places.get(id);
    change(group, () => {
      put(group, "display", place ? "" : "none");
      if (place) { const at = back(place); put(group, "transform", translated(at.x, at.y)); }
    });
  }
}

function drawFrame(part, place) {
  put(part, "display", place ? "" : "none");
  if (!place) return;
  const at = back(place);
  const [rect, text] = [part.querySelector("rect"), part.querySelector("text")];
  for (const [name, value] of Object.entries(at)) put(rect, name, value.toFixed(1));
  put(text, "x", (at.x + place.title).toFixed(1));
  put(text, "y", (at.y + 15).toFixed(1));
}

placeOf = (box) => {
  const id = box.id.slice(4), place = settled?.places.get(id);
  if (!place || outermostClosed(id) !== null) return null;
  const { x, y, width, height } = back(place);
  return [x, y, width, height];
};

frameAt = (part) => {
  const place = settled?.frames.get(part.dataset.frame);
  return place ? ["x", "y", "width", "height"].map((name) => back(place)[name]) : null;
};

waysOf = (link) => routed.get(link) ?? null;

/* The sums of a level change with what is closed in it, and so do those of the levels around it. */
function switched(path) {
  covers.clear();
  if (!closed.delete(path)) closed.add(path);
  for (let level = plan.frames[path][0]; ; level = plan.frames[level][0]) {
    stale.add(level);
    if (level === "") return;
  }
}

function relayout() {
  rects.clear();
  for (const level of plan.levels) {
    if (stale.has(level.path)) measured.set(level.path, measure(level, measured));
  }
  stale.clear();
  settled = settle(measured);
  drawBoxes(settled);
  drawLinks(settled);
  onLaidOut();
  const { width, up, down } = measured.get("");
  const size = plan.turned ? [up + down, width] : [width, up + down];
  put(caption, "transform", `translate(0 ${size[1] - plan.size[1]})`);
  whole = [whole[0], whole[1], Math.max(size[0] + 36, plan.caption + 36), drawnSize[1] + size[1] - plan.size[1]];
  ["x", "y", "width", "height"].forEach((name, i) => put(paper, name, whole[i]));
}

function corner(path) {
  const { x, y } = back(closed.has(path) ? settled.places.get(plan.lids[path][0]) : settled.frames.get(path));
  return [x, y];
}

/* The corner of the module stays where it is on the screen. */
function toggle(path) {
  const before = corner(path);
  switched(path);
  relayout();
  const after = corner(path);
  view = [view[0] + after[0] - before[0], view[1] + after[1] - before[1], view[2], view[3]];
  settleView();
}

function toggleAll(shut) {
  for (const path of Object.keys(plan.lids)) if (closed.has(path) !== shut) switched(path);
  relayout();
  fit();
}

/* Opens what hides a box. */
reveal = (box) => {
  const id = box.id.slice(4);
  let path = outermostClosed(id);
  if (path === null) return;
  for (; path !== null; path = outermostClosed(id)) switched(path);
  relayout();
};

function button(element, path, said, open) {
  element.setAttribute("tabindex", "0");
  element.setAttribute("role", "button");
  element.setAttribute("aria-expanded", String(open));
  element.setAttribute("aria-label", said);
  element.addEventListener("click", (event) => { if (!moved) toggle(path); event.stopPropagation(); });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle(path);
    const next = closed.has(path) ? byId.get(plan.lids[path][0]) : frameParts.get(path).querySelector("text");
    next.focus();
  });
}

for (const [path, part] of frameParts) {
  if (!(path in plan.lids)) continue;
  const title = part.querySelector("text");
  title.prepend("▾ ");
  title.classList.add("title");
  button(title, path, `close ${path}`, true);
  button(byId.get(plan.lids[path][0]), path, `open ${path}`, false);
}
document.getElementById("close").addEventListener("click", () => toggleAll(true));
document.getElementById("open").addEventListener("click", () => toggleAll(false));
for (const path of plan.closed) if (!closed.has(path)) switched(path);
relayout();
fit();
