"use strict";
const stage = document.getElementById("stage");
const svg = stage.querySelector("svg");
const search = document.getElementById("search");
const count = document.getElementById("count");
const boxes = [...svg.querySelectorAll(".box")];
const byId = new Map(boxes.map((box) => [box.id.slice(4), box]));
const links = [...svg.querySelectorAll(".link")];
const whole = svg.getAttribute("viewBox").split(" ").map(Number);
let view = [...whole];
let held = null;
let found = [];
let at = -1;

function draw() { svg.setAttribute("viewBox", view.join(" ")); }
function fit() { view = [...whole]; draw(); }

function zoom(factor, x, y) {
  const width = Math.min(whole[2] * 4, Math.max(60, view[2] * factor));
  const ratio = width / view[2];
  view = [x - (x - view[0]) * ratio, y - (y - view[1]) * ratio, width, view[3] * ratio];
  draw();
}

function point(event) {
  const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [place.x, place.y];
}

function go(box) {
  const area = box.getBBox();
  const width = Math.max(500, area.width * 4);
  const height = width * stage.clientHeight / stage.clientWidth;
  view = [area.x + area.width / 2 - width / 2, area.y + area.height / 2 - height / 2, width, height];
  draw();
}

function look(step) {
  const words = search.value.trim().toLowerCase();
  found = words ? boxes.filter((box) => box.querySelector("title").textContent.toLowerCase().includes(words)) : [];
  for (const box of boxes) box.classList.toggle("found", found.includes(box));
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
  held = { from: [event.clientX, event.clientY], view: [...view] };
  stage.setPointerCapture(event.pointerId);
  stage.classList.add("held");
});
stage.addEventListener("pointermove", (event) => {
  if (!held) return;
  const scale = 1 / svg.getScreenCTM().a;
  view[0] = held.view[0] - (event.clientX - held.from[0]) * scale;
  view[1] = held.view[1] - (event.clientY - held.from[1]) * scale;
  draw();
});
stage.addEventListener("pointerup", () => { held = null; stage.classList.remove("held"); });
stage.addEventListener("pointerover", (event) => {
  const box = event.target.closest(".box");
  const id = box ? box.id.slice(4) : null;
  for (const one of svg.querySelectorAll(".near")) one.classList.remove("near");
  if (id === null) return;
  box.classList.add("near");
  for (const link of links) {
    if (link.dataset.tail !== id && link.dataset.head !== id) continue;
    link.classList.add("near");
    for (const end of [link.dataset.tail, link.dataset.head]) byId.get(end)?.classList.add("near");
  }
});
document.getElementById("fit").addEventListener("click", fit);
document.getElementById("in").addEventListener("click", () => zoom(0.7, view[0] + view[2] / 2, view[1] + view[3] / 2));
document.getElementById("out").addEventListener("click", () => zoom(1.4, view[0] + view[2] / 2, view[1] + view[3] / 2));
search.addEventListener("input", () => { at = -1; look(1); });
search.addEventListener("keydown", (event) => { if (event.key === "Enter") look(event.shiftKey ? -1 : 1); });
const asked = new URLSearchParams(location.search).get("find");
if (asked) { search.value = asked; look(1); }
