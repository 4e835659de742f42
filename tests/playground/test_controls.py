"""No control is dead, and everything has its place: in each state of the page, at each width, light and dark."""

import pytest

import flowgraph as fg
from flowgraph.playground import playground
from tests.browser import answered, in_a_browser

pytestmark = in_a_browser

STATES = {
    "classes": ("#classes=3&depth=3", ""),
    "five classes of features": ('#classes=5&depth=4&data="xor"&features=["x1","x2","x1x1","x2x2","x1x2","sin1"]', ""),
    "gradients": ("#depth=2", "setView('gradients');"),
    "numbers": ('#data="ripples"&method="adam"&units=[4,5,8,8]', ""),
    "digits": ('#data="digits"&method="adam"&rate=0.01', ""),
    "digits without a hidden layer": ('#data="digits"&depth=0', ""),
    "no examples": ('#data="none"', ""),
    "Newton": ('#data="moons"&depth=1&units=[4,8,8,8]&method="newton"', ""),
    "a step explained": ("#depth=1", "openWalk(3); goWalk(1);"),
    "a step on an image": ('#data="digits"&depth=1', "openWalk(3); goWalk(1);"),
    "the program": ("#depth=1", "openProgram(true);"),
    "steps that were too long": ('#data="moons"&rate=3&momentum=0.99&depth=3&activation="relu"',
                                 "for (let i = 0; i < 400; i++) learner.update();"),
}  # fmt: skip
"""An address, and what is done then."""

PRESSED = ("five classes of features", "numbers", "digits", "no examples", "Newton", "a step explained", "the program")

MEET = """
const meet = (address, script) => {
  open(address);
  state.program = false;
  state.view = "values";
  present(false);
  for (let i = 0; i < 2 && learner.train.count; i++) learner.update();
  script();
  shown();
};
const visible = (one) => one.getClientRects().length > 0;
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return playground(tmp_path_factory.mktemp("page") / "a.html").read_text("utf-8")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The page of a graph and of points of the user."""
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N", 1))
    net = fg.MLP([2, 4, 1], output="linear", rng=0)
    graph = fg.Graph(fg.mean(fg.SquaredError(net(x), y)))
    points = [[0.1 * i, (-1) ** i] for i in range(20)], [0.5 * i for i in range(20)]
    return graph.playground(tmp_path_factory.mktemp("page") / "own.html", points).read_text("utf-8")


DEAD = """
  const state_of = () => JSON.stringify([
    document.body.innerHTML, settings, learner.updates, learner.address, $("speed").value, state.playing,
    document.documentElement.dataset.theme, learner.parameters.map((one) => Array.from(one.data)),
  ]);
  const usable = () => [...document.querySelectorAll("button, input")].filter((one) => !one.disabled && visible(one));
  const named = (one) => one.id || one.getAttribute("aria-label") || one.textContent;
  const dead = [];
  const again = () => { meet(ADDRESS, () => { SCRIPT }); press(false); };
  again();
  const count = usable().length;
  for (let i = 0; i < count; i++) {
    again();
    const one = usable()[i], before = state_of();
    if (one.getAttribute("aria-checked") === "true") continue;
    if (one.tagName === "INPUT") {
      one.value = Number(one.value) === Number(one.max) ? one.min : one.max;
      one.dispatchEvent(new Event("input", { bubbles: true }));
    } else one.click();
    // a clipboard answers when it likes
    for (let turn = 0; turn < 200 && state_of() === before; turn++) await new Promise((next) => setTimeout(next, 10));
    if (state_of() === before) dead.push(named(one));
  }
  return [dead, count];
"""


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", PRESSED)
def test_whatever_can_be_pressed_does_something(name, page):
    address, script = STATES[name]
    dead, count = answered(page, MEET + DEAD.replace("ADDRESS", f"`{address}`").replace("SCRIPT", script))
    assert dead == []
    assert count > 20


def test_whatever_can_be_pressed_does_something_for_a_graph_of_the_user(own):
    dead, count = answered(own, MEET + DEAD.replace("ADDRESS", "`#depth=1`").replace("SCRIPT", ""))
    assert dead == []
    assert count > 15


PLACES = """
  const wrong = [], said = (one) => one.id || one.className || one.textContent.slice(0, 30);
  const drawn = label;
  label = (c, text, x, y, fill, size, align = "center") => {
    drawn(c, text, x, y, fill, size, align);
    const wide = c.measureText(text).width, left = align === "left" ? x : align === "right" ? x - wide : x - wide / 2;
    const density = c.getTransform().a;
    if (left < -1 || left + wide > c.canvas.width / density + 1) wrong.push(`${c.canvas.id}: ${text} is cut off`);
    if (y - size / 2 < -2 || y > c.canvas.height / density) wrong.push(`${c.canvas.id}: ${text} is above or below`);
    if (/NaN|undefined|null|\\[object/.test(text)) wrong.push(`${c.canvas.id}: ${text}`);
  };
  meet(ADDRESS, () => { SCRIPT });
  draw();
  const screen = document.documentElement;
  if (screen.scrollWidth > innerWidth) wrong.push(`the page is ${screen.scrollWidth} wide`);
  const texts = document.querySelectorAll("button, legend, output, .option > span, h2 > span, .legend > span");
  for (const one of [...texts].filter((one) => visible(one) && getComputedStyle(one).display !== "inline")) {
    if (one.scrollWidth > one.clientWidth + 1) wrong.push(`${said(one)} is cut off`);
  }
  const tiles = [...document.querySelectorAll(".card, fieldset, header, .chips button")].filter(visible);
  const cards = tiles.map((one) => [one, one.getBoundingClientRect()]);
  for (const [one, a] of cards) {
    if (a.left < -1 || a.right > innerWidth + 1) wrong.push(`${said(one)} is outside`);
    for (const [other, b] of cards) {
      const aside = a.right <= b.left + 1 || b.right <= a.left + 1;
      const above = a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
      const within = one.contains(other) || other.contains(one);
      if (!aside && !above && !within) wrong.push(`${said(one)} over ${said(other)}`);
    }
  }
  const words = $("wordsCard").getBoundingClientRect();
  const whole = words.top >= 0 && words.bottom <= innerHeight && $("words").children.length > 0;
  return [[...new Set(wrong)], whole || $("wordsCard").hidden];
"""


@pytest.mark.sampled(one_in=12)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (800, 900), (1400, 800), (1920, 1080)], ids=str)
@pytest.mark.parametrize("name", STATES)
def test_nothing_is_cut_off_or_lies_over_something_else(name, size, dark, page):
    address, script = STATES[name]
    places = PLACES.replace("ADDRESS", f"`{address}`").replace("SCRIPT", script)
    wrong, in_sight = answered(page, MEET + places, size, dark=dark)
    assert wrong == []
    if size[0] >= 1400:
        assert in_sight, "what the gradients say is out of sight"
