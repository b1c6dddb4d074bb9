// How the server is asked: JSON, events, files; a token where it wants one, kept for this tab only.

const KEPT = "wmagent-token";
const GONE = "the server does not answer; is it still running?";

export class Refused extends Error {}

/** Return a tool's answer. */
export async function ask(tool, question) {
  return (await fetched(`/v1/${tool}`, question)).json();
}

/** Return what a path tells, null where there is nothing. */
export async function look(path) {
  const answer = await sent(path, undefined);
  return answer.status === 404 ? null : (await checked(answer)).json();
}

/** Return a file as a blob. */
export async function file(path) {
  return (await fetched(path)).blob();
}

/** Ask for events and hand each to `heard(name, data)`; returns after the answer. */
export async function stream(path, question, heard, signal) {
  const reader = (await fetched(path, question, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new Refused(GONE);
    });
    if (done) throw new Refused(GONE);
    const blocks = (rest + value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const name = lines.find((line) => line.startsWith("event:"))?.slice(6).trim();
      const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n");
      if (!name) continue; // a sign of life
      if (name === "error") throw new Refused(JSON.parse(data).message);
      await heard(name, JSON.parse(data));
      if (name === "answer") return;
    }
  }
}

async function fetched(path, question, signal) {
  return checked(await sent(path, question, signal));
}

async function checked(answer) {
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Refused(told?.error?.message ?? `the server answered ${answer.status}`);
}

async function sent(path, question, signal) {
  for (;;) {
    const headers = {};
    const token = sessionStorage.getItem(KEPT);
    if (token) headers.Authorization = `Bearer ${token}`;
    if (question !== undefined) headers["Content-Type"] = "application/json";
    const body = question === undefined ? undefined : JSON.stringify(question);
    const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body, signal }).catch((error) => {
      if (error.name === "AbortError") throw error;
      throw new Refused(GONE);
    });
    if (answer.status !== 401) return answer;
    await entry(token !== null);
  }
}

let entering = null;

/** Wait until a token is given; several questions wait for the same one. */
function entry(wrong) {
  entering ??= new Promise((given) => {
    const dialog = document.getElementById("entry");
    const input = document.getElementById("token");
    document.getElementById("token-wrong").hidden = !wrong;
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEPT, input.value);
      input.value = "";
      entering = null;
      given();
    }, { once: true });
    dialog.showModal();
  });
  return entering;
}
