"""Numbers of the network that somebody changes by hand, layers that are linear, and the page as it is presented."""

import pytest

from flowgraph.playground import playground
from tests.browser import answered, in_a_browser

TYPE = """
  const type = (place, text) => {
    const input = document.querySelectorAll("#weights input")[place];
    input.value = text;
    input.dispatchEvent(new Event("change"));
    return input.value;
  };
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return playground(tmp_path_factory.mktemp("page") / "a.html").read_text("utf-8")


@in_a_browser
@pytest.mark.parametrize("updates", [0, 7])
def test_a_weight_that_is_typed_is_the_networks_and_its_address_repeats_it(page, updates):
    script = f"""{TYPE}
      for (let i = 0; i < {updates}; i++) learner.update();
      choose([2, 1]);
      const fields = [...document.querySelectorAll("#weights label span")].map((one) => one.textContent);
      const before = learner.parameters[2].data[1];
      type(0, "3");
      type(8, "-0.5");
      for (let i = 0; i < 5; i++) learner.update();
      const kept = learner.parameters.map((one) => [...one.data]), address = learner.address;
      open("#" + address);
      while (!replay.over) replay.work(50);
      const again = learner.parameters.map((one) => [...one.data]);
      return {{ fields, before, acts: learner.acts, equal: JSON.stringify(kept) === JSON.stringify(again), address }};
    """
    found = answered(page, script, (1400, 900))
    assert found["fields"] == [*(f"h¹ of unit {i}" for i in range(1, 9)), "bias"]
    assert found["acts"] == [[updates, "weight", [2, 1, 3]], [updates, "weight", [3, 1, -0.5]]]
    assert found["equal"]


@in_a_browser
def test_what_is_no_number_changes_nothing_and_the_loss_is_that_of_the_new_number(page):
    script = f"""{TYPE}
      choose([1, 0]);
      const [before, count] = [learner.parameters[0].data[0], learner.history.length];
      const shown = ["", "1e9", "-5000"].map((text) => type(0, text));
      const kept = learner.parameters[0].data[0] === before && learner.acts.length === 0;
      type(0, "2");
      const told = learner.history.at(-1).train.loss, is = learner.measure(learner.train).loss;
      return {{ shown, before, kept, told, is, count, now: learner.history.length }};
    """
    found = answered(page, script, (1400, 900))
    assert found["kept"]
    assert [float(text) for text in found["shown"]] == pytest.approx([found["before"]] * 3, rel=1e-3)
    assert found["told"] == found["is"]
    assert found["now"] == found["count"]


@in_a_browser
def test_linear_layers_are_one_matrix_in_the_page_too(page):
    """The scores are a linear function of the point: at the middle of two points they are the mean."""
    script = """
      lesson("linear layers");
      play(false);
      for (let i = 0; i < 20; i++) learner.update();
      const at = (u, v) => learner.values({ y: [0], z: new Float64Array([u, v]), count: 1 }).a4.data[0];
      const told = sentences(learner, learner.look(learner.train));
      return { ends: [at(-1, 0.5), at(1, -0.25)], middle: at(0, 0.125), told, depth: learner.model.columns.length };
    """
    found = answered(page, script, (1400, 900))
    assert found["depth"] == 4
    assert found["middle"] == pytest.approx(sum(found["ends"]) / 2, rel=1e-9, abs=1e-12)
    assert found["told"][0].startswith("The 4 layers are linear: together they are one matrix")


@in_a_browser
@pytest.mark.parametrize("wide", [800, 1400, 1920])
def test_what_is_presented_is_the_network_and_the_plane_and_fits_the_window(page, wide):
    script = """
      $("present").click();
      await new Promise((done) => setTimeout(done, 100));
      const shown = ["net", "plane", "play"].filter((id) => $(id).getClientRects().length);
      const gone = ["controls", "wordsCard", "curvesCard", "explain"].filter((id) => !$(id).getClientRects().length);
      const plane = $("plane").getBoundingClientRect();
      document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
      const back = $("controls").getClientRects().length;
      return { shown, gone, bottom: plane.bottom, wide: document.documentElement.scrollWidth, back };
    """
    found = answered(page, script, (wide, 900))
    assert found["shown"] == ["net", "plane", "play"]
    assert found["gone"] == ["controls", "wordsCard", "curvesCard", "explain"]
    assert found["bottom"] <= 900
    assert found["wide"] <= wide
    assert found["back"] == 1


@in_a_browser
def test_panels_are_headings_and_the_page_is_no_higher_than_what_it_shows(page):
    script = """
      const headings = [...document.querySelectorAll("#controls legend h2")].map((one) => one.textContent);
      const every = [...document.querySelectorAll(".middle > .card, .right > .card")];
      const cards = every.filter((one) => one.getClientRects().length);
      return { headings, high: document.documentElement.scrollHeight,
               cards: Math.max(...cards.map((one) => one.getBoundingClientRect().bottom + scrollY)) };
    """
    found = answered(page, script, (1400, 900))
    assert found["headings"] == ["Try", "Data", "Network", "Training", "Regularisation"]
    assert found["high"] <= max(900, found["cards"] + 24)
