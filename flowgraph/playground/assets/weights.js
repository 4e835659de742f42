// The numbers of a unit that was clicked, to look at and to change: a weight from each unit before it, and its bias.

// Where they stand: the parameter, the place in it, what it is called; none of a unit that reads an image.
function numbersOf(learner, [layer, unit]) {
  const column = learner.model.columns[layer - 1], { image } = learner.task;
  if (!column || column.weights === null || (image && layer === 1)) return [];
  const [rows, units] = learner.parameters[column.weights].shape;
  if (unit >= units) return [];
  const from = (i) => (layer === 1 ? GIVEN.features[learner.features[i]].label : `h${superscript(layer - 1)} of unit ${i + 1}`);
  const weights = Array.from({ length: rows }, (_, i) => [column.weights, i * units + unit, from(i)]);
  return column.bias === null ? weights : [...weights, [column.bias, unit, "bias"]];
}

// A field for each number; `write(number, place, value)` is called with what is typed.
function showWeights(learner, chosen, write) {
  const card = document.getElementById("weights"), found = chosen ? numbersOf(learner, chosen) : [];
  card.hidden = !found.length;
  card.dataset.unit = found.length ? chosen.join() : "";
  if (!found.length) return card.replaceChildren();
  const title = `layer ${chosen[0]}, unit ${chosen[1] + 1}: the weights of what it reads`;
  card.setAttribute("aria-label", title);
  const fields = found.map(([number, place, name]) => {
    const input = element("input", { type: "number", step: 0.1, min: -LARGEST, max: LARGEST });
    input.setAttribute("aria-label", name);
    input.onchange = () => {
      const value = input.value === "" ? NaN : Number(input.value);
      if (Math.abs(value) <= LARGEST) write(number, place, value);
      else input.value = written(learner, number, place);
    };
    return element("label", {}, element("span", { textContent: name }), input);
  });
  card.replaceChildren(element("h3", { textContent: title }), ...fields);
  followWeights(learner, chosen);
}

// What the fields show follows the training, but for the field that is being typed in.
function followWeights(learner, chosen) {
  if (!chosen) return;
  const fields = document.querySelectorAll("#weights input");
  numbersOf(learner, chosen).forEach(([number, place], i) => {
    if (fields[i] && fields[i] !== document.activeElement) fields[i].value = written(learner, number, place);
  });
}

// As a field of a number takes it, which reads no other notation.
function written(learner, number, place) {
  const value = learner.parameters[number].data[place];
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "";
}
