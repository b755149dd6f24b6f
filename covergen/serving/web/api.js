// The service's API: requests, events and pictures, with the key where one is needed.

let key = localStorage.getItem("covergen-key") ?? "";
let askForKey = async () => false;

export const onKeyNeeded = (ask) => { askForKey = ask; };

export function useKey(given, keep) {
  key = given;
  if (keep) localStorage.setItem("covergen-key", given);
  else localStorage.removeItem("covergen-key");
}

export class Refusal extends Error {
  constructor(status, code, message, seconds) {
    super(message);
    Object.assign(this, { status, code, seconds });
  }
}

async function send(path, options = {}) {
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refusal(0, "unreachable", "The service cannot be reached. Is it still running?");
  }
  if (answer.status === 401 && (await askForKey())) return send(path, options);
  if (answer.ok) return answer;
  const told = await answer.json().then((body) => body.error, () => null);
  const seconds = Number(answer.headers.get("Retry-After")) || null;
  throw new Refusal(answer.status, told?.code ?? "failed", told?.message ?? `The service answered ${answer.status}.`, seconds);
}

const asJson = (body) => ({ method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

export const listenAgain = async (song, words) => (await send("/v1/listen", asJson({ ...words, song }))).json();

export async function listen(file, words) {
  const form = new FormData();
  for (const [name, value] of Object.entries(words)) if (value) form.append(name, value);
  form.append("audio", file);
  return (await send("/v1/listen", { method: "POST", body: form })).json();
}

// Sends an order; where the service is full it waits as long as it is told, and tells each second.
export async function order(wanted, told) {
  const options = asJson(wanted);
  options.headers["Idempotency-Key"] = crypto.randomUUID();
  for (;;) {
    try {
      return await (await send("/v1/covers", options)).json();
    } catch (refusal) {
      if (refusal.status !== 429) throw refusal;
      for (let left = refusal.seconds ?? 5; left > 0; left -= 1) {
        told(`${refusal.message.replace(/ Try again.*/, "")} Trying again in ${left} s.`);
        await new Promise((done) => setTimeout(done, 1000));
      }
      told("");
    }
  }
}

export const history = async (query) => (await send(`/v1/covers?${new URLSearchParams(query)}`)).json();
export const cancel = async (id) => (await send(`/v1/covers/${id}`, { method: "DELETE" })).json();
export const favourite = (id, number, wanted) =>
  send(`/v1/covers/${id}/images/${number}/favourite`, { method: wanted ? "PUT" : "DELETE" });
export const picture = async (path) => (await send(path)).blob();

// Follows a request by server-sent events; a connection that breaks is taken up again.
export async function follow(id, hear) {
  for (let tries = 0; tries < 30; tries += 1) {
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
          hear(kind, JSON.parse(data));
          if (kind === "end") return;
        }
      }
    } catch (refusal) {
      if (refusal.status && refusal.status < 500) throw refusal;
    }
    await new Promise((done) => setTimeout(done, 1000));
  }
}
