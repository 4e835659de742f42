"""The address repeats what was done on the page, to the same bits, in the background, until somebody stops it."""

import pytest

from flowgraph.playground import playground
from tests.browser import answered, in_a_browser

pytestmark = in_a_browser

STATE = """
const state_of = (one) => ({
  parameters: one.parameters.map((part) => Array.from(part.data)),
  memory: one.memory.map((part) => Object.entries(part).map(([name, { data }]) => [name, Array.from(data)])),
  order: one.order, updates: one.updates, passes: one.passes, settings: one.settings, damping: one.damping,
  points: Array.from(one.train.x), epochs: one.history.map((point) => point.epoch), address: one.address,
});
const done = async () => { while (!replay.over) await new Promise((next) => setTimeout(next, 5)); };
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return playground(tmp_path_factory.mktemp("page") / "a.html").read_text("utf-8")


def told(page, script, address=""):
    return answered(page, STATE + script, (1400, 900), address)


DONE = {
    "updates alone": "for (let i = 0; i < 137; i++) $('step').click();",
    "settings that change on the way": """
        change("momentum", 0.5);
        for (let i = 0; i < 33; i++) learner.update();
        change("rate", 0.1); change("rate", 0.3); change("l2", 0.01);
        for (let i = 0; i < 12; i++) learner.update();
        change("batch", 50); $("epoch").click(); change("schedule", "power");
        for (let i = 0; i < 7; i++) learner.update();
    """,
    "points and a step on one example": """
        addPoint([0.123456, -0.3], 1);
        for (let i = 0; i < 25; i++) learner.update();
        addPoint([0.9, 0.9], 0); addPoint([-0.9, 0.4], 1);
        for (let i = 0; i < 40; i++) learner.update();
        openWalk(3); takeStep(); takeStep(); closeWalk();
        for (let i = 0; i < 5; i++) learner.update();
    """,
    "Newton on the way, the best epoch, another beginning": """
        for (let i = 0; i < 21; i++) learner.update();
        change("method", "newton");
        for (let i = 0; i < 4; i++) learner.update();
        learner.act("best");
        change("method", "adam");
        for (let i = 0; i < 9; i++) learner.update();
        $("reset").click();
        for (let i = 0; i < 30; i++) learner.update();
        change("method", "newton");
        for (let i = 0; i < 3; i++) learner.update();
        learner.act("best");
    """,
    "Newton's steps that something else meets in their middle": """
        const part = () => { for (let i = 0; i < 9; i++) learner.advance(); };
        change("method", "newton");
        part(); change("l2", 0.01);
        part(); addPoint([0.2, -0.7], 1);
        part(); openWalk(3); takeStep(); closeWalk();
        part(); $("step").click();
        part(); play(true); play(false);
        part(); change("method", "momentum");
        for (let i = 0; i < 5; i++) learner.update();
    """,
}


@pytest.mark.parametrize("done", DONE.values(), ids=DONE)
def test_opening_the_address_gives_the_same_bits(done, page):
    begin = '#data="xor"&seed=7&depth=1&units=[4,8,8,8]&examples=60'
    first = told(page, f"await done(); {done} return state_of(learner);", begin)
    assert first["updates"] > 0
    again = told(page, "await done(); return state_of(learner);", f"#{first['address']}")
    assert again == first


def test_a_long_replay_shows_how_far_it_is_and_stops_where_it_is_told(page):
    script = """
        const shown = [!$("replay").hidden, $("replay").innerText, $("replay").querySelector("progress").max];
        const before = learner.updates;
        await new Promise((next) => setTimeout(next, 100));
        const on = learner.updates;
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
        const kept = [learner.updates, $("replay").hidden, location.hash];
        await new Promise((next) => setTimeout(next, 100));
        return [shown, before < on, kept, learner.updates];
    """
    (visible, words, most), on, (updates, hidden, address), later = told(page, script, "#at=400000&seed=3")
    assert visible
    assert "400,000 updates" in words
    assert most == 400_000
    assert on
    assert hidden
    assert later == updates < 400_000
    assert f"at={updates}" in address


@pytest.mark.parametrize("act", ["play(true); play(false);", "$('step').click();", "change('rate', 0.1);",
                                 "addPoint([0, 0], 1);", "$('reset').click();", "lesson('Newton'); play(false);",
                                 "openWalk();"])  # fmt: skip
def test_whatever_one_does_ends_the_replay(act, page):
    script = f"{act} const at = learner.updates; await new Promise((next) => setTimeout(next, 60));"
    over, at, later = told(page, f"{script} return [replay.over, at, learner.updates];", "#at=400000")
    assert over
    assert later == at


@pytest.mark.parametrize(
    "address",
    ['acts=[[0,"rate",-1],[2,"point",[9,9,9]],[1,"seed",3],[1,"__proto__",1],[1,"best",4],[3,"row",1e9],"x",[-1,"best"]]',
     "acts=7&at=1e12", "at=-3", 'at=20&acts=[[9,"row",2],[3,"rate",0.1]]', 'at=10&data="none"&acts=[[0,"row",0]]'],
)  # fmt: skip
def test_an_address_of_anything_does_no_harm(address, page):
    rate, finite = told(
        page,
        "await done(); learner.update(); return [learner.settings.rate, learner.parameters[0].data.every(isFinite)];",
        f"#{address}",
    )
    assert rate in (0.03, 0.1)
    assert finite


def test_the_best_epoch_is_that_of_the_least_validation_loss(page):
    script = """
        for (let i = 0; i < 300; i++) learner.update();
        const losses = learner.history.map((point) => point.held.loss), now = learner.measure(learner.held).loss;
        learner.act("best");
        return [Math.min(...losses), learner.measure(learner.held).loss, now];
    """
    best, kept, before = told(page, script, '#data="moons"&noise=0.6&examples=40&rate=0.3')
    assert kept == best < before
