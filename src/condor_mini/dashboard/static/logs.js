// What happened, and the daemons' lines as they come. Both keep a bounded number.
import { byId, clock, el, fill, get, settled } from "./dom.js";

const MOST = 1000;
const STAMP = /^\d\d\/\d\d\/\d\d \d\d:\d\d:\d\d /;  // the daemon's own; the line has the time already
let lines = [];
let stream = null;

export const events = {
  begin() {
    for (const id of ["event-about", "event-text"]) byId(id).addEventListener("input", settled(120, showEvents));
  },
  shown() { newest = -1; },
  async update({ changes }) {
    const last = changes[0]?.number ?? 0;
    if (last === newest) return;
    newest = last;
    found = await get("/api/changes").catch(() => found);
    showEvents();
  },
};
let newest = -1;
let found = [];

function showEvents() {
  const about = byId("event-about").value;
  const text = byId("event-text").value.toLowerCase();
  const rows = found.filter((each) => (!about || each.about === about) && each.text.toLowerCase().includes(text));
  fill(byId("events"), rows, () => rows.length
    ? rows.map((each) => el("li", {}, el("time", { datetime: each.at }, clock(each.at)), el("span", {}, each.text)))
    : [el("li", {}, el("span", { class: "quiet" }, "nothing"))]);
}

export const daemons = {
  begin() {
    for (const id of ["log-node", "log-daemon", "log-text"]) byId(id).addEventListener("input", settled(120, redraw));
    byId("logs").closest("section").querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  },
  shown() {
    if (stream) return;
    lines = [];
    redraw();
    stream = new EventSource("/logs");
    stream.addEventListener("lines", (event) => add(JSON.parse(event.data)));
  },
  left() {
    stream?.close();
    stream = null;
  },
};

function add(more) {
  lines.push(...more);
  const box = byId("logs");
  choices("log-node", "node");
  choices("log-daemon", "daemon");
  box.append(...more.filter(wanted).map(line));
  if (lines.length > MOST) {
    lines = lines.slice(-MOST);
    while (box.childElementCount > MOST) box.firstElementChild.remove();
  }
  if (byId("log-follow").checked) box.scrollTop = box.scrollHeight;
}

function choices(id, what) {
  const select = byId(id);
  const before = select.value;
  const names = [...new Set(lines.map((each) => each[what]))].sort();
  if (fill(select, names, () => [el("option", { value: "" }, "all"), ...names.map((name) => el("option", {}, name))])) {
    select.value = names.includes(before) ? before : "";
  }
}

function wanted(each) {
  const text = byId("log-text").value.toLowerCase();
  return (!byId("log-node").value || each.node === byId("log-node").value)
    && (!byId("log-daemon").value || each.daemon === byId("log-daemon").value)
    && (!text || each.text.toLowerCase().includes(text));
}

const line = (each) => el("div", {}, el("i", {}, `${clock(each.time)} `), el("b", {}, `${each.node} ${each.daemon}`), ` ${each.text.replace(STAMP, "")}`);

function redraw() {
  const box = byId("logs");
  box.replaceChildren(...lines.filter(wanted).map(line));
  box.scrollTop = box.scrollHeight;
}
