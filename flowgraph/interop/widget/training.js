// The curve of a training, redrawn after each epoch, the picture of its graph, and a button that ends it.

const WIDTH = 640;
const HEIGHT = 220;
const LEFT = 58;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 30;
const NAMESPACE = "http://www.w3.org/2000/svg";

function element(name, attributes, text) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function curve(points, measure) {
  const svg = element("svg", { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  svg.append(element("title", {}, `${measure} by epoch`));
  const right = WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  svg.append(element("rect", { class: "frame", x: LEFT, y: TOP, width: right - LEFT, height: bottom - TOP }));
  const known = points.flatMap((point) => [point.train, point.valid]).filter((value) => value !== null);
  if (!known.length) return svg;
  const smallest = Math.min(...known);
  const largest = Math.max(...known);
  const logarithmic = smallest > 0 && largest >= 10 * smallest;
  const scale = logarithmic ? Math.log : (value) => value;
  const [low, high] = [scale(smallest), scale(largest)];
  const first = points[0].epoch;
  const last = points[points.length - 1].epoch;
  const across = (epoch) => LEFT + ((right - LEFT) * (epoch - first)) / Math.max(1, last - first);
  const up = (value) => bottom - 6 - ((bottom - TOP - 12) * (scale(value) - low)) / (high - low || 1);
  for (const [value, shift] of [[smallest, 0], [largest, 8]]) {
    svg.append(element("text", { x: LEFT - 6, y: up(value) + shift / 2, "text-anchor": "end" }, numberText(value)));
  }
  svg.append(element("text", { x: LEFT, y: HEIGHT - 12, "text-anchor": "start" }, `epoch ${first}`));
  svg.append(element("text", { x: right, y: HEIGHT - 12, "text-anchor": "end" }, String(last)));
  const words = `${measure}${logarithmic ? ", logarithmic" : ""}`;
  svg.append(element("text", { x: (LEFT + right) / 2, y: HEIGHT - 12, "text-anchor": "middle" }, words));
  ["train", "valid"].forEach((part, place) => {
    const there = points.filter((point) => point[part] !== null);
    if (!there.length) return;
    const at = there.map((point) => `${across(point.epoch).toFixed(1)},${up(point[part]).toFixed(1)}`);
    svg.append(element("polyline", { class: part, points: at.join(" ") }));
    const [x, y] = at[at.length - 1].split(",");
    svg.append(element("circle", { class: part, cx: x, cy: y, r: 2.5 }));
    svg.append(element("text", { class: part, x: right - 8, y: TOP + 16 + 14 * place, "text-anchor": "end" }, part));
  });
  return svg;
}

function render({ model, el }) {
  el.classList.add("flowgraph-widget");
  const status = document.createElement("div");
  status.className = "status";
  const words = document.createElement("span");
  const button = document.createElement("button");
  button.textContent = "stop";
  status.append(words, " ", button);
  const chart = document.createElement("div");
  const picture = document.createElement("div");
  picture.className = "picture";
  el.replaceChildren(status, chart, picture);

  const tell = () => {
    words.textContent = model.get("_status");
    button.hidden = !model.get("_running");
    button.disabled = model.get("stop_asked");
  };
  const plot = () => chart.replaceChildren(curve(model.get("points"), model.get("_measure")));
  const draw = () => {
    picture.innerHTML = model.get("_svg");
  };
  button.addEventListener("click", () => {
    model.set("stop_asked", true);
    model.save_changes();
    tell();
  });
  const heard = { "change:_status": tell, "change:_running": tell, "change:points": plot, "change:_svg": draw };
  for (const [event, listener] of Object.entries(heard)) model.on(event, listener);
  tell();
  plot();
  draw();
  return () => {
    for (const [event, listener] of Object.entries(heard)) model.off(event, listener);
  };
}

export default { render };
