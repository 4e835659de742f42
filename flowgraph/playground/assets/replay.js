// Repeats the updates of an address, a few milliseconds in each frame, until it has all of them or is stopped.

const PART = 30; // milliseconds of a frame, which leaves some for what the user does

class Replay {
  constructor(learner, updates, acts, shown) {
    Object.assign(this, { learner, updates, shown, acts: acts.filter(([at]) => at <= updates), over: false });
    this.work(3 * PART);
    if (!this.over) requestAnimationFrame(() => this.frame());
    shown(this);
  }

  // The acts that are due, each before the update that follows it; an update on one example is an act and an update.
  next() {
    const { learner, acts, updates } = this;
    if (acts.length && acts[0][0] <= learner.updates) {
      const act = acts[0];
      if (act[1] === "row" && learner.updates >= updates) return false;
      acts.shift();
      learner.act(act[1], act[2]);
      return true;
    }
    if (learner.updates >= updates || !learner.train.count) return false;
    learner.advance();
    return true;
  }

  work(time) {
    const end = performance.now() + time;
    while (!this.over && performance.now() < end) this.over = !this.next();
  }

  frame() {
    if (this.over) return;
    this.work(PART);
    this.shown(this);
    if (!this.over) requestAnimationFrame(() => this.frame());
  }

  // What has been repeated by now is kept.
  stop() {
    if (this.over) return;
    this.over = true;
    this.shown(this);
  }
}

function showReplay({ learner, updates, over }) {
  const bar = document.getElementById("replay"), said = (number) => number.toLocaleString("en");
  bar.hidden = over;
  if (over) return;
  bar.querySelector("progress").max = updates;
  bar.querySelector("progress").value = learner.updates;
  bar.querySelector("span").textContent = `repeating ${said(updates)} updates of the address: ${said(learner.updates)}`;
}
