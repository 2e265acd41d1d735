// What all views need: elements made without markup, and requests.

/** Return a new element. Strings among the children become text, never markup. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "onclick") made.addEventListener("click", value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

const shown = new WeakMap();

/** Put children into a parent, unless they are as they were; keep the focus where it is. */
export function fill(parent, key, make) {
  const text = JSON.stringify(key);
  if (shown.get(parent) === text) return false;
  const focused = document.activeElement;
  const mark = parent.contains(focused) ? focused.dataset.focus : null;
  shown.set(parent, text);
  parent.replaceChildren(...make());
  if (mark) parent.querySelector(`[data-focus="${CSS.escape(mark)}"]`)?.focus();
  return true;
}

/** Return a table's head and body. Columns: [title, class]. */
export function table(columns, rows, empty, caption) {
  const titles = columns.map(([title, kind]) =>
    typeof title === "string" ? el("th", { scope: "col", class: kind }, title) : el("td", {}, title));
  const body = rows.map((cells) =>
    el("tr", {}, ...cells.map((cell, place) => el("td", { class: columns[place][1] }, cell ?? "–"))));
  if (!rows.length) body.push(el("tr", {}, el("td", { colspan: columns.length, class: "empty" }, empty)));
  return [
    el("caption", { class: "hidden" }, caption),
    el("thead", {}, el("tr", {}, ...titles)),
    el("tbody", {}, ...body),
  ];
}

export async function get(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(await message(answer));
  return answer.json();
}

let secret = "";
export function useSecret(csrf) { secret = csrf; }

/** Ask the server to do something; what came of it is among the tasks of the state. */
export async function act(name, body = {}) {
  let problem = "";
  try {
    const answer = await fetch(`/act/${name}`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", "x-condor-mini": secret },
      body: JSON.stringify(body),
    });
    if (!answer.ok) problem = await message(answer);
  } catch {
    problem = "The dashboard does not answer. Is condor-mini dashboard still running?";
  }
  document.dispatchEvent(new CustomEvent("refused", { detail: { name, problem } }));
  return !problem;
}

async function message(answer) {
  const text = await answer.text();
  try { return JSON.parse(text).error ?? text; } catch { return text.trim(); }
}

export function number(value) { return value.toLocaleString("en"); }

/** Return the time of the day, or the date of another day. */
export function clock(time) {
  if (!time) return "–";
  const when = new Date(time);
  const day = when.toDateString() === new Date().toDateString();
  return day ? when.toLocaleTimeString("en-GB") : when.toLocaleDateString("en-CA");
}

export function counted(count, noun) { return `${number(count)} ${noun}${count === 1 ? "" : "s"}`; }

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Call a function for the last of several calls in a short time. */
export function settled(wait, run) {
  let timer = 0;
  return (...given) => { clearTimeout(timer); timer = setTimeout(() => run(...given), wait); };
}
