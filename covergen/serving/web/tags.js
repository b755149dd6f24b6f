// Artist, album and genre of a song's file: from its tags, from its folders, or from its name.
// ID3v2: id3.org; Vorbis comments in FLAC, Ogg Vorbis and Opus: xiph.org/vorbis/doc/v-comment.html; MP4: ISO/IEC
// 14496-12 and the item list of the QuickTime File Format's metadata

const READ = 2 ** 20; // bytes: tags stand first, and pictures behind the words
const FRAMES = { TPE1: "artist", TP1: "artist", TPE2: "band", TP2: "band", TALB: "album", TAL: "album", TCON: "genre", TCO: "genre" };
const ENCODINGS = ["latin1", "utf-16", "utf-16be", "utf-8"];
const ATOMS = { "\xa9ART": "artist", aART: "band", "\xa9alb": "album", "\xa9gen": "genre" };
const AROUND = ["moov", "udta", "meta", "ilst"];
const COMMENTS = { artist: "artist", albumartist: "band", album: "album", genre: "genre" };

const ascii = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));
const seven = (bytes, at) => bytes.subarray(at, at + 4).reduce((sum, byte) => sum * 128 + (byte & 127), 0);
const whole = (bytes, at, count) => bytes.subarray(at, at + count).reduce((sum, byte) => sum * 256 + byte, 0);

function id3(bytes) {
  const version = bytes[3];
  const [head, name] = version === 2 ? [6, 3] : [10, 4];
  const end = Math.min(bytes.length, 10 + seven(bytes, 6));
  const found = {};
  let at = 10 + (version > 2 && bytes[5] & 64 ? (version === 4 ? seven(bytes, 10) : 4 + whole(bytes, 10, 4)) : 0);
  while (at + head < end && bytes[at]) {
    const length = version === 2 ? whole(bytes, at + 3, 3) : version === 4 ? seven(bytes, at + 4) : whole(bytes, at + 4, 4);
    const kind = FRAMES[ascii(bytes, at, at + name)];
    const from = at + head;
    if (kind && length > 1) {
      const text = new TextDecoder(ENCODINGS[bytes[from]] ?? "latin1").decode(bytes.subarray(from + 1, Math.min(end, from + length)));
      found[kind] ??= text.split("\0")[0];
    }
    at = from + length;
  }
  return found;
}

function comments(bytes, start) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = {};
  let at = start + 4 + view.getUint32(start, true);
  for (let left = view.getUint32(at, true), from = at + 4; left > 0; left -= 1) {
    const length = view.getUint32(from, true);
    if (from + 4 + length > bytes.length) break;
    const [name, ...rest] = new TextDecoder().decode(bytes.subarray(from + 4, from + 4 + length)).split("=");
    const kind = COMMENTS[name.toLowerCase().replaceAll(/[ _]/g, "")];
    if (kind) found[kind] ??= rest.join("=");
    from += 4 + length;
  }
  return found;
}

function flac(bytes) {
  for (let at = 4; at + 4 < bytes.length; at += 4 + whole(bytes, at + 1, 3)) {
    if ((bytes[at] & 127) === 4) return comments(bytes, at + 4);
    if (bytes[at] & 128) break;
  }
  return {};
}

function ogg(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 16));
  for (const mark of ["\x03vorbis", "OpusTags"]) if (text.includes(mark)) return comments(bytes, text.indexOf(mark) + mark.length);
  return {};
}

function atoms(bytes, from, to, found) {
  for (let at = from, length; at + 8 <= to && (length = whole(bytes, at, 4)) >= 8; at += length) {
    const kind = ascii(bytes, at + 4, at + 8);
    const end = Math.min(to, at + length);
    if (AROUND.includes(kind)) atoms(bytes, at + (kind === "meta" ? 12 : 8), end, found);
    else if (ATOMS[kind]) found[ATOMS[kind]] ??= new TextDecoder().decode(bytes.subarray(at + 24, end));
  }
  return found;
}

// The words of an MP4 stand at its begin or at its end.
async function mp4(file) {
  for (let at = 0, length; at + 8 <= file.size; at += length) {
    const head = new Uint8Array(await file.slice(at, at + 16).arrayBuffer());
    length = whole(head, 0, 4);
    if (length === 1) length = whole(head, 8, 8);
    if (length < 8) break;
    if (ascii(head, 4, 8) !== "moov") continue;
    const bytes = new Uint8Array(await file.slice(at, at + Math.min(length, 16 * READ)).arrayBuffer());
    return atoms(bytes, 0, bytes.length, {});
  }
  return {};
}

const READERS = { "ID3": id3, "fLa": flac, "Ogg": ogg };

// Names such as "Satie - Nocturnes.mp3" or "01 Satie - Nocturnes.mp3", in folders such as "Satie/Nocturnes".
export function wordsOf(name, folders = []) {
  const plain = name.replace(/\.[^.]+$/, "").replace(/^\d{1,3}[ ._-]+/, "").replaceAll("_", " ").trim();
  const [first, ...rest] = plain.split(" - ");
  const told = rest.length ? { artist: first.trim(), album: rest.join(" - ").trim() } : { album: plain };
  if (folders.length) told.album = folders.at(-1);
  if (folders.length > 1) told.artist = folders.at(-2);
  return told;
}

export async function tagsOf(file) {
  const named = wordsOf(file.name, file.folders);
  try {
    const bytes = new Uint8Array(await file.slice(0, READ).arrayBuffer());
    const { band, ...found } = ascii(bytes, 4, 8) === "ftyp" ? await mp4(file) : READERS[ascii(bytes, 0, 3)]?.(bytes) ?? {};
    const genre = found.genre?.replace(/^\(\d+\)/, "").trim();
    const told = { artist: band || found.artist, album: found.album, genre: /^\d*$/.test(genre ?? "") ? "" : genre };
    return { ...named, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value?.trim())) };
  } catch {
    return named; // tags that cannot be read are none
  }
}
