// Who wants to know what: everything the server says, and what the parts of the page tell each other.

const listeners = new Map();

/** The last thing told under each name. */
export const told = {};

/** Call a function with each thing told under this name. */
export function on(name, listener) {
  if (!listeners.has(name)) listeners.set(name, []);
  listeners.get(name).push(listener);
}

/** Tell something to all who listen; one that fails keeps none of the others from hearing it. */
export function tell(name, value = {}) {
  told[name] = value;
  for (const listener of listeners.get(name) ?? []) {
    try { listener(value); } catch (error) { report(error); }
  }
}

function report(error) {
  console.error(error);
  (window.stageErrors ??= []).push(String(error.stack ?? error));
}
window.addEventListener("error", (event) => report(event.error ?? event.message));
window.addEventListener("unhandledrejection", (event) => report(event.reason));
