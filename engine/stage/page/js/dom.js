// Elements, and how often numbers may change.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element. `on`: listeners; `data`: data attributes; other keys are attributes, true and false as presence. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, { on = {}, data = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set an attribute if it is not so already. */
export function attribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (value === true) element.setAttribute(name, "");
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Write a text if it is not there already: the browser lays out nothing for what has not changed. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Let a function run at most `perSecond` times a second, the last call always. */
export function seldom(perSecond, run) {
  let waiting = null, last = -Infinity, latest;
  return (...values) => {
    latest = values;
    if (waiting !== null) return;
    const pause = Math.max(0, last + 1000 / perSecond - performance.now());
    const go = () => { waiting = null; last = performance.now(); run(...latest); };
    if (pause === 0) go();
    else waiting = setTimeout(go, pause);
  };
}

/** A moment in which the browser has nothing better to do; soon in any case. */
export function idle() {
  return new Promise((done) => {
    if ("requestIdleCallback" in window) requestIdleCallback(done, { timeout: 60 });
    else setTimeout(done, 20);
  });
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** Index of the last element of a sorted array that is at most `value`, -1 if there is none. */
export function lastAtMost(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
