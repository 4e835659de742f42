// What the gradients say: at most four sentences that are true now, and the size of each layer's gradient.

function layersOf(seen) {
  return Object.keys(seen ?? {}).filter((name) => /^da\d+$/.test(name)).map((name) => rms(seen[name]));
}

function sentences(learner, seen) {
  const sizes = layersOf(seen), now = learner.history.at(-1), found = [];
  const weights = learner.model.columns.map((column) => learner.parameters[column.weights]).filter(Boolean);
  const broken = learner.parameters.some((one) => one.data.some((x) => !Number.isFinite(x)));
  if (broken) return ["A parameter is no finite number any more: the steps were too long. Reset with a smaller learning rate."];
  if (weights.every((one) => one.data.every((x) => x === 0))) found.push("All weights are 0: below the output no gradient arrives, since ∇h = W ∇a.");
  else if (weights.slice(0, -1).some(equalUnits)) found.push("The units of a layer are equal: they get equal gradients and stay equal. Only different first weights break the symmetry.");
  const hidden = learner.model.columns.slice(0, -1);
  if (hidden.length && hidden.every(({ activation }) => activation === "linear")) found.push(`The ${hidden.length + 1} layers are linear: together they are one matrix${learner.task.image ? "" : ", and what separates two classes is a straight line"}.`);
  if (!learner.train.count) found.push("There are no training examples, so there is no loss and no gradient. Add points in the plane, or choose other data.");
  const ratio = sizes[0] / sizes.at(-1);
  const said = found.filter((text) => !text.includes("are linear")).length;
  if (sizes.length > 1 && sizes.at(-1) > 0 && said === 0) {
    if (sizes[0] === 0) found.push("No gradient reaches layer 1.");
    else if (ratio < 0.01) found.push(`The gradient vanishes: layer 1 gets ${times(1 / ratio)} less than the output layer.`);
    else if (ratio < 0.2) found.push(`The gradient shrinks on its way: layer 1 gets ${times(1 / ratio)} less than the output layer.`);
    else if (ratio > 10) found.push(`The gradient grows on its way: layer 1 gets ${times(ratio)} more than the output layer.`);
    else found.push(`The gradient arrives: layer 1 gets ${ratio < 1 ? `${times(1 / ratio)} less` : `${times(ratio)} more`} than the output layer.`);
  }
  if (sizes.length === 1 && sizes[0] > 0 && found.length === 0) found.push("Without a hidden layer the gradient of the output goes straight to its weights.");
  const dead = deadUnits(learner, seen);
  if (dead) found.push(`${dead} ${dead === 1 ? "unit is" : "units are"} dead: 0 for all of the minibatch, so no gradient passes (ReLU, a ≤ 0).`);
  if (learner.task.classes && now.train.error === 0 && now.train.loss < 0.05) found.push("Every training example is taken for what it is: what is left of the gradient is small.");
  if (now.held.loss !== null && now.held.loss > 1.6 * (learner.best?.loss ?? Infinity) && now.held.loss > 2 * now.train.loss) found.push("It overfits: the validation loss rises while the training loss falls. Early stopping would keep the parameters of the best epoch.");
  return found.slice(0, 4);
}

function times(ratio) {
  return `${numberText(ratio)} times`;
}

function equalUnits(weights) {
  const [rows, units] = weights.shape;
  if (units < 2) return false;
  for (let i = 0; i < rows; i++) for (let unit = 1; unit < units; unit++) if (weights.data[i * units + unit] !== weights.data[i * units]) return false;
  return true;
}

function deadUnits(learner, seen) {
  if (!seen) return 0;
  return learner.model.columns.reduce((total, column, k) => {
    if (column.kind !== "ReLU") return total;
    const h = seen[`h${k + 1}`], units = h.shape[1];
    const dead = Array.from({ length: units }, (_, unit) => unit).filter((unit) => {
      for (let i = unit; i < h.data.length; i += units) if (h.data[i] > 0) return false;
      return true;
    });
    return total + dead.length;
  }, 0);
}

function showWords(learner, seen) {
  const list = sentences(learner, seen), box = document.getElementById("words");
  if (box.dataset.text !== list.join()) {
    box.dataset.text = list.join();
    box.replaceChildren(...list.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }
  const sizes = layersOf(seen), last = sizes.at(-1) || 1;
  document.getElementById("bars").replaceChildren(...sizes.map((size, k) => bar(k === sizes.length - 1 ? "output" : `layer ${k + 1}`, size, last)).reverse());
}

// Powers of ten to the left and to the right of the output layer's, three to either side.
function bar(name, size, reference) {
  const share = size ? Math.max(-1, Math.min(1, Math.log10(size / reference) / 3)) : -1, row = document.createElement("div");
  row.className = "bar";
  const fill = document.createElement("b"), track = document.createElement("i");
  fill.style.left = `${50 + Math.min(share, 0) * 50}%`;
  fill.style.width = `${Math.abs(share) * 50}%`;
  track.append(fill);
  row.append(Object.assign(document.createElement("span"), { textContent: name }), track, Object.assign(document.createElement("span"), { textContent: size ? short(size) : "0" }));
  return row;
}
