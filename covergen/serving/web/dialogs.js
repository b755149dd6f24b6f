// What opens above the page: two covers compared, one looked at, and the question for a key.

import { useKey } from "/web/api.js";
import { load, named, variation } from "/web/cards.js";

const $ = (id) => document.getElementById(id);

function rows(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: name }),
    Object.assign(document.createElement("dd"), { textContent: value }),
  ]));
}

// Two covers: one over the other with a line to draw between them, or side by side.
export class Comparison {
  constructor() {
    this.chosen = [];
    $("cut").addEventListener("input", () => this.cut());
    $("stage").addEventListener("pointerdown", (event) => { if (this.wipes()) this.drag(event); });
    $("stage").addEventListener("pointermove", (event) => { if (this.wipes() && event.buttons) this.drag(event); });
    for (const radio of document.getElementsByName("way")) radio.addEventListener("change", () => this.arrange());
    $("compare").addEventListener("close", () => this.clear());
    $("choosing-end").addEventListener("click", () => this.clear());
  }

  async add(request, number, button) {
    const before = this.chosen.findIndex((each) => each.button === button);
    if (before >= 0) {
      this.clear();
      return "Nothing is compared.";
    }
    button.setAttribute("aria-pressed", "true");
    this.chosen.push({ request, cover: request.state.covers[number], button });
    $("choosing").hidden = this.chosen.length !== 1;
    if (this.chosen.length < 2) return "Choose another cover to compare it with.";
    const [one, other] = this.chosen.map((each) => named(each.request.state.order));
    $("compare-title").textContent = one === other ? `Compare: ${one}` : "Compare";
    await Promise.all(["left", "right"].map((side, k) => this.put(side, this.chosen[k])));
    $("cut").value = 50;
    this.arrange();
    $("compare").showModal();
    return "";
  }

  async put(side, { request, cover }) {
    $(side).src = await load(cover.image);
    $(side).alt = `Cover ${cover.number + 1} of ${named(request.state.order)}`;
    const { seed, audio_scale: scale } = cover.parameters;
    const album = $("compare-title").textContent === "Compare" ? `${named(request.state.order)}: ` : "";
    const facts = [`Seed ${seed}`, variation(cover.parameters).toLowerCase(), scale === 1 ? "" : `sound’s weight ${scale}`].filter(Boolean);
    $(`${side}-told`).textContent = album + facts.join(", ");
  }

  wipes() {
    return document.querySelector("[name=way]:checked").value === "wipe";
  }

  arrange() {
    $("stage").classList.toggle("beside", !this.wipes());
    $("cut").closest("label").hidden = !this.wipes();
    this.cut();
  }

  drag(event) {
    const box = $("stage").getBoundingClientRect();
    $("cut").value = (100 * (event.clientX - box.left)) / box.width;
    this.cut();
  }

  cut() {
    $("right").style.clipPath = this.wipes() ? `inset(0 0 0 ${$("cut").value}%)` : "";
    $("line").style.left = `${$("cut").value}%`;
  }

  clear() {
    for (const { button } of this.chosen) button.setAttribute("aria-pressed", "false");
    this.chosen = [];
    $("choosing").hidden = true;
  }
}

export async function look(request, number) {
  const cover = request.state.covers[number];
  const told = cover.parameters;
  $("close-up").src = await load(cover.image);
  $("close-up").alt = `Cover ${number + 1} of ${named(request.state.order)}`;
  $("look-title").textContent = named(request.state.order);
  rows($("look-facts"), [
    ["Prompt", told.prompt], ["Seed", told.seed],
    ["Variation", told.variation_strength > 0 ? `${told.variation_strength} towards ${told.variation_seed}` : "none"],
    ["Sound", told.audio_sha256 ? `weight ${told.audio_scale}, guidance ${told.audio_guidance_scale ?? "as the words’"}` : "none"],
    ["Words’ guidance", told.guidance_scale], ["Steps", `${told.steps}, ${told.noise_scheduler}`],
    ["Size", `${told.width} × ${told.height}`],
  ]);
  $("look").showModal();
}

// Asks for a key; true where one was given.
export function keyDialog(refused) {
  const dialog = $("key-dialog");
  $("key-problem").textContent = refused === true ? "The service does not know this key. Look for a slip, or ask for another." : "";
  dialog.returnValue = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((answered) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" ? $("key").value.trim() : "";
      if (given) useKey(given, $("key-keep").checked);
      answered(Boolean(given));
    }, { once: true });
  });
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  $("key-dialog").close("given");
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
