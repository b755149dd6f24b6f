// Settings out of a PNG that was made here: the iTXt chunk "settings" (PNG, third edition, 11.3.3.4).

export async function settingsIn(file) {
  const data = new DataView(await file.arrayBuffer());
  const bytes = new Uint8Array(data.buffer);
  for (let at = 8; at + 8 <= data.byteLength;) {
    const length = data.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "iTXt") {
      const body = bytes.subarray(at + 8, at + 8 + length);
      const end = body.indexOf(0);
      if (new TextDecoder("latin1").decode(body.subarray(0, end)) === "settings") {
        const language = body.indexOf(0, end + 3);
        const translated = body.indexOf(0, language + 1);
        return JSON.parse(new TextDecoder().decode(body.subarray(translated + 1)));
      }
    }
    at += 12 + length;
  }
  return null;
}
