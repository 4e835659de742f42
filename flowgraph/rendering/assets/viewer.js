"use strict";
const stage = document.getElementById("stage");
const kept = document.getElementById("kept"); /* a picture of thousands of parts, which large.js puts into the page as they come into view */
const svg = (kept?.content ?? stage).querySelector("svg");
if (kept) writeInFull(svg);
const search = document.getElementById("search");
const count = document.getElementById("count");
const boxes = [...svg.querySelectorAll(".box")];
const byId = new Map(boxes.map((box) => [box.id.slice(4), box]));
const links = [...svg.querySelectorAll(".link")];
const linksOf = new Map();
for (const link of links) {
  for (const end of [link.dataset.tail, link.dataset.head]) linksOf.has(end) ? linksOf.get(end).push(link) : linksOf.set(end, [link]);
}
const SPARE = 0.25; /* of the stage, drawn on each side beyond it, so that moving shows what is drawn already */
let whole = svg.getAttribute("viewBox").split(" ").map(Number);
let view = [...whole];
let drawn = [...whole];
let held = null;
let pinch = null;
let fitted = true;
let lastScale = 1;
const pointers = new Map();
let moved = false;
let waiting = null;
let reveal = () => {};
let placeOf = null; /* where modules have moved a box to; null for one that is hidden */
let frameAt = null, waysOf = null; /* the same of a frame, and the points that a link leads through */
let onSettled = () => {}, onMoved = () => {}, onMarked = () => {}, onLaidOut = () => {};
let boxUnder = (event) => event.target.closest(".box");
const rects = new Map();
const undrawn = new Map(); /* what is still to be changed in parts that are not in the page */

/* Changes a part of the picture: now, or when it comes into the page. */
function change(part, act) {
  if (kept) undrawn.set(part, act);
  else act();
}

/* Where a box stands in the picture; null where a closed module hides it. */
function rectOf(box) {
  if (!rects.has(box)) {
    const rect = box.querySelector("rect");
    const drawnAt = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
    rects.set(box, placeOf ? placeOf(box) : drawnAt);
  }
  return rects.get(box);
}

function scaleOf([, , width, height]) { return Math.min(stage.clientWidth / width, stage.clientHeight / height); }

/* A stage in a closed tab, or one that is lower than its bar, has no size: nothing is drawn until it has one. */
function hasSize() { return stage.clientWidth > 0 && stage.clientHeight > 0; }

/* Of the shape of the stage. */
function shaped([x, y, width, height]) {
  const scale = scaleOf([x, y, width, height]);
  const [wide, high] = [stage.clientWidth / scale, stage.clientHeight / scale];
  return [x - (wide - width) / 2, y - (high - height) / 2, wide, high];
}

/* While the view moves, what is drawn is moved as it is; once it rests, it is drawn sharp. */
function draw() {
  if (!hasSize()) return;
  fitted = false;
  const scale = scaleOf(view), ratio = scale / scaleOf(drawn);
  const [x, y] = [(drawn[0] - view[0]) * scale, (drawn[1] - view[1]) * scale];
  svg.style.transform = `translate(${x}px, ${y}px) scale(${ratio})`;
  onMoved(svg.style.transform);
  clearTimeout(waiting);
  waiting = setTimeout(settleView, 140);
}

function settleView() {
  clearTimeout(waiting);
  if (!hasSize()) return;
  view = shaped(view);
  drawn = [...view];
  lastScale = scaleOf(view);
  const [x, y, width, height] = view;
  svg.setAttribute("viewBox", [x - SPARE * width, y - SPARE * height, (1 + 2 * SPARE) * width, (1 + 2 * SPARE) * height].join(" "));
  svg.style.transform = "";
  stage.classList.toggle("far", lastScale < 0.3);
  onSettled();
}

function fit() {
  fitted = true;
  if (!hasSize()) return;
  view = shaped(whole);
  settleView();
}

/* What is seen whole stays whole; else the middle and the scale stay. */
function resized() {
  if (!hasSize()) return;
  if (fitted) { fit(); return; }
  const [x, y] = [view[0] + view[2] / 2, view[1] + view[3] / 2];
  const [wide, high] = [stage.clientWidth / lastScale, stage.clientHeight / lastScale];
  view = [x - wide / 2, y - high / 2, wide, high];
  settleView();
}

function limited(width) { return Math.min(whole[2] * 4, Math.max(60, width)); }

function zoom(factor, x, y) {
  const width = limited(view[2] * factor);
  const ratio = width / view[2];
  view = [x - (x - view[0]) * ratio, y - (y - view[1]) * ratio, width, view[3] * ratio];
  draw();
}

function zoomMiddle(factor) { zoom(factor, view[0] + view[2] / 2, view[1] + view[3] / 2); }

function point(event) {
  const area = stage.getBoundingClientRect(), scale = scaleOf(view);
  return [view[0] + (event.clientX - area.left) / scale, view[1] + (event.clientY - area.top) / scale];
}

function go(box) {
  reveal(box);
  if (!hasSize()) return;
  fitted = false;
  const [x, y, wide, high] = rectOf(box);
  const width = Math.max(500, wide * 4);
  const height = width * stage.clientHeight / stage.clientWidth;
  view = [x + wide / 2 - width / 2, y + high / 2 - height / 2, width, height];
  settleView();
}

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : 1;
  zoom(Math.exp(event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), ...point(event));
}, { passive: false });

/* One pointer moves the view, two zoom it about the point between them. */
function pinched() {
  const [[x1, y1], [x2, y2]] = [...pointers.values()];
  return { apart: Math.max(1, Math.hypot(x2 - x1, y2 - y1)), middle: { clientX: (x1 + x2) / 2, clientY: (y1 + y2) / 2 } };
}

function hold() {
  const [first] = pointers;
  held = pointers.size === 1 ? { from: [...first[1]], view: [...view], id: first[0] } : null;
  pinch = null;
  if (pointers.size === 2) {
    const { apart, middle } = pinched();
    pinch = { apart, at: point(middle), width: view[2], height: view[3] };
    moved = true;
  }
}

stage.addEventListener("pointerdown", (event) => {
  if (pointers.size === 0) moved = false;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  hold();
});
stage.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, [event.clientX, event.clientY]);
  if (pinch) {
    const { apart, middle } = pinched();
    const width = limited(pinch.width * pinch.apart / apart);
    const area = stage.getBoundingClientRect();
    view = [view[0], view[1], width, pinch.height * width / pinch.width];
    const scale = scaleOf(view);
    view[0] = pinch.at[0] - (middle.clientX - area.left) / scale;
    view[1] = pinch.at[1] - (middle.clientY - area.top) / scale;
    draw();
    return;
  }
  if (!held) return;
  const [x, y] = [event.clientX - held.from[0], event.clientY - held.from[1]];
  if (!moved && Math.hypot(x, y) < 4) return;
  if (!moved) {
    moved = true;
    stage.classList.add("held");
    stage.setPointerCapture(held.id);
  }
  const scale = scaleOf(view);
  view = [held.view[0] - x / scale, held.view[1] - y / scale, view[2], view[3]];
  draw();
});
for (const end of ["pointerup", "pointercancel"]) {
  stage.addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    stage.classList.remove("held");
    hold();
  });
}
let near = [];
stage.addEventListener("pointerover", (event) => {
  const box = event.target.closest(".box");
  for (const one of near) one.classList.remove("near");
  near = [];
  if (box === null) return;
  const id = box.id.slice(4);
  near.push(box);
  for (const link of linksOf.get(id) ?? []) {
    near.push(link);
    for (const end of [link.dataset.tail, link.dataset.head]) if (byId.has(end)) near.push(byId.get(end));
  }
  for (const one of near) one.classList.add("near");
});
function pan(x, y) { view = [view[0] + x * view[2], view[1] + y * view[3], view[2], view[3]]; draw(); }
const KEYS = {
  ArrowLeft: () => pan(-0.15, 0), ArrowRight: () => pan(0.15, 0), ArrowUp: () => pan(0, -0.15),
  ArrowDown: () => pan(0, 0.15), "+": () => zoomMiddle(0.7), "=": () => zoomMiddle(0.7), "-": () => zoomMiddle(1.4),
  0: fit, "/": () => search.focus(),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target === search || event.ctrlKey || event.metaKey || event.altKey;
  if (typing || !(event.key in KEYS) || event.target.closest("#hits")) return;
  event.preventDefault();
  KEYS[event.key]();
});
new ResizeObserver(resized).observe(stage);
document.getElementById("fit").addEventListener("click", fit);
document.getElementById("in").addEventListener("click", () => zoomMiddle(0.7));
document.getElementById("out").addEventListener("click", () => zoomMiddle(1.4));
fit();
