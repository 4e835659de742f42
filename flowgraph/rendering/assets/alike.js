"use strict";
/* Parts of a picture that viewer.py has shortened, written in full: copies of those that they are like, at their places. */
function movedPoints(points, dx, dy) {
  return points.replace(/(-?[\d.]+)([ ,])(-?[\d.]+)/g,
    (_, x, between, y) => (Number(x) + dx).toFixed(1) + between + (Number(y) + dy).toFixed(1));
}

function moveAll(part, dx, dy) {
  for (const one of part.querySelectorAll("[x], [d], [points]")) {
    for (const [name, by] of [["x", dx], ["y", dy]]) {
      if (one.hasAttribute(name)) one.setAttribute(name, (Number(one.getAttribute(name)) + by).toFixed(1));
    }
    for (const name of ["d", "points"]) {
      if (one.hasAttribute(name)) one.setAttribute(name, movedPoints(one.getAttribute(name), dx, dy));
    }
  }
}

/* `said` has a line for each line of text that differs: its number among those of the part, and what it is. */
function sayOwn(part, said) {
  const own = new Map(said.split("\n").map((line) => [Number(line.slice(0, line.indexOf(" "))), line.slice(line.indexOf(" ") + 1)]));
  const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  for (let at = 0; texts.nextNode();) {
    const lines = texts.currentNode.data.split("\n");
    const now = lines.map((line, i) => own.get(at + i) ?? line).join("\n");
    if (now !== texts.currentNode.data) texts.currentNode.data = now;
    at += lines.length;
  }
}

function writeInFull(picture) {
  const parts = [...picture.querySelectorAll(".frame, .link, .box")];
  const models = parts.filter((part) => part.dataset.like === undefined);
  for (const part of parts) {
    const { like, at, said } = part.dataset;
    if (like === undefined) continue;
    for (const child of models[like].childNodes) part.append(child.cloneNode(true));
    moveAll(part, ...at.split(" ").map(Number));
    if (said !== undefined) sayOwn(part, said);
    for (const name of ["like", "at", "said"]) delete part.dataset[name];
  }
}
