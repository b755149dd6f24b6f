// The song: chosen or dropped, listened to, shown as a waveform, played.

import { listen } from "/web/api.js";

const $ = (id) => document.getElementById(id);
const audio = $("audio");
let peaks = [];
let files = [];

export const sound = { song: null, file: null };

export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function draw() {
  const canvas = $("wave");
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const played = audio.duration ? audio.currentTime / audio.duration : 0;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const step = canvas.width / Math.max(1, peaks.length);
  peaks.forEach((peak, k) => {
    const height = Math.max(2, peak * (canvas.height - 8));
    pen.fillStyle = style.getPropertyValue(k / peaks.length < played ? "--accent" : "--soft");
    pen.fillRect(k * step, (canvas.height - height) / 2, Math.max(1, step - 1), height);
  });
  const length = Number.isFinite(audio.duration) ? ` / ${clock(audio.duration)}` : "";
  $("time").textContent = clock(audio.currentTime) + length;
  canvas.setAttribute("aria-valuemax", String(Math.round(audio.duration || 0)));
  canvas.setAttribute("aria-valuenow", String(Math.round(audio.currentTime)));
  canvas.setAttribute("aria-valuetext", $("time").textContent);
}

function shown(playing) {
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("play").firstElementChild.textContent = playing ? "❚❚" : "▶";
}

export function prepare() {
  $("play").addEventListener("click", () => (audio.paused ? audio.play().catch(() => {}) : audio.pause()));
  $("wave").addEventListener("click", (event) => {
    if (audio.duration) audio.currentTime = (event.offsetX / $("wave").clientWidth) * audio.duration;
  });
  $("wave").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -5, ArrowRight: 5, Home: -Infinity, End: Infinity }[event.key];
    if (!by || !audio.duration) return;
    event.preventDefault();
    audio.currentTime = Math.min(audio.duration, Math.max(0, audio.currentTime + by));
  });
  for (const kind of ["timeupdate", "loadedmetadata", "seeked"]) audio.addEventListener(kind, draw);
  audio.addEventListener("play", () => shown(true));
  audio.addEventListener("pause", () => shown(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// Files such as "Satie - Nocturnes.mp3" or "01 Satie - Nocturnes.mp3" tell artist and title.
export function wordsOf(name) {
  const plain = name.replace(/\.[^.]+$/, "").replace(/^\d{1,3}[ ._-]+/, "").replaceAll("_", " ");
  const [artist, ...rest] = plain.split(" - ");
  return rest.length ? { artist: artist.trim(), album: rest.join(" - ").trim() } : { album: plain.trim() };
}

export function offer(chosen, pick) {
  files = [...chosen];
  const list = $("songs");
  list.hidden = files.length < 2;
  list.replaceChildren(list.firstElementChild);
  files.forEach((file, k) => {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "heard", checked: k === 0 });
    radio.addEventListener("change", () => pick(file));
    label.append(radio, file.name);
    list.append(label);
  });
  return pick(files[0]);
}

// Puts the player away where another song than the one in it is painted to, or none.
export function hush(song) {
  if (song !== sound.song || !song) {
    audio.pause();
    $("player").hidden = true;
    $("facts").replaceChildren();
    $("chips").replaceChildren();
  }
  sound.song = song;
}

export async function hear(file, words) {
  const told = await listen(file, words);
  Object.assign(sound, { song: told.song, file });
  peaks = told.waveform;
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  $("player").hidden = false;
  draw();
  return told;
}
