// Settings out of a PNG that was made here: its text "settings" (PNG, third edition, 11.3.3: tEXt and iTXt).

export async function settingsIn(file) {
  const data = new DataView(await file.arrayBuffer());
  const bytes = new Uint8Array(data.buffer);
  for (let at = 8; at + 8 <= data.byteLength;) {
    const length = data.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "iTXt" || kind === "tEXt") {
      const body = bytes.subarray(at + 8, at + 8 + length);
      const end = body.indexOf(0);
      if (new TextDecoder("latin1").decode(body.subarray(0, end)) === "settings") return JSON.parse(textOf(kind, body, end));
    }
    at += 12 + length;
  }
  return null;
}

function textOf(kind, body, end) {
  if (kind === "tEXt") return new TextDecoder("latin1").decode(body.subarray(end + 1));
  const language = body.indexOf(0, end + 3);
  const translated = body.indexOf(0, language + 1);
  return new TextDecoder().decode(body.subarray(translated + 1));
}
