"""The page writes numbers as pictures do: in what it draws, in what it says, and in the names of its parts."""

import pytest

from flowgraph.playground import playground
from tests.browser import answered, in_a_browser
from tests.rendering.test_notation import OTHERWISE

READ = """
    const texts = new Set(), drawText = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
      texts.add(String(text));
      return drawText.call(this, text, ...rest);
    };
    const read = () => {
      draw();
      for (const element of document.querySelectorAll("body *")) {
        if (element.matches("script, style, #code, math, math *")) continue;
        for (const name of ["aria-label", "aria-valuetext", "title"]) texts.add(element.getAttribute(name) ?? "");
        for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.add(node.textContent.trim());
      }
    };
"""
"""`read` adds what stands on the page; what is drawn on a canvas is added when it is drawn."""

TASKS = {
    "slow": 'rate=1e-7&l1=0.0001&l2=1e-7&method="sgd"',
    "numbers": 'data="ripples"&rate=0.01&added=[[0.5,-0.5,-1],[0.25,0.25,-0.001]]',
    "momentum": 'method="momentum"&momentum=0.99&rate=1e-9',
    "deep sigmoids": 'depth=4&activation="sigmoid"&units=[2,2,2,2]',
    "digits": 'data="digits"&rate=0.00001',
    "Newton": 'data="moons"&depth=1&units=[2,8,8,8]&method="newton"',
}


@in_a_browser
@pytest.mark.parametrize("task", TASKS)
def test_the_page_has_one_notation(task, tmp_path):
    """At the beginning, in training, where a weight is large and where it is tiny, and in each step of an example."""
    script = f"""{READ}
      read();
      for (let i = 0; i < 30; i++) learner.update();
      for (const view of ["values", "gradients"]) {{ setView(view); read(); }}
      for (const value of [-123.4, -1e-9]) {{
        learner.act("weight", [0, 0, value]);
        lookAt([1, 0]);
        read();
        learner.act("weight", [learner.parameters.length - 1, 0, value]);
        read();
      }}
      openWalk();
      for (const step of state.walk.steps) {{ goWalk(1); read(); }}
      return [...texts].filter(Boolean);
    """
    found = answered(playground(tmp_path / "a.html").read_text("utf-8"), script, (1400, 900), f"#{TASKS[task]}")
    assert [text for text in found if OTHERWISE.search(text)] == []
    assert sum("−" in text for text in found) > 5
    assert any("e−" in text for text in found) or task in ("numbers", "Newton")


@in_a_browser
def test_what_a_field_of_a_number_takes_is_what_it_reads(tmp_path):
    """A field reads no other minus sign and no other exponent than those of JavaScript."""
    script = """
      choose([1, 0]);
      const fields = [...document.querySelectorAll("#weights input")], found = [];
      for (const value of [-0.5, -1e-9, 3e-7, 12.25]) {
        learner.act("weight", [0, 0, value]);
        followWeights(learner, state.chosen);
        found.push([value, fields[0].valueAsNumber]);
      }
      return found;
    """
    for value, read in answered(playground(tmp_path / "a.html").read_text("utf-8"), script, (1400, 900)):
        assert read == pytest.approx(value, rel=1e-3)
