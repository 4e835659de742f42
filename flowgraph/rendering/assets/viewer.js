"use strict";
const stage = document.getElementById("stage");
const svg = stage.querySelector("svg");
const search = document.getElementById("search");
const count = document.getElementById("count");
const boxes = [...svg.querySelectorAll(".box")];
const byId = new Map(boxes.map((box) => [box.id.slice(4), box]));
const links = [...svg.querySelectorAll(".link")];
const linksOf = new Map();
for (const link of links) {
  for (const end of [link.dataset.tail, link.dataset.head]) linksOf.set(end, [...(linksOf.get(end) ?? []), link]);
}
const SPARE = 0.25; /* of the stage, drawn on each side beyond it, so that moving shows what is drawn already */
let whole = svg.getAttribute("viewBox").split(" ").map(Number);
let view = [...whole];
let drawn = [...whole];
let held = null;
let moved = false;
let waiting = null;
let found = [];
let at = -1;
let reveal = () => {};

function scaleOf([, , width, height]) { return Math.min(stage.clientWidth / width, stage.clientHeight / height); }

/* Of the shape of the stage. */
function shaped([x, y, width, height]) {
  const scale = scaleOf([x, y, width, height]);
  const [wide, high] = [stage.clientWidth / scale, stage.clientHeight / scale];
  return [x - (wide - width) / 2, y - (high - height) / 2, wide, high];
}

/* While the view moves, what is drawn is moved as it is; once it rests, it is drawn sharp. */
function draw() {
  const scale = scaleOf(view), ratio = scale / scaleOf(drawn);
  const [x, y] = [(drawn[0] - view[0]) * scale, (drawn[1] - view[1]) * scale];
  svg.style.transform = `translate(${x}px, ${y}px) scale(${ratio})`;
  clearTimeout(waiting);
  waiting = setTimeout(settleView, 140);
}

function settleView() {
  clearTimeout(waiting);
  view = shaped(view);
  drawn = [...view];
  const [x, y, width, height] = view;
  svg.setAttribute("viewBox", [x - SPARE * width, y - SPARE * height, (1 + 2 * SPARE) * width, (1 + 2 * SPARE) * height].join(" "));
  svg.style.transform = "";
  stage.classList.toggle("far", scaleOf(view) < 0.3);
}

function fit() { view = shaped(whole); settleView(); }

function zoom(factor, x, y) {
  const width = Math.min(whole[2] * 4, Math.max(60, view[2] * factor));
  const ratio = width / view[2];
  view = [x - (x - view[0]) * ratio, y - (y - view[1]) * ratio, width, view[3] * ratio];
  draw();
}

function point(event) {
  const area = stage.getBoundingClientRect(), scale = scaleOf(view);
  return [view[0] + (event.clientX - area.left) / scale, view[1] + (event.clientY - area.top) / scale];
}

function go(box) {
  reveal(box);
  settleView();
  const area = box.getBoundingClientRect(), stageArea = stage.getBoundingClientRect(), scale = scaleOf(view);
  const [wide, high] = [area.width / scale, area.height / scale];
  const [x, y] = [view[0] + (area.left - stageArea.left) / scale, view[1] + (area.top - stageArea.top) / scale];
  const width = Math.max(500, wide * 4);
  const height = width * stage.clientHeight / stage.clientWidth;
  view = [x + wide / 2 - width / 2, y + high / 2 - height / 2, width, height];
  settleView();
}

function look(step) {
  const words = search.value.trim().toLowerCase();
  const named = (box) => !box.closest(".lid") && box.querySelector("title").textContent.toLowerCase().includes(words);
  found = words ? boxes.filter(named) : [];
  const marked = new Set(found);
  for (const box of boxes) box.classList.toggle("found", marked.has(box));
  stage.classList.toggle("searching", words !== "");
  at = found.length ? (at + step + found.length) % found.length : -1;
  count.textContent = words ? (found.length ? `${at + 1} of ${found.length}` : "none") : "";
  if (found.length) go(found[at]);
}

stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(event.deltaY * 0.0015), ...point(event));
}, { passive: false });
stage.addEventListener("pointerdown", (event) => {
  held = { from: [event.clientX, event.clientY], view: [...view], id: event.pointerId };
  moved = false;
});
stage.addEventListener("pointermove", (event) => {
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
  stage.addEventListener(end, () => { held = null; stage.classList.remove("held"); });
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
window.addEventListener("resize", settleView);
document.getElementById("fit").addEventListener("click", fit);
document.getElementById("in").addEventListener("click", () => zoom(0.7, view[0] + view[2] / 2, view[1] + view[3] / 2));
document.getElementById("out").addEventListener("click", () => zoom(1.4, view[0] + view[2] / 2, view[1] + view[3] / 2));
search.addEventListener("input", () => { at = -1; look(1); });
search.addEventListener("keydown", (event) => { if (event.key === "Enter") look(event.shiftKey ? -1 : 1); });
fit();
