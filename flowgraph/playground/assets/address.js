// The address: the settings at update 0, the number of updates, and what was done when. Opening it repeats all of it.

const LARGEST = 1000; // of a number among the settings
const MOST_UPDATES = 500000, MOST_ACTS = 400; // what is longer is not kept: the address then begins with what is set now

// Only what differs from the defaults stands in the address.
function toAddress(settings, updates = 0, acts = []) {
  const changed = Object.entries(settings).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS[name]));
  const parts = [...changed, ...(updates ? [["at", updates]] : []), ...(acts.length ? [["acts", acts]] : [])];
  return parts.map(([name, value]) => `${name}=${encodeURIComponent(JSON.stringify(value))}`).join("&");
}

function fromAddress(text) {
  const found = { settings: structuredClone(DEFAULTS), updates: 0, acts: [] };
  for (const part of text.replace(/^#/, "").split("&")) {
    const [name, value] = part.split("=");
    try {
      const read = JSON.parse(decodeURIComponent(value));
      if (name === "at" && Number.isInteger(read) && read >= 0 && read <= MOST_UPDATES) found.updates = read;
      else if (name === "acts" && Array.isArray(read) && read.length <= MOST_ACTS) found.acts = read.filter(isAct);
      else if (isSetting(name, read)) found.settings[name] = read;
    } catch {
      continue; // what is no setting says nothing
    }
  }
  return found;
}

// [after how many updates, what, its value]: a setting that changes while the net trains, a point that is added, the
// update on one example alone, a number of a parameter that is another one, the return to the best parameters.
function isAct(act) {
  if (!Array.isArray(act) || !Number.isInteger(act[0]) || act[0] < 0) return false;
  const [, what, value] = act;
  if (what === "point") return isPoint(value);
  if (what === "weight") return isWritten(value);
  if (what === "row") return Number.isInteger(value) && value >= 0;
  return what === "best" || (LIVE.has(what) && isSetting(what, value));
}

// [which parameter, which of its numbers, the number].
function isWritten(value) {
  const places = Array.isArray(value) && value.length === 3 && value.slice(0, 2).every((one) => Number.isInteger(one) && one >= 0);
  return places && Number.isFinite(value[2]) && Math.abs(value[2]) <= LARGEST;
}

function isPoint(value) {
  return Array.isArray(value) && value.length === 3 && value.every((one) => Math.abs(one) <= Math.max(2, GIVEN.mostClasses));
}

function isSetting(name, value) {
  const option = OPTIONS.flatMap(([, options]) => options).find(([own]) => own === name)?.[2];
  if (option?.choice) return option.choice.includes(value);
  if (option?.only) return option.values.includes(value);
  if (option?.several) return Array.isArray(value) && value.length > 0 && value.every((one) => option.several.includes(one));
  if (name === "units") return Array.isArray(value) && value.length === 4 && value.every((n) => Number.isInteger(n) && n >= 1 && n <= 8);
  if (name === "added") return Array.isArray(value) && value.length <= 500 && value.every(isPoint);
  if (name === "seed") return Number.isSafeInteger(value) && value >= 0;
  return Object.hasOwn(DEFAULTS, name) && Number.isFinite(value) && value >= 0 && value <= LARGEST;
}
