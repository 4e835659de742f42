"use strict";
/* Pages of thousands of boxes: those out of view are left out, and from afar all are drawn on a canvas instead. */
const MANY = 2500; /* boxes that a browser paints in a frame of 16.7 ms with a margin of two */
const canvas = document.createElement("canvas");
const colours = new Map();
const away = new Set();
const scopes = [...svg.querySelectorAll(".frame")];
canvas.className = "afar";
canvas.hidden = true;

/* What a colour of the picture is on this page, light or dark. */
function colourOf(element, name) {
  const key = name + element.getAttribute(name);
  if (!colours.has(key)) colours.set(key, getComputedStyle(element)[name]);
  return colours.get(key);
}

function meets([x, y, width, height], [left, top, wide, high]) {
  return x < left + wide && left < x + width && y < top + high && top < y + height;
}

function area() {
  const [x, y, width, height] = drawn;
  return [x - SPARE * width, y - SPARE * height, (1 + 2 * SPARE) * width, (1 + 2 * SPARE) * height];
}

function leave(part, out) {
  if (away.has(part) === out) return;
  if (out) away.add(part);
  else away.delete(part);
  part.classList.toggle("away", out);
}

/* Only what the stage shows, and a margin to move in. */
function cull() {
  const shown = area();
  for (const box of boxes) {
    const rect = rectOf(box);
    if (rect) leave(box, !meets(rect, shown));
  }
  for (const frame of scopes) leave(frame, !meets(rectOfFrame(frame), shown));
  for (const link of links) {
    const [one, other] = [link.dataset.tail, link.dataset.head].map((id) => byId.has(id) && rectOf(byId.get(id)));
    if (!one || !other) continue;
    const left = Math.min(one[0], other[0]), top = Math.min(one[1], other[1]);
    const right = Math.max(one[0] + one[2], other[0] + other[2]), bottom = Math.max(one[1] + one[3], other[1] + other[3]);
    leave(link, !meets([left, top, right - left, bottom - top], shown));
  }
}

function rectOfFrame(frame) {
  const rect = frame.querySelector("rect");
  return ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
}

function paint() {
  const ratio = devicePixelRatio, scale = lastScale * ratio, [left, top] = area();
  canvas.width = stage.clientWidth * (1 + 2 * SPARE) * ratio;
  canvas.height = stage.clientHeight * (1 + 2 * SPARE) * ratio;
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  context.lineWidth = 1 / scale;
  context.strokeStyle = getComputedStyle(count).color;
  context.globalAlpha = stage.classList.contains("searching") ? 0.2 : 0.7;
  context.beginPath();
  for (const link of links) {
    const [one, other] = [link.dataset.tail, link.dataset.head].map((id) => byId.has(id) && rectOf(byId.get(id)));
    if (!one || !other) continue;
    context.moveTo(one[0] + one[2], one[1] + one[3] / 2);
    context.lineTo(other[0], other[1] + other[3] / 2);
  }
  context.stroke();
  const least = 1.5 / scale; /* a box stays a dot, however small */
  for (const box of boxes) {
    const rect = rectOf(box);
    if (!rect) continue;
    const border = box.querySelector("rect");
    const marked = box.classList.contains("found") || box.classList.contains("chosen");
    context.globalAlpha = marked || !stage.classList.contains("searching") ? 1 : 0.25;
    context.fillStyle = marked || rect[3] * scale < 6 ? colourOf(border, "stroke") : colourOf(border, "fill");
    context.fillRect(rect[0], rect[1], Math.max(least, rect[2]), Math.max(least, rect[3]));
    context.strokeStyle = colourOf(border, "stroke");
    context.strokeRect(rect[0], rect[1], Math.max(least, rect[2]), Math.max(least, rect[3]));
  }
}

function arrange() {
  const afar = stage.classList.contains("far");
  if (afar) paint();
  else cull();
  canvas.hidden = !afar;
  svg.style.display = afar ? "none" : "";
  canvas.style.transform = "";
}

/* The box under a point of the stage, which from afar no element tells. */
function boxAt(event) {
  const [x, y] = point(event);
  return boxes.find((box) => {
    const rect = rectOf(box);
    return rect && meets(rect, [x, y, 0, 0]);
  }) ?? null;
}

if (boxes.length > MANY) {
  for (const box of boxes) { const border = box.querySelector("rect"); colourOf(border, "fill"); colourOf(border, "stroke"); }
  stage.append(canvas);
  onSettled = arrange;
  onMoved = (transform) => { canvas.style.transform = transform; };
  onMarked = () => { if (!canvas.hidden) paint(); };
  boxUnder = (event) => event.target.closest(".box") ?? (canvas.hidden ? null : boxAt(event));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours.clear(); svg.style.display = ""; arrange(); });
  settleView();
}
