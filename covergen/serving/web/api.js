// The service's API: requests, events and pictures, with the key where one is needed.

const KEPT = "covergen-key";
let key = localStorage.getItem(KEPT) ?? "";
let askForKey = async () => false;
let asking = null; // one question for all requests that need a key at once

export const onKeyNeeded = (ask) => { askForKey = ask; };

export function useKey(given, keep) {
  key = given;
  if (keep) localStorage.setItem(KEPT, given);
  else localStorage.removeItem(KEPT);
}

export class Refusal extends Error {
  constructor(status, code, message, seconds) {
    super(message);
    Object.assign(this, { status, code, seconds });
  }
}

const pause = (seconds) => new Promise((done) => { setTimeout(done, seconds * 1000); });

async function send(path, options = {}) {
  const used = key;
  const headers = { ...options.headers, ...(used && { Authorization: `Bearer ${used}` }) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refusal(0, "unreachable", "The service cannot be reached. Is it still running?");
  }
  if (answer.status === 401) {
    asking ??= askForKey(Boolean(used)).finally(() => { asking = null; });
    if (await asking) return send(path, options);
  }
  if (answer.ok) return answer;
  const told = await answer.json().then((body) => body.error, () => null);
  const seconds = Number(answer.headers.get("Retry-After")) || null;
  throw new Refusal(answer.status, told?.code ?? "failed", told?.message ?? `The service answered ${answer.status}.`, seconds);
}

// Where the service is full, waits as long as it is told and tells each second; `told` answers false to give up.
async function patiently(ask, told) {
  for (;;) {
    try {
      return await ask();
    } catch (refusal) {
      if (refusal.status !== 429) throw refusal;
      const reason = refusal.message.replace(/ Try again.*/, "");
      for (let left = refusal.seconds ?? 5; left > 0; left -= 1) {
        if (told(`${reason} Trying again in ${left} s.`) === false) throw refusal;
        await pause(1);
      }
      told("");
    }
  }
}

const asJson = (body, headers) => ({
  method: "POST", body: JSON.stringify(body), headers: { ...headers, "Content-Type": "application/json" },
});

export const listenAgain = async (song, words) => (await send("/v1/listen", asJson({ ...words, song }))).json();

export async function listen(file, words, told) {
  const form = new FormData();
  for (const [name, value] of Object.entries(words)) if (value?.length) form.append(name, value);
  form.append("audio", file);
  return (await patiently(() => send("/v1/listen", { method: "POST", body: form }), told)).json();
}

export async function order(wanted, told) {
  const options = asJson(wanted, { "Idempotency-Key": unique() });
  return (await patiently(() => send("/v1/covers", options), told)).json();
}

// crypto.randomUUID is there on secure origins alone, and services stand in plain networks too.
function unique() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const history = async (query) => (await send(`/v1/covers?${new URLSearchParams(query)}`)).json();
export const cancel = async (id) => (await send(`/v1/covers/${id}`, { method: "DELETE" })).json();
export const favourite = (id, number, wanted) =>
  send(`/v1/covers/${id}/images/${number}/favourite`, { method: wanted ? "PUT" : "DELETE" });
export const settingsIn = async (image) =>
  (await (await send("/v1/recall", { method: "POST", body: image, headers: { "Content-Type": image.type } })).json()).parameters;
export const picture = async (path) => (await send(path)).blob();

// Follows a request by server-sent events, read with fetch since an EventSource sends no key. A connection that
// breaks is taken up again: every one begins with the whole state.
export async function follow(id, hear) {
  for (let silent = 0; silent < 10; silent += 1) {
    try {
      const answer = await send(`/v1/covers/${id}/events`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const [, kind, data] = part.match(/^event: (.*)\ndata: (.*)$/) ?? [];
          if (!kind) continue;
          silent = 0;
          hear(kind, JSON.parse(data));
          if (kind === "end") return;
        }
      }
    } catch (refusal) {
      if (refusal.status && refusal.status < 500 && refusal.status !== 429) throw refusal;
    }
    await pause(1);
  }
  throw new Refusal(0, "unreachable", "The service is silent. Reload the page to see what became of the covers.");
}
