// Covers as cards, a grid for each request: they fill while they are painted, and nothing is ever replaced.

import { cancel, favourite, follow, picture } from "/web/api.js";

const $ = (id) => document.getElementById(id);
const blobs = new Map();

export async function load(path) {
  if (!blobs.has(path)) blobs.set(path, URL.createObjectURL(await picture(path)));
  return blobs.get(path);
}

function named(order) {
  return `${order.artist}, ${order.album}`;
}

function toldOf(cover, place) {
  if (cover.status === "done") {
    const { seed, variation_strength: strength } = cover.parameters;
    const varied = strength > 0 ? `, varied by ${strength}` : "";
    return `Seed ${seed.length > 9 ? "…" : ""}${seed.slice(-8)}${varied}`;
  }
  if (cover.status === "failed") return cover.error?.message ?? "It could not be painted.";
  if (cover.status === "cancelled") return "Given up.";
  const ahead = place ?? cover.place;
  if (cover.status === "painting") return "Being painted";
  return ahead ? `${ahead} ahead of it` : ahead === 0 ? "Next" : "Waits";
}

export class Request {
  constructor(state, act) {
    this.act = act;
    this.element = document.createElement("section");
    this.element.className = "request";
    const bar = Object.assign(document.createElement("div"), { className: "bar" });
    const title = Object.assign(document.createElement("h3"), { textContent: named(state.order) });
    this.stop = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "Stop" });
    this.stop.addEventListener("click", () => this.cancel());
    this.time = Object.assign(document.createElement("time"), { className: "figure", dateTime: state.created });
    this.time.textContent = new Date(state.created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    bar.append(title, this.time, this.stop);
    this.grid = Object.assign(document.createElement("div"), { className: "grid" });
    this.problem = Object.assign(document.createElement("p"), { className: "problem", role: "alert" });
    this.element.append(bar, this.problem, this.grid);
    this.cards = state.covers.map((cover) => this.make(cover));
    this.show(state);
  }

  async cancel() {
    try {
      this.show(await cancel(this.state.id));
    } catch (refusal) {
      this.problem.textContent = refusal.message;
    }
  }

  make(cover) {
    const card = $("card").content.firstElementChild.cloneNode(true);
    card.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      if (button) this.act(button.dataset.do, this, cover.number, button);
    });
    this.grid.append(card);
    return card;
  }

  show(state) {
    this.state = state;
    this.stop.hidden = Boolean(state.finished);
    for (const cover of state.covers) this.fill(this.cards[cover.number], cover);
  }

  fill(card, cover) {
    const coming = cover.status === "queued" || cover.status === "painting";
    card.classList.toggle("coming", coming);
    card.classList.toggle("failed", cover.status === "failed" || cover.status === "cancelled");
    card.querySelector(".told").textContent = toldOf(cover);
    card.querySelector(".told").title = cover.parameters ? `Seed ${cover.parameters.seed}` : "";
    card.querySelector("[data-do=favourite]").setAttribute("aria-pressed", String(cover.favourite));
    card.querySelector("progress").setAttribute("aria-label", `Cover ${cover.number + 1} is being painted`);
    const image = card.querySelector("img");
    image.alt = cover.status === "done" ? `Cover ${cover.number + 1} of ${named(this.state.order)}` : "";
    if (cover.image && image.dataset.path !== cover.image) {
      image.dataset.path = cover.image;
      load(cover.image).then((address) => { image.src = address; }, () => {});
    }
  }

  follow(say) {
    return follow(this.state.id, (kind, told) => {
      if (kind === "state" || kind === "end") this.show(told);
      const card = this.cards[told.number];
      if (kind === "queue") card.querySelector(".told").textContent = toldOf({ status: "queued" }, told.place);
      if (kind === "step") {
        card.querySelector("progress").value = told.step / told.steps;
        card.querySelector(".told").textContent = `Step ${told.step} of ${told.steps}`;
        if (told.preview && !card.querySelector("img").dataset.path) card.querySelector("img").src = told.preview;
      }
      if (kind === "end") say(ending(told));
    });
  }

  async toggle(number, button) {
    const wanted = button.getAttribute("aria-pressed") !== "true";
    await favourite(this.state.id, number, wanted);
    this.state.covers[number].favourite = wanted;
    button.setAttribute("aria-pressed", String(wanted));
  }
}

function ending(state) {
  const done = state.covers.filter((cover) => cover.status === "done").length;
  if (state.status === "failed") return state.error?.message ?? "The covers could not be painted.";
  return `${done} ${done === 1 ? "cover" : "covers"} of ${named(state.order)} ${done === 1 ? "is" : "are"} done.`;
}

// Two covers, one over the other, with a slider between them.
export class Comparison {
  constructor() {
    this.chosen = [];
    this.dialog = $("compare");
    $("cut").addEventListener("input", () => this.cut());
    this.dialog.addEventListener("close", () => this.clear());
  }

  async add(request, number, button) {
    if (this.chosen.some((each) => each.button === button)) {
      this.clear();
      return "No cover is chosen to compare.";
    }
    button.setAttribute("aria-pressed", "true");
    this.chosen.push({ cover: request.state.covers[number], button });
    if (this.chosen.length < 2) return "Choose another cover to compare it with.";
    for (const [k, side] of ["left", "right"].entries()) {
      const { cover } = this.chosen[k];
      $(side).src = await load(cover.image);
      $(side).alt = `Cover with seed ${cover.parameters.seed}`;
      $(`${side}-told`).textContent = toldOf(cover);
    }
    this.cut();
    this.dialog.showModal();
    return "";
  }

  cut() {
    $("right").style.clipPath = `inset(0 0 0 ${$("cut").value}%)`;
  }

  clear() {
    for (const { button } of this.chosen) button.setAttribute("aria-pressed", "false");
    this.chosen = [];
  }
}
