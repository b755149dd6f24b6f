// The page: a form that orders covers, and what comes of it.

import { history, listenAgain, onKeyNeeded, order, useKey } from "/web/api.js";
import { Comparison, Request, load } from "/web/cards.js";
import { settingsIn } from "/web/png.js";
import { clock, hear, hush, offer, prepare, sound, wordsOf } from "/web/sound.js";

const $ = (id) => document.getElementById(id);
const form = $("order");
const field = (name) => form.elements[name];
const say = (words) => { $("status").textContent = words; };
const SUBTLY = 0.25;
const STRONGLY = 0.6;
let suggested = "";
let older = null;
let favouritesOnly = false;
let listened = 0;
let recalled = null;

function chance() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return String((BigInt(high) << 32n) | BigInt(low));
}

function tags() {
  return field("tags").value.split(",").map((tag) => tag.trim()).filter(Boolean);
}

function wanted() {
  const number = (name) => (field(name).value === "" ? undefined : Number(field(name).value));
  if (!field("locked").checked || !field("seed").value) field("seed").value = chance();
  const prompt = field("prompt").value.trim();
  return {
    artist: field("artist").value.trim(),
    album: field("album").value.trim(),
    genre: field("genre").value.trim() || undefined,
    tags: tags(),
    prompt: prompt && prompt !== suggested ? prompt : undefined,
    song: sound.song ?? undefined,
    n: Number(field("n").value),
    seed: field("seed").value,
    steps: number("steps"),
    guidance_scale: number("guidance_scale"),
    audio_guidance_scale: number("audio_guidance_scale"),
    audio_scale: number("audio_scale"),
    size: number("size"),
    ...(field("seed").value === recalled?.seed && unseen()),
  };
}

// What a recalled cover was painted with, and the form has no field for.
function unseen() {
  const { year, variation_seed, variation_strength, noise_shift, noise_scheduler } = recalled;
  const track = sound.song ? null : recalled.track;
  const kept = { year, variation_seed, variation_strength, noise_shift, noise_scheduler, track };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== null && value !== undefined));
}

async function paint(asked, problem = $("order-problem")) {
  problem.textContent = "";
  try {
    const state = await order(asked, (words) => { problem.textContent = words; });
    const request = add(state, "prepend");
    request.element.scrollIntoView({ block: "nearest" });
    say(`${state.covers.length === 1 ? "A cover is" : `${state.covers.length} covers are`} being painted.`);
    await request.follow(say);
  } catch (refusal) {
    problem.textContent = refusal.message;
  }
}

function add(state, where) {
  $("empty").hidden = true;
  const request = new Request(state, act);
  $("requests")[where](request.element);
  return request;
}

const comparison = new Comparison();

async function act(what, request, number, button) {
  const cover = request.state.covers[number];
  request.problem.textContent = "";
  try {
    if (what === "favourite") await request.toggle(number, button);
    else if (what === "compare") say(await comparison.add(request, number, button));
    else if (what === "download") await save(request, cover);
    else if (what === "recall") recall(cover.parameters, request.state);
    else await paint({ ...once(request, cover), ...(what === "again" ? { seed: chance() } : varied(what)) },
      request.problem);
  } catch (refusal) {
    request.problem.textContent = refusal.message;
  }
}

// The order that paints one cover again, as its request was.
function once(request, cover) {
  const { seed } = cover.parameters;
  const same = { variation_seed: null, variation_strength: 0, first_variant: 0 };
  return { ...request.state.order, ...same, song: request.state.song, track: request.state.track, n: 1, seed };
}

const varied = (how) => ({ variation_seed: chance(), variation_strength: how === "subtly" ? SUBTLY : STRONGLY });

async function save(request, cover) {
  const { artist, album } = request.state.order;
  const link = document.createElement("a");
  link.href = await load(cover.image);
  link.download = `${artist} - ${album} - ${cover.parameters.seed}.${cover.parameters.format}`;
  link.click();
}

function recall(settings, state) {
  const end = settings.tags?.length ? ` ${settings.tags.join(", ")}.` : "";
  const prompt = end && settings.prompt.endsWith(end) ? settings.prompt.slice(0, -end.length) : settings.prompt;
  const told = { ...settings, prompt, tags: (settings.tags ?? []).join(", ") };
  for (const name of ["artist", "album", "genre", "tags", "prompt", "seed", "steps", "guidance_scale",
    "audio_guidance_scale", "audio_scale", "size"]) field(name).value = told[name] ?? "";
  field("locked").checked = true;
  field("n").value = "1";
  suggested = "";
  $("heard").hidden = false;
  recalled = { ...settings, track: state?.track };
  hush(state ? state.song : settings.audio_sha256 ?? null);
  say("The settings of this cover stand in the form.");
  field("artist").focus();
}

async function take(files) {
  $("sound-problem").textContent = "";
  const chosen = [...files];
  const image = chosen.find((file) => file.type.startsWith("image/"));
  if (image) {
    const settings = await settingsIn(image).catch(() => null);
    if (settings) recall(settings);
    else $("sound-problem").textContent = `${image.name} carries no settings of covergen.`;
    return;
  }
  if (chosen.length) await offer(chosen, pick);
}

async function pick(file) {
  const mine = (listened += 1);
  const words = wordsOf(file.name);
  for (const name of ["artist", "album"]) if (!field(name).value && words[name]) field(name).value = words[name];
  $("sound-problem").textContent = "";
  say(`Listening to ${file.name}.`);
  $("drop").setAttribute("aria-busy", "true");
  try {
    const asked = { artist: field("artist").value || "?", album: field("album").value || "?", genre: field("genre").value };
    const told = await hear(file, asked);
    if (mine === listened) tell(told);
  } catch (refusal) {
    hush(null);
    $("sound-problem").textContent = refusal.message;
  } finally {
    $("drop").removeAttribute("aria-busy");
  }
}

function tell(told) {
  $("heard").hidden = false;
  const facts = {
    Tempo: told.tempo && `${Math.round(told.tempo)} bpm`,
    Key: told.key && `${told.key} ${told.mode ?? ""}`,
    Length: told.song_seconds && clock(told.song_seconds),
    Loudness: `${Math.round(told.loudness)} dB`,
  };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value).map(([name, value]) => {
    const pair = document.createElement("div");
    pair.append(Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }));
    return pair;
  }));
  const moods = (told.moods ?? []).map(({ word }) => chip(word, () => toggleTag(word), () => tags().includes(word)));
  const genres = (told.genres ?? []).map(({ word }) =>
    chip(word, () => { field("genre").value = word; }, () => field("genre").value === word));
  $("chips").replaceChildren(...moods, ...genres);
  suggested = told.prompt;
  field("prompt").value = told.prompt;
  say("This is what we heard.");
}

// The prompt is made of the words: where nobody wrote another, it follows them.
async function refresh() {
  if (!sound.song || !suggested || field("prompt").value !== suggested) return;
  const words = { artist: field("artist").value || "?", album: field("album").value || "?", tags: tags() };
  const told = await listenAgain(sound.song, { ...words, genre: field("genre").value || "unknown" }).catch(() => null);
  if (told && field("prompt").value === suggested) field("prompt").value = suggested = told.prompt;
}

function chip(word, use, isUsed) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: word });
  button.show = () => button.setAttribute("aria-pressed", String(isUsed()));
  button.addEventListener("click", () => { use(); showChips(); refresh(); });
  button.show();
  return button;
}

function showChips() {
  for (const button of $("chips").children) button.show();
}

function toggleTag(word) {
  const now = tags();
  field("tags").value = (now.includes(word) ? now.filter((tag) => tag !== word) : [...now, word]).join(", ");
}

async function show({ more = false } = {}) {
  const query = { limit: 12, ...(favouritesOnly && { favourites: 1 }), ...(more && older && { before: older }) };
  const told = await history(query).catch((refusal) => {
    $("order-problem").textContent = refusal.message;
    return { covers: [], next: null };
  });
  if (!more) $("requests").replaceChildren();
  $("empty").hidden = more || told.covers.length > 0;
  $("empty").textContent = favouritesOnly ? "No cover is a favourite yet." : "Nothing is painted yet. Drop a song, name the album, and paint.";
  for (const state of told.covers) {
    const request = add(state, "append");
    if (!state.finished) request.follow(say).catch(() => {});
  }
  older = told.next;
  $("older").hidden = !older;
}

function filter(only) {
  favouritesOnly = only;
  $("show-all").setAttribute("aria-pressed", String(!only));
  $("show-favourites").setAttribute("aria-pressed", String(only));
  return show();
}

function keyDialog() {
  const dialog = $("key-dialog");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answered) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "given" && $("key").value;
      if (given) useKey(given, $("key-keep").checked);
      answered(Boolean(given));
    }, { once: true });
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  paint(wanted());
});
for (const name of ["artist", "album", "genre", "tags"]) field(name).addEventListener("change", () => { showChips(); refresh(); });
field("seed").addEventListener("input", () => { field("locked").checked = field("seed").value !== ""; });
$("files").addEventListener("change", (event) => take(event.target.files));
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  $("key-dialog").close("given");
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
$("show-all").addEventListener("click", () => filter(false));
$("show-favourites").addEventListener("click", () => filter(true));
$("older").addEventListener("click", () => show({ more: true }));
$("key-open").addEventListener("click", async () => { if (await keyDialog()) show(); });
onKeyNeeded(keyDialog);
prepare();
show();
