"use strict";
const steps = JSON.parse(document.getElementById("steps").textContent);
const slider = document.getElementById("slider");
const play = document.getElementById("play");
const words = document.getElementById("words");
const place = document.getElementById("place");
const stage = document.getElementById("stage");
const line = document.getElementById("line");
const boxes = new Map([...stage.querySelectorAll(".box")].map((box) => [box.id.slice(4), box]));
const links = [...stage.querySelectorAll(".link")];
let now = 0;
let timer = null;

function key(tail, head) { return tail + " " + head; }

function show(index) {
  now = Math.max(0, Math.min(steps.length - 1, index));
  const step = steps[now];
  const past = steps.slice(0, now + 1);
  const computed = new Set(past.filter((s) => s.phase !== "bprop").flatMap((s) => s.tiles));
  const sent = new Set(past.flatMap((s) => s.sent.map(([tail, head]) => key(tail, head))));
  const written = { value: new Map(), gradient: new Map() };
  for (const s of past) {
    for (const [id, text] of Object.entries(s.values)) written.value.set(id, text);
    for (const [id, text] of Object.entries(s.gradients)) written.gradient.set(id, text);
  }
  const finished = new Set(past.flatMap((s) => s.finished));
  for (const [id, box] of boxes) {
    box.classList.toggle("waiting", !computed.has(id) && !id.includes("@"));
    box.classList.toggle("now", step.current === id);
    box.classList.toggle("computed", computed.has(id));
    box.classList.toggle("reached", written.gradient.has(id));
    box.classList.toggle("finished", finished.has(id));
    for (const [kind, texts] of Object.entries(written)) {
      const row = box.querySelector(`.${kind} text`);
      if (row && texts.has(id)) row.textContent = texts.get(id);
    }
  }
  for (const link of links) {
    const { tail, head } = link.dataset;
    link.classList.toggle("read", computed.has(head));
    link.classList.toggle("sent", sent.has(key(tail.split("@")[0], head)) || sent.has(key(tail, head)));
  }
  stage.classList.toggle("bprop-phase", step.phase === "bprop");
  words.className = "words " + step.phase;
  words.replaceChildren();
  const title = document.createElement("b");
  title.textContent = step.title;
  words.append(title, ": " + step.words);
  line.innerHTML = step.lines.map((one) => `<div>${one}</div>`).join("");
  if (!step.lines.length) line.textContent = step.formula;
  follow(boxes.get(step.current));
  slider.value = now;
  slider.setAttribute("aria-valuetext", step.title);
  place.textContent = step.place;
  if (now === steps.length - 1) stop();
}

/* Where the picture is wider or higher than the window, the box of the step comes into its middle. */
function follow(box) {
  if (!box) { stage.scrollTo(0, 0); return; }
  const [at, area] = [box.getBoundingClientRect(), stage.getBoundingClientRect()];
  const left = stage.scrollLeft + at.left + at.width / 2 - area.left - area.width / 2;
  const top = stage.scrollTop + at.top + at.height / 2 - area.top - area.height / 2;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  stage.scrollTo({ left, top, behavior: calm ? "instant" : "smooth" });
}

function stop() {
  clearInterval(timer);
  timer = null;
  play.textContent = "Play";
}

function toggle() {
  if (timer) { stop(); return; }
  if (now === steps.length - 1) show(0);
  play.textContent = "Pause";
  timer = setInterval(() => show(now + 1), 1200);
}

slider.max = steps.length - 1;
slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
play.addEventListener("click", toggle);
document.getElementById("back").addEventListener("click", () => { stop(); show(now - 1); });
document.getElementById("next").addEventListener("click", () => { stop(); show(now + 1); });
document.addEventListener("keydown", (event) => {
  if (event.target === slider) return;
  const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: steps.length - 1 };
  if (event.key in moves) { stop(); show(moves[event.key]); event.preventDefault(); }
  if (event.key === " " && event.target.tagName !== "BUTTON") { toggle(); event.preventDefault(); }
});
for (const [id, box] of boxes) {
  box.addEventListener("click", () => {
    const own = steps.map((s, i) => (s.current === id ? i : -1)).filter((i) => i >= 0);
    const later = own.find((i) => i > now);
    if (own.length) { stop(); show(later === undefined ? own[0] : later); }
  });
}
const asked = Number(new URLSearchParams(location.search).get("step"));
show(Number.isInteger(asked) ? asked : 0);
