// The covers of one request as cards: they fill while they are painted, and none is ever replaced.

import { cancel, favourite, follow, picture } from "/web/api.js";

const $ = (id) => document.getElementById(id);
const blobs = new Map();

export function load(path) {
  if (!blobs.has(path)) {
    const loading = picture(path).then((blob) => URL.createObjectURL(blob));
    loading.catch(() => blobs.delete(path));
    blobs.set(path, loading);
  }
  return blobs.get(path);
}

export const named = (order) => `${order.artist}, ${order.album}`;
export const variation = ({ variation_strength: by }) => (by > 0 ? (by < 0.4 ? "Subtly varied" : "Strongly varied") : "");
const short = (seed) => (seed.length > 10 ? `${seed.slice(0, 4)}…${seed.slice(-4)}` : seed);

function toldOf(cover, place) {
  if (cover.status === "done") {
    return variation(cover.parameters) || `Seed ${short(cover.parameters.seed)}`;
  }
  if (cover.status === "failed") return cover.error?.message ?? "It could not be painted.";
  if (cover.status === "cancelled") return "Stopped";
  if (cover.status === "painting") return "Being painted";
  const ahead = place ?? cover.place;
  return ahead ? `${ahead} ahead in the queue` : ahead === 0 ? "Next in the queue" : "Waiting";
}

export class Request {
  constructor(state, act, { only = false } = {}) {
    this.act = act;
    this.marks = new Map(); // favourites made here: a state that was told before does not take them back
    this.cards = state.covers.map((cover) => this.make(cover, only));
    this.changed = () => {};
    this.show(state);
  }

  make(cover, only) {
    const card = $("card").content.firstElementChild.cloneNode(true);
    card.hidden = only && !cover.favourite;
    card.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      if (button) this.act(button.dataset.do, this, cover.number, button);
    });
    return card;
  }

  show(state) {
    this.state = state;
    for (const cover of state.covers) this.fill(this.cards[cover.number], cover);
    this.changed();
  }

  fill(card, cover) {
    const status = { queued: "coming", painting: "coming", failed: "failed", cancelled: "failed" }[cover.status] ?? "done";
    for (const each of ["coming", "failed", "done"]) card.classList.toggle(each, each === status);
    const told = card.querySelector(".told");
    told.textContent = toldOf(cover);
    told.title = cover.parameters ? `Seed ${cover.parameters.seed}` : "";
    const name = `cover ${cover.number + 1} of ${named(this.state.order)}`;
    card.querySelector("[data-do=favourite]").setAttribute("aria-pressed", String(this.marks.get(cover.number) ?? cover.favourite));
    const look = card.querySelector("[data-do=look]");
    look.setAttribute("aria-label", `Look closer at ${name}`);
    look.disabled = status !== "done";
    card.querySelector("progress").setAttribute("aria-label", `Painting ${name}`);
    card.setAttribute("aria-label", name);
    const image = card.querySelector("img");
    if (cover.image && image.dataset.path !== cover.image) {
      image.dataset.path = cover.image;
      load(cover.image).then((address) => { image.src = address; image.alt = name; }, (refusal) => { told.textContent = refusal.message; });
    }
  }

  async follow(say) {
    await follow(this.state.id, (kind, told) => {
      if (kind === "state" || kind === "end") this.show(told);
      const card = this.cards[told.number];
      if (kind === "queue") card.querySelector(".told").textContent = toldOf({ status: "queued" }, told.place);
      if (kind === "step") this.step(card, told);
      if (kind === "end") say(ending(told));
    });
  }

  step(card, { step, steps, preview }) {
    card.querySelector("progress").value = step / steps;
    card.querySelector(".told").textContent = `Step ${step} of ${steps}`;
    const image = card.querySelector("img");
    if (preview && !image.dataset.path) image.src = preview;
  }

  async stop() {
    if (!this.state.finished) this.show(await cancel(this.state.id));
  }

  async toggle(number, button) {
    const wanted = button.getAttribute("aria-pressed") !== "true";
    await favourite(this.state.id, number, wanted);
    this.marks.set(number, wanted);
    button.setAttribute("aria-pressed", String(wanted));
  }
}

function ending(state) {
  const done = state.covers.filter((cover) => cover.status === "done").length;
  if (state.status === "failed") return state.error?.message ?? "The covers could not be painted.";
  return `${done} ${done === 1 ? "cover" : "covers"} of ${named(state.order)} ${done === 1 ? "is" : "are"} done.`;
}

// The requests for one album that follow each other stand in one grid, the newest first.
export class Album {
  constructor(request) {
    this.key = Album.keyOf(request);
    this.requests = [];
    this.element = $("album").content.firstElementChild.cloneNode(true);
    const { artist, album } = request.state.order;
    this.element.querySelector("h3").textContent = album;
    this.element.querySelector(".artist").textContent = artist;
    this.stop = this.element.querySelector("[data-do=stop]");
    this.problem = this.element.querySelector(".problem");
    this.stop.addEventListener("click", () => this.requests.forEach((each) => each.stop().catch(each.complain)));
  }

  date(created) {
    const time = this.element.querySelector("time");
    time.dateTime = created;
    time.textContent = new Date(created).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }

  static keyOf({ state }) {
    return `${state.order.artist}\n${state.order.album}`;
  }

  add(request, where) {
    this.requests.push(request);
    request.complain = (told) => { this.problem.textContent = told.message ?? told; };
    if (where === "prepend" || this.requests.length === 1) this.date(request.state.created);
    request.changed = () => { this.stop.hidden = this.requests.every((each) => each.state.finished); };
    request.changed();
    this.element.querySelector(".grid")[where](...request.cards);
  }
}
