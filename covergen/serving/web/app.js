// The page: a form that orders covers, and what comes of it.

import { onKeyNeeded, order, settingsIn } from "/web/api.js";
import { load } from "/web/cards.js";
import { Comparison, keyDialog, look } from "/web/dialogs.js";
import { chance, form, letGo, prefill, recall, refused, refusedBy, showScale, tell, wanted, words, wrong } from "/web/form.js";
import { Gallery } from "/web/gallery.js";
import { filesIn, hear, isSong, offer, prepare, sound, takeAway } from "/web/sound.js";
import { tagsOf } from "/web/tags.js";

const $ = (id) => document.getElementById(id);
const STRENGTH = { subtly: 0.25, strongly: 0.6 };
const comparison = new Comparison();
const say = (told) => { $("status").textContent = told; };
const complain = (told) => { $("order-problem").textContent = told; };
const gallery = new Gallery(act, say, (told) => { $("gallery-problem").textContent = told; });
let patient = false;
let latest = null; // the listening that began last

// Tells how long the service wants us to wait; false once somebody does not want to.
function waits(told) {
  if (told && $("waiting").hidden) {
    patient = true;
    say(told);
  }
  $("waiting").hidden = !told;
  $("waiting-told").textContent = told;
  return patient;
}

async function paint(asked, told = complain) {
  told("");
  try {
    const state = await order(asked, (words) => {
      if (told !== complain) told(words);
      return waits(words);
    });
    const request = gallery.add(state, "prepend");
    request.cards[0].scrollIntoView({ block: "nearest" });
    say(`${state.covers.length === 1 ? "A cover is" : `${state.covers.length} covers are`} being painted.`);
    request.follow(say).catch(request.complain);
  } catch (refusal) {
    const reason = refusal.code === "no_such_song" ? "The service does not have the song of this cover: drop its file, or let the cover go." : refusal.message;
    told(told === complain ? refusedBy(reason) : reason);
  } finally {
    $("waiting").hidden = true;
  }
}

async function submit() {
  const button = $("paint");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  complain("");
  try {
    const field = wrong();
    if (field) complain(refused(field));
    else if (sound.pending && !(await sound.pending)) {
      complain("The song cannot be heard: take another, or take it away and let the words decide.");
    } else {
      await paint(wanted());
    }
  } catch (fault) {
    complain(`Nothing is painted: ${fault.message}`);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

async function act(what, request, number, button) {
  const told = request.complain;
  told("");
  try {
    if (what === "favourite") await request.toggle(number, button);
    else if (what === "look") await look(request, number);
    else if (what === "compare") say(await comparison.add(request, number, button));
    else if (what === "download") await save(request, request.state.covers[number]);
    else if (what === "recall") take(request.state.covers[number].parameters, request.state);
    else await paint(anew(what, request, number), told);
  } catch (refusal) {
    told(refusal);
  }
}

// The order for one cover like that of a request: as it was, with another seed, or varied.
function anew(what, { state }, number) {
  const asked = { ...state.order, song: state.song, track: state.track, n: 1 };
  if (what === "retry") return { ...asked, first_variant: (state.order.first_variant ?? 0) + number };
  if (!(what in STRENGTH)) return { ...asked, first_variant: 0, seed: chance(), variation_seed: null, variation_strength: 0, varied_before: [] };
  const { seed, variation_seed: last, variation_strength: by, varied_before: before = [] } = state.covers[number].parameters;
  const begin = by >= 1 ? { seed: last, varied_before: [] } : { seed, varied_before: by > 0 ? [...before, `${last}:${by}`] : [] };
  return { ...asked, first_variant: 0, ...begin, variation_seed: chance(), variation_strength: STRENGTH[what] };
}

async function save({ state }, cover) {
  const link = document.createElement("a");
  link.href = await load(cover.image);
  link.download = `${state.order.artist} - ${state.order.album} - ${cover.parameters.seed}.${cover.parameters.format}`;
  link.click();
}

function take(settings, state) {
  recall(settings, state);
  say("The settings of this cover stand in the form.");
  form.elements.artist.focus();
}

async function accept(files) {
  const problem = $("sound-problem");
  problem.textContent = "";
  const image = files.find((file) => file.type.startsWith("image/"));
  const songs = files.filter(isSong).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  if (songs.length) await offer(songs, listenTo);
  else if (image) {
    await settingsIn(image).then((settings) => take(settings)).catch((refusal) => { problem.textContent = `${image.name}: ${refusal.message}`; });
  } else if (files.length) problem.textContent = "There is no song among these files. mp3, ogg, opus, m4a, flac and wav can be heard.";
}

async function listenTo(file) {
  $("sound-problem").textContent = "";
  $("listening").textContent = `Listening to ${file.name}`;
  $("drop").setAttribute("aria-busy", "true");
  say(`Listening to ${file.name}.`);
  const mine = hearAndTell(file);
  sound.pending = latest = mine;
  showScale();
  await mine;
  if (mine !== latest) return;
  sound.pending = null;
  $("listening").textContent = "";
  $("drop").removeAttribute("aria-busy");
  showScale();
}

async function hearAndTell(file) {
  const undo = prefill(await tagsOf(file));
  try {
    const told = await hear(file, words(), waits);
    if (told) tell(told);
    if (told) say("This is what we heard.");
    return Boolean(told);
  } catch (refusal) {
    undo();
    $("heard").hidden = true;
    $("sound-problem").textContent = `${file.name}: ${refusal.message}`;
    return false;
  } finally {
    $("waiting").hidden = true;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("files").addEventListener("change", (event) => {
  const chosen = [...event.target.files];
  event.target.value = ""; // the same file can be chosen again
  accept(chosen);
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  addEventListener(kind, async (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") accept(await filesIn(event.dataTransfer).catch(() => []));
  });
}
$("take-away").addEventListener("click", () => { takeAway(); $("heard").hidden = $("songs").hidden = true; showScale(); $("files").focus(); });
$("let-go").addEventListener("click", () => { letGo(); form.elements.artist.focus(); });
$("waiting-end").addEventListener("click", () => { patient = false; });
$("key-open").addEventListener("click", async () => { if (await keyDialog()) gallery.show(); });
onKeyNeeded(keyDialog);
prepare();
showScale();
gallery.show();
