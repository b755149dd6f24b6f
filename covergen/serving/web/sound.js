// The song: chosen or dropped, listened to, shown as a waveform, played from this machine.

import { listen } from "/web/api.js";

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const BAR = 3;
const GAP = 2;
const known = new WeakMap(); // what was heard in a file: it is sent once
let peaks = [];
let turn = 0;

// `song`: as the service knows it; `pending`: a promise while it is being heard, true once it was.
export const sound = { song: null, track: null, pending: null };

export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function draw() {
  const canvas = $("wave");
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const played = audio.duration ? audio.currentTime / audio.duration : 0;
  const bars = Math.max(1, Math.floor(width / (BAR + GAP)));
  for (let k = 0; k < bars; k += 1) {
    const part = peaks.slice(Math.floor((k * peaks.length) / bars), Math.max(Math.ceil(((k + 1) * peaks.length) / bars), 1));
    const tall = Math.max(BAR, Math.max(0, ...part) * height);
    pen.fillStyle = style.getPropertyValue(k / bars < played ? "--accent" : "--edge");
    pen.beginPath();
    pen.roundRect(k * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
    pen.fill();
  }
  const length = Number.isFinite(audio.duration) ? audio.duration : 0;
  $("time").textContent = `${clock(audio.currentTime)} / ${clock(length)}`;
  $("seek").max = length || 1;
  $("seek").value = audio.currentTime;
  $("seek").setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(length)}`);
}

function shown(playing) {
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("play").classList.toggle("playing", playing);
}

export function prepare() {
  $("play").addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
  $("seek").addEventListener("input", () => { if (audio.duration) audio.currentTime = Number($("seek").value); });
  for (const kind of ["timeupdate", "loadedmetadata", "seeked"]) audio.addEventListener(kind, draw);
  audio.addEventListener("play", () => shown(true));
  audio.addEventListener("pause", () => shown(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => requestAnimationFrame(draw)).observe($("player"));
}

// All files of what was dropped, folders opened; each tells in `folders` where it lay.
export async function filesIn(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await open(entry, [], found);
  return found;
}

async function open(entry, folders, found) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => { entry.file(done, failed); });
    found.push(Object.assign(file, { folders }));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
    if (!some.length) return;
    for (const each of some) await open(each, [...folders, entry.name], found);
  }
}

export const isSong = (file) => file.type.startsWith("audio/") || /\.(mp3|ogg|oga|opus|m4a|flac|wav)$/i.test(file.name);

// Offers several songs to choose from; the first is taken.
export function offer(songs, pick) {
  const list = $("songs");
  list.hidden = songs.length < 2;
  list.replaceChildren(list.firstElementChild);
  songs.forEach((file, k) => {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "heard", checked: k === 0 });
    radio.addEventListener("change", () => pick(file));
    label.append(radio, Object.assign(document.createElement("span"), { textContent: file.name }));
    list.append(label);
  });
  return pick(songs[0]);
}

function show(file) {
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  peaks = known.get(file)?.waveform ?? [];
  $("player").hidden = false;
  draw();
}

export function takeAway() {
  turn += 1;
  Object.assign(sound, { song: null, track: null, pending: null });
  audio.pause();
  $("player").hidden = true;
  $("listening").textContent = "";
}

// Plays and hears a file; null where another was chosen meanwhile.
export async function hear(file, words, told) {
  const mine = (turn += 1);
  Object.assign(sound, { song: null, track: null });
  show(file);
  let heard = known.get(file);
  try {
    heard ??= { ...(await listen(file, words, told)), asked: JSON.stringify(words) };
  } catch (refusal) {
    if (mine !== turn) return null;
    takeAway();
    throw refusal;
  }
  known.set(file, heard);
  if (mine !== turn) return null;
  sound.song = heard.song;
  peaks = heard.waveform;
  draw();
  return heard;
}
