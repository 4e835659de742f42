"use strict";
/* Pages of thousands of boxes: what is in view is in the page, found by a grid; where that is much, a canvas shows it. */
const CELL = 512; /* pixels of the picture; a window with its margin is some tens of cells */
const MOST_CELLS = 64; /* of one part; what spans more is looked at in every query */
const MOST_SHOWN = 800; /* boxes that are drawn one by one */
const QUICK = 8; /* milliseconds; what is drawn anew within half a frame is drawn anew while the view moves */
const canvas = document.createElement("canvas");
const colours = new Map();
const samples = new Map();
const grid = new Map();
const inPage = new Set();
const looks = new Map(), ways = new Map();
const holder = document.createElementNS("http://www.w3.org/2000/svg", "g");
const partOf = (box) => box.closest(".lid") ?? box;
const frames = [...svg.querySelectorAll(".frame")];
const parts = [...frames, ...boxes.map(partOf), ...links]; /* in the order in which they are painted */
const firstLink = frames.length + boxes.length;
const isBox = (i) => i >= frames.length && i < firstLink;
const boxOfPart = (i) => boxes[i - frames.length];
let spans = [], wide = [], stamps = new Uint32Array(0), stamp = 0, cost = 0;
canvas.className = "afar";
canvas.hidden = true;

function meets([x, y, width, height], [left, top, wide, high]) {
  return x < left + wide && left < x + width && y < top + high && top < y + height;
}

function area() {
  const [x, y, width, height] = drawn;
  return [x - SPARE * width, y - SPARE * height, (1 + 2 * SPARE) * width, (1 + 2 * SPARE) * height];
}

/* The rectangle around points, and the width of a line and its arrow. */
function around(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const [left, top] = [Math.min(...xs) - 8, Math.min(...ys) - 8];
  return [left, top, Math.max(...xs) + 8 - left, Math.max(...ys) + 8 - top];
}

/* Where a part stands; null where a closed module hides it. */
function spanOfPart(i) {
  if (isBox(i)) return rectOf(boxOfPart(i));
  if (i < frames.length) return frameAt ? frameAt(parts[i]) : rectOf(parts[i]);
  const points = wayOf(parts[i]);
  return points ? around(points) : null;
}

/* The points that a link leads through, or by which it is bent. */
function wayOf(link) {
  if (waysOf) return waysOf(link);
  if (!ways.has(link)) {
    const numbers = link.querySelector("path").getAttribute("d").match(/-?[\d.]+/g).map(Number);
    ways.set(link, numbers.flatMap((x, at) => (at % 2 ? [] : [[x, numbers[at + 1]]])));
  }
  return ways.get(link);
}

function keyOf(x, y) { return x * 65536 + y; }

function cellsOf([x, y, width, height]) {
  return [x, y, x + width, y + height].map((at) => Math.floor(at / CELL));
}

/* Notes for each cell of the grid what stands in it. */
function index() {
  grid.clear();
  wide = [];
  spans = parts.map((_, i) => spanOfPart(i));
  stamps = new Uint32Array(parts.length);
  spans.forEach((span, i) => {
    if (!span) return;
    const [left, top, right, bottom] = cellsOf(span);
    if ((right - left + 1) * (bottom - top + 1) > MOST_CELLS) { wide.push(i); return; }
    for (let x = left; x <= right; x++) {
      for (let y = top; y <= bottom; y++) {
        const key = keyOf(x, y);
        if (grid.has(key)) grid.get(key).push(i);
        else grid.set(key, [i]);
      }
    }
  });
}

/* The parts that meet a rectangle, in the order in which they are painted. */
function within(rect) {
  const [left, top, right, bottom] = cellsOf(rect), found = [];
  const all = (right - left + 1) * (bottom - top + 1) > grid.size;
  const look = (i) => {
    if (stamps[i] === stamp) return;
    stamps[i] = stamp;
    if (meets(spans[i], rect)) found.push(i);
  };
  stamp += 1;
  if (all) for (const cell of grid.values()) cell.forEach(look);
  else for (let x = left; x <= right; x++) for (let y = top; y <= bottom; y++) grid.get(keyOf(x, y))?.forEach(look);
  wide.forEach(look);
  return found.sort((one, other) => one - other);
}

/* Takes out of the page what is not to be shown, and puts in what is, each part in its place. */
function exchange(found) {
  const wanted = new Set(found);
  for (const i of inPage) if (!wanted.has(i)) { parts[i].remove(); inPage.delete(i); }
  let next = holder.firstChild;
  for (const i of found) {
    undrawn.get(parts[i])?.();
    undrawn.delete(parts[i]);
    if (parts[i] === next) next = next.nextSibling;
    else holder.insertBefore(parts[i], next);
    inPage.add(i);
  }
}

/* What a colour of the picture is on this page, light or dark: a sample in the page tells. */
function colourOf(key) {
  if (colours.has(key)) return colours.get(key);
  const [name, colour] = key.split(" ");
  if (!samples.has(key)) {
    const sample = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    sample.setAttribute(name, colour);
    svg.querySelector(".samples").append(sample);
    samples.set(key, sample);
  }
  colours.set(key, getComputedStyle(samples.get(key))[name]);
  return colours.get(key);
}

function paint(found) {
  const ratio = devicePixelRatio, scale = lastScale * ratio, [left, top] = area();
  canvas.width = stage.clientWidth * (1 + 2 * SPARE) * ratio;
  canvas.height = stage.clientHeight * (1 + 2 * SPARE) * ratio;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  context.lineWidth = 1 / scale;
  paintFrames(context, found);
  paintLinks(context, found);
  paintBoxes(context, found, scale);
}

/* The colours of a box or a frame, and of a link that of its line. */
function lookOf(part) {
  if (!looks.has(part)) {
    const border = part.querySelector("rect, path");
    looks.set(part, ["stroke", "fill"].map((name) => name + " " + border.getAttribute(name)));
  }
  return looks.get(part).map(colourOf);
}

function paintFrames(context, found) {
  for (const i of found) {
    if (i >= frames.length) return;
    [context.strokeStyle, context.fillStyle] = lookOf(parts[i]);
    context.fillRect(...spans[i]);
    context.strokeRect(...spans[i]);
  }
}

/* One path for each colour. */
function paintLinks(context, found) {
  const lines = new Map();
  for (const i of found) {
    if (i < firstLink) continue;
    const [stroke] = lookOf(parts[i]), points = wayOf(parts[i]);
    if (!lines.has(stroke)) lines.set(stroke, new Path2D());
    points.forEach(([x, y], at) => (at ? lines.get(stroke).lineTo(x, y) : lines.get(stroke).moveTo(x, y)));
  }
  context.globalAlpha = stage.classList.contains("searching") ? 0.2 : 0.7;
  for (const [stroke, line] of lines) { context.strokeStyle = stroke; context.stroke(line); }
}

function paintBoxes(context, found, scale) {
  const searching = stage.classList.contains("searching"), least = 1.5 / scale; /* a box stays a dot, however small */
  for (const i of found) {
    if (!isBox(i)) continue;
    const box = boxOfPart(i), [stroke, fill] = lookOf(box), [x, y, width, height] = spans[i];
    const marked = box === chosen || (searching && box.classList.contains("found"));
    context.globalAlpha = marked || !searching ? 1 : 0.25;
    context.strokeStyle = stroke;
    context.fillStyle = marked || height * scale < 6 ? stroke : fill;
    context.fillRect(x, y, Math.max(least, width), Math.max(least, height));
    context.strokeRect(x, y, Math.max(least, width), Math.max(least, height));
  }
}

function arrange() {
  const start = performance.now(), found = within(area());
  const afar = found.filter(isBox).length > MOST_SHOWN;
  if (afar) paint(found);
  else exchange(found);
  canvas.hidden = !afar;
  svg.style.display = afar ? "none" : "";
  canvas.style.transform = "";
  cost = performance.now() - start;
}

/* While the view moves within what is drawn, that is moved; beyond it, more is drawn where that is quick. */
function follow(transform) {
  canvas.style.transform = transform;
  const [x, y, width, height] = area(), [left, top, wide, high] = view;
  const beyond = left < x || top < y || left + wide > x + width || top + high > y + height;
  if (beyond && cost < QUICK) settleView();
}

/* The box under a point of the stage, which on the canvas no element tells. */
function boxAt(event) {
  const [x, y] = point(event), found = within([x, y, 0, 0]).filter(isBox);
  return found.length ? boxOfPart(found[found.length - 1]) : null;
}

if (kept) {
  const tint = document.createElementNS("http://www.w3.org/2000/svg", "g");
  for (const part of parts) part.remove();
  tint.setAttribute("class", "samples");
  tint.style.display = "none";
  svg.querySelector(".caption").before(tint, holder);
  stage.append(svg, canvas);
  onLaidOut = index;
  onSettled = arrange;
  onMoved = follow;
  onMarked = () => { if (!canvas.hidden) paint(within(area())); };
  boxUnder = (event) => event.target.closest(".box") ?? (canvas.hidden ? null : boxAt(event));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours.clear(); arrange(); });
  index();
  settleView();
}
