"""Whatever somebody does with the playground, in any order: no error, and no number that is none."""

import pytest

from flowgraph.playground import playground
from tests.browser import answered, in_a_browser
from tests.seed import seed_of_tree

ACTIONS = 2000
"""In the pages of all parts together."""

PARTS = 8

SCRIPT = """
  let state = SEED >>> 0;
  const random = () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const any = (list) => list[Math.floor(random() * list.length)];
  const told = (element, ...events) => {
    for (const name of events) element.dispatchEvent(new Event(name, { bubbles: true }));
  };
  const pause = () => new Promise((resolve) => setTimeout(resolve));
  const acted = [], wrong = [], none = /.{0,40}(NaN|undefined|\\[object|null).{0,40}/;
  const drawn = label;
  label = (c, text, ...rest) => {
    if (none.test(text)) wrong.push(`${c.canvas.id}: ${text}`);
    drawn(c, text, ...rest);
  };
  const act = (element) => {
    if (element.tagName === "CANVAS") {
      const box = element.getBoundingClientRect();
      const at = { bubbles: true, clientX: box.x + random() * box.width, clientY: box.y + random() * box.height,
                   shiftKey: random() < 0.3, pointerId: 1, button: 0 };
      for (const name of ["pointermove", "pointerdown", "pointerup"]) element.dispatchEvent(new PointerEvent(name, at));
      element.dispatchEvent(new MouseEvent("click", at));
      return "";
    }
    if (element.tagName === "SELECT") {
      element.selectedIndex = Math.floor(random() * element.options.length);
      told(element, "input", "change");
      return element.value;
    }
    if (element.tagName === "INPUT") {
      if (element.type === "checkbox" || element.type === "radio") { element.click(); return element.checked; }
      const low = Number(element.min || 0), high = Number(element.max || 1);
      element.value = random() < 0.8 ? String(low + random() * (high - low)) : any(["", "0", "-1", "1e9", "x"]);
      told(element, "input", "change");
      return element.value;
    }
    if (random() < 0.1) {
      const key = any(["ArrowRight", "ArrowLeft", "ArrowUp", " ", "Enter", "r", "R", "g", "c", "e", "Escape", "Tab"]);
      element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, shiftKey: random() < 0.5 }));
      return key;
    }
    element.click();
    return "";
  };
  for (let i = 0; i < COUNT && !errors.length && !wrong.length; i++) {
    const there = [...document.querySelectorAll("button, select, input, canvas, summary, [role=radio]")];
    const usable = there.filter((one) => !one.disabled && one.getClientRects().length);
    const element = any(usable);
    const name = element.id || element.getAttribute("aria-label") || element.textContent.trim().slice(0, 20);
    acted.push(`${element.tagName.toLowerCase()} ${name} ${act(element)}`);
    if (i % 5 === 0) await pause();
    const labelled = [...document.querySelectorAll("[aria-label], [title]")];
    const labels = labelled.map((one) => `${one.ariaLabel ?? ""} ${one.title}`);
    const bad = [document.body.innerText, ...labels].map((text) => text.match(none)).find(Boolean);
    if (bad) wrong.push(bad[0]);
    if (learner.updates && !learner.train.count) wrong.push("updates without examples");
  }
  const loss = document.querySelectorAll("canvas").length;
  return { count: acted.length, last: acted.slice(-12), wrong, errors: errors.slice(), canvases: loss };
"""


@in_a_browser
@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_actions_end_in_no_error_and_show_numbers(part, tmp_path):
    page = playground(tmp_path / "a.html")
    script = SCRIPT.replace("SEED", str(seed_of_tree() % 2**30 + part)).replace("COUNT", str(ACTIONS // PARTS))
    done = answered(page.read_text("utf-8"), script, (1400, 900))
    assert done["wrong"] == [], done["last"]
    assert done["count"] == ACTIONS // PARTS
    assert done["canvases"] >= 5
