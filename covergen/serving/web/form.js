// The form: what is asked for, filled from a song's file, from what was heard in it, or from an earlier cover.

import { listenAgain } from "/web/api.js";
import { clock, sound, takeAway } from "/web/sound.js";

const $ = (id) => document.getElementById(id);
export const form = $("order");
const field = (name) => form.elements[name];
const WORDS = ["artist", "album", "genre"];
const WITHOUT_FIELDS = ["year", "noise_shift", "noise_scheduler", "format"]; // kept from a recalled cover
const filled = {}; // by the page rather than by somebody
let suggested = "";
let recalled = null;

export function chance() {
  return String(crypto.getRandomValues(new BigUint64Array(1))[0]);
}

function tags() {
  return field("tags").value.split(",").map((tag) => tag.trim()).filter(Boolean);
}

// A prompt without the tags at its end: the service puts them there.
function bare(prompt, words) {
  const end = ` ${words.join(", ")}.`;
  return words.length && prompt.endsWith(end) ? prompt.slice(0, -end.length) : prompt;
}

export function words() {
  return { artist: field("artist").value.trim() || "?", album: field("album").value.trim() || "?",
    genre: field("genre").value.trim() || "unknown", tags: tags() };
}

// The order that the form holds. A seed is thrown unless it is kept.
export function wanted() {
  const number = (name) => (field(name).value === "" ? undefined : Number(field(name).value));
  const kept = field("locked").checked && field("seed").value;
  if (!kept) field("seed").value = chance();
  const prompt = field("prompt").value.trim();
  const guided = number("audio_guidance_scale");
  return {
    ...pick(recalled ?? {}, WITHOUT_FIELDS),
    ...(kept && recalled?.seed === kept && pick(recalled, ["variation_seed", "variation_strength", "varied_before"])),
    ...words(),
    prompt: prompt && prompt !== suggested ? prompt : undefined,
    song: sound.song ?? undefined,
    track: sound.track ?? undefined,
    n: Number(field("n").value),
    seed: field("seed").value,
    steps: number("steps"),
    guidance_scale: number("guidance_scale"),
    audio_guidance_scale: guided === undefined ? null : guided,
    audio_scale: number("audio_scale"),
    size: number("size"),
  };
}

// The first field whose value is none, or null.
export function wrong() {
  for (const each of form.elements) each.setCustomValidity?.("");
  return [...form.elements].find((each) => each.name && !each.checkValidity()) ?? null;
}

const nameOf = (each) => each.labels[0]?.firstChild.textContent.trim() || each.name;

// What is told of a field beside the button. It is told at the field too, out of the settings that are folded away.
function toldOf(each, reason) {
  each.closest("details")?.setAttribute("open", "");
  each.setCustomValidity(reason.replace(/^: /, ""));
  each.addEventListener("input", () => each.setCustomValidity(""), { once: true });
  each.reportValidity();
  return `${nameOf(each)}${reason}`;
}

export const refused = (each) => toldOf(each, `: ${each.validationMessage}`);

// A refusal of the service, which may name a field, as in "tags.0: String should have …".
export function refusedBy(told) {
  const [start, name] = told.match(/^([a-z_]+)(?:\.\d+)?/) ?? [];
  const each = name && field(name);
  return each?.setCustomValidity ? toldOf(each, told.slice(start.length)) : told;
}

const pick = (from, names) => Object.fromEntries(names.filter((name) => from[name] != null).map((name) => [name, from[name]]));

// Writes what a song's file tells, but not over what somebody wrote. Returns what undoes it.
export function prefill(told) {
  const names = WORDS.filter((name) => !field(name).value || field(name).value === filled[name]);
  const before = names.map((name) => field(name).value);
  const write = (values) => names.forEach((name, k) => { field(name).value = filled[name] = values[k] ?? ""; });
  write(names.map((name) => told[name]));
  return () => write(before);
}

// Takes all settings of a cover: painted again, it is the same picture. `state` is that of its request, if it is here.
export function recall(settings, state) {
  recalled = { ...settings };
  for (const name of WORDS) delete filled[name];
  const told = { ...settings, prompt: bare(settings.prompt ?? "", settings.tags ?? []), tags: (settings.tags ?? []).join(", ") };
  for (const name of ["artist", "album", "genre", "tags", "prompt", "seed", "steps", "guidance_scale",
    "audio_guidance_scale", "audio_scale", "size"]) field(name).value = told[name] ?? "";
  field("locked").checked = true;
  field("n").value = "1";
  suggested = "";
  const song = state ? state.song : settings.audio_sha256 ?? null;
  if (song === null || song !== sound.song) {
    takeAway();
    $("heard").hidden = $("songs").hidden = true;
  }
  Object.assign(sound, { song, track: state?.track ?? null });
  const varied = settings.variation_strength > 0 ? `, varied by ${settings.variation_strength}` : "";
  $("recalled-told").textContent = `The settings of a cover of ${settings.album}${varied}.`;
  if ($("player").hidden && (sound.song || sound.track)) $("listening").textContent = "The song of this cover, as the service has it.";
  $("recalled").hidden = false;
  showScale();
}

export function letGo() {
  recalled = null;
  $("recalled").hidden = true;
  field("locked").checked = false;
  field("seed").value = field("prompt").value = "";
  if ($("player").hidden) takeAway();
  showScale();
}

export function showScale() {
  const value = Number(field("audio_scale").value);
  const song = sound.song || sound.track || sound.pending;
  $("scale-told").textContent = song ? (value === 1 ? "even" : value > 1 ? "more sound" : value > 0 ? "more words" : "words alone") : "no song yet";
  field("audio_scale").setAttribute("aria-valuetext", $("scale-told").textContent);
}

export function tell(told) {
  $("heard").hidden = false;
  const facts = {
    Tempo: told.tempo && `${Math.round(told.tempo)} bpm`,
    Key: told.key && `${told.key} ${told.mode ?? ""}`,
    Length: told.song_seconds && clock(told.song_seconds),
    Loudness: Number.isFinite(told.loudness) && `${String(Math.round(told.loudness)).replace("-", "−")} dB`,
    Genre: told.genre_note,
  };
  $("facts").replaceChildren(...Object.entries(facts).filter(([, value]) => value).map(([name, value]) => {
    const pair = document.createElement("div");
    pair.append(Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }));
    return pair;
  }));
  const added = [...(told.moods ?? []), ...(told.instruments ?? [])].map(({ word }) => chip(word, toggleTag, () => tags().includes(word)));
  const genres = (told.genres ?? []).map(({ word }) =>
    chip(word, () => { field("genre").value = word; }, () => field("genre").value === word));
  $("chips").replaceChildren(...genres, ...added);
  suggest(told.prompt);
  showScale();
  if (told.asked !== JSON.stringify(words())) refresh();
}

function suggest(prompt) {
  if (field("prompt").value && field("prompt").value !== suggested) return;
  field("prompt").value = suggested = bare(prompt, tags());
}

// The prompt is made of the words: where nobody wrote another, it follows them.
export async function refresh() {
  for (const button of $("chips").children) button.show();
  if (!sound.song || field("prompt").value !== suggested) return;
  const told = await listenAgain(sound.song, words()).catch(() => null);
  if (told && field("prompt").value === suggested) field("prompt").value = suggested = bare(told.prompt, tags());
}

function chip(word, use, isUsed) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: word });
  button.show = () => button.setAttribute("aria-pressed", String(isUsed()));
  button.addEventListener("click", () => { use(word); refresh(); });
  button.show();
  return button;
}

function toggleTag(word) {
  const now = tags();
  field("tags").value = (now.includes(word) ? now.filter((tag) => tag !== word) : [...now, word]).join(", ");
}

for (const name of [...WORDS, "tags"]) field(name).addEventListener("change", refresh);
field("audio_scale").addEventListener("input", showScale);
field("seed").addEventListener("input", () => { field("locked").checked = field("seed").value !== ""; });
