// The line to the server: one websocket that comes back by itself, and requests that wait while something is being made.

import { tell, told } from "./bus.js";

const FIRST_PAUSE_MS = 250, LONGEST_PAUSE_MS = 4000;
const SILENCE_MS = 6000; // a server that runs says something twice a second
const AGAIN_MS = 300;

let socket = null, pause = FIRST_PAUSE_MS, lastHeard = 0;

/** Connect, and whenever the line breaks connect again. */
export function connect() {
  const url = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
  const mine = new WebSocket(url);
  socket = mine;
  lastHeard = performance.now();
  mine.onmessage = (event) => hear(event.data);
  mine.onclose = () => { if (mine === socket) lose(); };
}

function hear(data) {
  lastHeard = performance.now();
  const message = JSON.parse(data);
  if (message.t === "hello") {
    pause = FIRST_PAUSE_MS;
    tell("link", { up: true });
  }
  message.heard = lastHeard;
  tell(message.t, message);
}

function lose() {
  socket = null;
  if (told.link?.up !== false) tell("link", { up: false });
  setTimeout(connect, pause);
  pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
}

setInterval(() => {
  const quiet = performance.now() - lastHeard;
  if (socket?.readyState === WebSocket.OPEN && quiet > SILENCE_MS / 2) socket.send('{"t":"ping"}');
  if (socket && quiet > SILENCE_MS && document.visibilityState === "visible") {
    const dead = socket;
    lose();
    dead.close();
  }
}, 1000);
document.addEventListener("visibilitychange", () => { lastHeard = performance.now(); });

/** Say something to the server; false if there is no line to it. */
export function send(t, fields = {}) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify({ t, ...fields }));
  tell("sent", { t, ...fields });
  return true;
}

/** GET a JSON answer; while the server is still at it (202), tell how far it is and ask again. */
export async function getJson(path, { signal, progress = () => {} } = {}) {
  for (;;) {
    const answer = await fetch(path, { signal, credentials: "same-origin" });
    const value = answer.headers.get("content-type")?.startsWith("application/json") ? await answer.json() : null;
    if (answer.status !== 202) {
      if (!answer.ok || value === null) throw new Error(value?.line ?? `${path}: ${answer.status}`);
      return value;
    }
    progress(value ?? {});
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

/** GET a text. */
export async function getText(path, { signal } = {}) {
  const answer = await fetch(path, { signal, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}
