// The picture of a graph: a click on a box selects it, and Python is told; what Python selects is marked.

function render({ model, el }) {
  el.classList.add("flowgraph-widget");
  const picture = document.createElement("div");
  picture.className = "picture";
  const details = document.createElement("pre");
  details.className = "details";
  details.setAttribute("aria-live", "polite");
  el.replaceChildren(picture, details);

  const nameOf = (box) => {
    const tile = box.id.slice("box-".length);
    const tiles = model.get("_tiles");
    if (tiles[tile] === tile) return tile;
    return Object.keys(tiles).find((name) => tiles[name] === tile) || "";
  };
  const mark = () => {
    const tile = model.get("_tiles")[model.get("selected")];
    for (const box of picture.querySelectorAll("g.box")) {
      const chosen = tile !== undefined && box.id === "box-" + tile;
      box.classList.toggle("selected", chosen);
      box.setAttribute("aria-pressed", String(chosen));
    }
  };
  const draw = () => {
    picture.innerHTML = model.get("_svg");
    for (const box of picture.querySelectorAll("g.box")) {
      box.setAttribute("role", "button");
    }
    mark();
  };
  const tell = () => {
    details.textContent = model.get("_details");
  };
  const select = (target) => {
    const box = target.closest("g.box");
    model.set("selected", box ? nameOf(box) : "");
    model.save_changes();
  };
  picture.addEventListener("click", (event) => select(event.target));
  picture.addEventListener("keydown", (event) => {
    if ((event.key !== "Enter" && event.key !== " ") || !event.target.closest("g.box")) return;
    event.preventDefault();
    select(event.target);
  });
  model.on("change:_svg", draw);
  model.on("change:selected", mark);
  model.on("change:_details", tell);
  draw();
  tell();
  return () => {
    model.off("change:_svg", draw);
    model.off("change:selected", mark);
    model.off("change:_details", tell);
  };
}

export default { render };
