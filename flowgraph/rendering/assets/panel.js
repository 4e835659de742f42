"use strict";
/* The panel that a click on a box opens, and the list of the boxes that a search finds. */
const panel = document.getElementById("panel");
const hits = document.getElementById("hits");
const details = JSON.parse(document.getElementById("details").textContent);
const MOST_HITS = 200; /* lines of the list; more words find fewer boxes */
const haystack = new Map();
let found = [];
let at = -1;
let marked = new Set();
let chosen = null;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function titleOf(box) { return box.querySelector("title").textContent; }

/* What is said of a box: name and kind, then a line for each thing that is known. */
function described(box) {
  const [first, ...lines] = titleOf(box).split("\n");
  const cut = first.lastIndexOf(": ");
  return { name: cut < 0 ? first : first.slice(0, cut), kind: cut < 0 ? "" : first.slice(cut + 2), lines };
}

function histogram([levels, low, high], name) {
  const figure = make("figure", name);
  const bars = make("div", "bars");
  for (const level of levels) {
    const bar = make("i");
    bar.style.height = `${100 * level / 15}%`;
    bars.append(bar);
  }
  const ends = make("figcaption");
  ends.append(make("span", "", low), make("span", "", high));
  figure.append(bars, ends);
  figure.setAttribute("aria-label", `how many elements of the ${name} lie where, from ${low} to ${high}`);
  return figure;
}

function line(term, ...content) {
  const row = make("div", "line");
  const value = make("dd");
  value.append(...content);
  row.append(make("dt", "", term), value);
  return row;
}

function formula(html) {
  const element = make("span", "formula");
  element.innerHTML = html;
  return element;
}

const WORDS = ["formula", "derivative", "shape", "value", "gradient", "built at"];

function choose(box) {
  if (chosen) chosen.classList.remove("chosen");
  chosen = box;
  panel.hidden = !box;
  if (!box) return;
  box.classList.add("chosen");
  const { name, kind, lines } = described(box);
  const id = box.id.slice(4);
  const [value, derivative] = details.formulas[kind] ?? ["", ""];
  const drawn = details.histograms[id] ?? {};
  const list = make("dl");
  for (const text of lines) {
    const word = WORDS.find((one) => text.startsWith(one + " "));
    const rest = word ? text.slice(word.length + 1) : text;
    if (word === "formula" && value) list.append(line(word, formula(value)));
    else if (word === "derivative" && derivative) list.append(line(word, formula(derivative)));
    else if (word === "built at") {
      list.append(line(word, rest, make("code", "", details.sources[rest] ?? "")));
    } else list.append(line(word ?? "", rest, ...(drawn[word] ? [histogram(drawn[word], word)] : [])));
  }
  const close = make("button", "close", "×");
  close.type = "button";
  close.setAttribute("aria-label", "close");
  close.addEventListener("click", () => { choose(null); stage.focus(); });
  const head = make("header");
  head.append(make("h2", "", name), make("span", "kind", kind), close);
  panel.replaceChildren(head, list);
  panel.scrollTop = 0;
}

stage.addEventListener("click", (event) => {
  if (moved) return;
  const box = boxUnder(event);
  choose(box && !box.closest(".lid") ? box : null);
});

/* The key that presses a button opens the panel of the box that has the focus. */
stage.addEventListener("keydown", (event) => {
  if ((event.key !== "Enter" && event.key !== " ") || !event.target.matches(".box") || event.target.closest(".lid")) return;
  event.preventDefault();
  choose(event.target);
});

/* A box that Tab leads to comes into view, by the view and not by scrolling what is drawn. */
stage.addEventListener("focusin", ({ target }) => {
  stage.scrollTo(0, 0);
  if (!target.matches(".box:focus-visible") || target.closest(".lid")) return;
  const [x, y, wide, high] = rectOf(target);
  if (x < view[0] || y < view[1] || x + wide > view[0] + view[2] || y + high > view[1] + view[3]) go(target);
});

function searched(box) {
  if (!haystack.has(box)) {
    const texts = [...box.querySelectorAll("title, text")].map((one) => one.textContent);
    haystack.set(box, texts.join(" ").toLowerCase());
  }
  return haystack.get(box);
}

/* Marks and lists what the words of the search field find; each word must be there. */
function list() {
  listing = null;
  const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  found = words.length
    ? boxes.filter((box) => !box.closest(".lid") && words.every((word) => searched(box).includes(word))) : [];
  const now = new Set(found);
  for (const box of marked) if (!now.has(box)) box.classList.remove("found");
  for (const box of now) if (!marked.has(box)) box.classList.add("found");
  marked = now;
  stage.classList.toggle("searching", words.length > 0);
  onMarked();
  at = -1;
  count.textContent = words.length ? (found.length ? `${found.length} found` : "none") : "";
  hits.hidden = !found.length;
  hits.replaceChildren(...found.slice(0, MOST_HITS).map((box, i) => {
    const { name, kind, lines } = described(box);
    const item = make("li");
    item.setAttribute("role", "option");
    item.append(make("b", "", name), make("span", "", kind), make("small", "", (lines.find((one) => one.startsWith("shape ")) ?? "").slice(6)));
    item.addEventListener("click", () => show(i));
    return item;
  }));
  if (found.length > MOST_HITS) hits.append(make("li", "more", `… ${found.length - MOST_HITS} more`));
}

function show(place) {
  at = place;
  count.textContent = `${at + 1} of ${found.length}`;
  [...hits.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
  hits.children[at]?.scrollIntoView({ block: "nearest" });
  choose(found[at]);
  go(found[at]);
}

function look(step) {
  if (found.length) show((at + step + found.length) % found.length);
}

let listing = null;
search.addEventListener("input", () => {
  clearTimeout(listing);
  if (boxes.length > 1000) listing = setTimeout(list, 150); /* not for each letter, where it takes longer than a frame */
  else list();
});
search.addEventListener("keydown", (event) => {
  const steps = { Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  if (listing !== null) { clearTimeout(listing); listing = null; list(); }
  look(steps[event.key]);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (search.value) { search.value = ""; list(); } else choose(null);
  stage.focus();
});
