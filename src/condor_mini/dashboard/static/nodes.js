// Nodes and slots: cards for a small pool, a map of cells for a large one; what runs where.
import { act, byId, clock, colour, counted, el, fill, get, number } from "./dom.js";

const WORDS = { b: "Claimed/Busy", c: "Claimed/Idle", s: "Suspended", f: "Unclaimed", d: "Drained", p: "Preempting",
  o: "Owner", x: "Node down", "?": "Other" };
const ROLES = { master: "central manager", submit: "access point", execute: "execution point", mini: "personal pool",
  joined: "joined node" };
let state = null;
let cell = 12;
let cells = [];  // node and letter of each cell, in the order of the map
let drawn = "";
let detail = "";
let typed = false;  // a number that is not asked for yet

export function begin() {
  byId("scale").addEventListener("submit", (event) => {
    event.preventDefault();
    typed = false;
    act("scale", { execution_points: Number(byId("scale-number").value), group: byId("scale-group").value });
  });
  byId("scale-number").addEventListener("input", () => { typed = true; });
  const map = byId("map");
  map.addEventListener("click", (event) => {
    const across = Math.floor(map.clientWidth / cell);
    const place = Math.floor(event.offsetY / cell) * across + Math.floor(event.offsetX / cell);
    if (cells[place]) open(cells[place][0]);
  });
  byId("node-search").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("node-name").value.trim();
    const found = state.map.find(([name]) => name === text) ?? state.map.find(([name]) => name.endsWith(`-${text}`))
      ?? state.map.find(([name]) => name.includes(text));
    if (text && found) open(found[0]);
  });
}

export function update(body) {
  state = body.state;
  legend();
  scaling();
  byId("cards").hidden = !state.cards;
  byId("map-box").hidden = !!state.cards;
  if (state.cards) cards(state.cards);
  else drawMap();
  fill(byId("last"), body.changes, () => body.changes.length
    ? body.changes.map((each) => el("li", {}, el("time", { datetime: each.at }, clock(each.at)), el("span", {}, each.text)))
    : [el("li", {}, el("span", { class: "quiet" }, "nothing yet"))]);
  if (detail) open(detail, true);
}

function legend() {
  const counts = Object.entries(WORDS).filter(([code]) => state.slots[code]).map(([code, words]) => [code, words, state.slots[code]]);
  fill(byId("legend"), counts, () => counts.map(([code, words, count]) =>
    el("li", {}, el("span", { class: "cell", "data-code": code, "aria-hidden": "true" }), `${words}: ${number(count)}`)));
}

function scaling() {
  const groups = Object.entries(state.groups);
  for (const each of document.querySelectorAll(".only-groups")) each.hidden = groups.length < 2;
  byId("scale").hidden = !groups.length;
  fill(byId("scale-group"), groups.map(([name]) => name), () => groups.length < 2 ? [el("option", { value: "" })]
    : groups.map(([name]) => el("option", {}, name)));
  const input = byId("scale-number");
  if (!typed && document.activeElement !== input) input.value = state.groups[byId("scale-group").value] ?? groups[0]?.[1] ?? "";
}

function cards(rows) {
  const box = byId("cards");
  const known = new Map([...box.children].map((card) => [card.dataset.node, card]));
  for (const row of rows) {
    let card = known.get(row.name);
    known.delete(row.name);
    if (!card) { card = el("article", { class: "node", "data-node": row.name, "aria-label": row.name }); box.append(card); }
    card.dataset.up = row.up ? String(row.unhealthy || row.faults.length ? "warn" : "true") : "false";
    fill(card, row, () => content(row));
  }
  for (const gone of known.values()) gone.remove();
  const order = rows.map((row) => row.name);
  const sorted = [...box.children].sort((a, b) => order.indexOf(a.dataset.node) - order.indexOf(b.dataset.node));
  sorted.forEach((card, place) => { if (box.children[place] !== card) box.insertBefore(card, box.children[place]); });
}

function content(row) {
  const silent = row.daemons.filter((daemon) => !daemon.alive).map((daemon) => daemon.type);
  const drained = row.faults.includes("drain-node");
  const head = el("header", {}, el("h3", {}, row.name),
    el("span", { class: row.up ? (row.unhealthy ? "warn" : "quiet") : "bad" }, row.unhealthy ? "unhealthy" : row.state));
  const about = [ROLES[row.role] ?? row.role, row.host, row.address].filter(Boolean).join(" · ");
  const parts = [head, el("p", { class: "quiet" }, about)];
  if (row.up && silent.length) parts.push(el("p", { class: "warn" }, `silent: ${silent.join(" ")}`));
  if (row.faults.length) parts.push(el("p", { class: "warn" }, `faults: ${row.faults.join(", ")}`));
  if (row.slots.length) parts.push(el("ul", { class: "slots" }, ...row.slots.map(slotLine)));
  if (row.role === "execute" && row.up) {
    parts.push(el("div", { class: "buttons" }, el("button", {
      class: "small", "data-focus": "drain", "aria-label": `${drained ? "End the drain of" : "Drain"} ${row.name}`,
      onclick: () => (drained ? act("heal", { what: row.name }) : act("fault", { fault: "drain-node", nodes: [row.name] })),
    }, drained ? "End drain" : "Drain")));
  }
  return parts;
}

function slotLine(slot) {
  const what = slot.job ? `job ${slot.job} of ${slot.owner ?? "?"}`
    : `${counted(slot.cpus, "core")}, ${memory(slot.memory_mb)} ${slot.code === "f" ? "free" : WORDS[slot.code].toLowerCase()}`;
  return el("li", { title: `${slot.state}: ${what}` },
    el("span", { class: "cell", "data-code": slot.code, "aria-hidden": "true" }), el("span", {}, slot.name), el("span", {}, what));
}

const memory = (mb) => (mb < 1024 ? `${Math.round(mb)} MiB` : `${(mb / 1024).toFixed(1)} GiB`);

function drawMap() {
  const map = byId("map");
  const width = map.parentElement.clientWidth;
  if (!width) return;
  cells = [];
  for (const [name, , codes] of state.map) for (const code of codes) cells.push([name, code]);
  cell = cells.length > 6000 ? 7 : cells.length > 3000 ? 9 : cells.length > 1500 ? 12 : 16;
  const across = Math.max(1, Math.floor(width / cell));
  const height = Math.max(1, Math.ceil(cells.length / across)) * cell;
  const scale = devicePixelRatio || 1;
  const key = JSON.stringify([width, scale, matchMedia("(prefers-color-scheme: dark)").matches, cells.map(([, code]) => code).join("")]);
  if (drawn === key) return;
  drawn = key;
  map.width = width * scale;
  map.height = height * scale;
  map.style.width = `${width}px`;
  map.style.height = `${height}px`;
  const pen = map.getContext("2d");
  pen.scale(scale, scale);
  const paint = { b: colour("accent"), c: colour("accent-soft"), s: colour("accent-soft"), f: colour("free"), d: colour("amber-soft"),
    p: colour("amber"), o: colour("owner"), x: colour("red"), "?": colour("quiet") };
  for (const [place, [, code]] of cells.entries()) {
    pen.fillStyle = paint[code] ?? paint["?"];
    pen.fillRect((place % across) * cell, Math.floor(place / across) * cell, cell - 1.5, cell - 1.5);
  }
  const words = Object.entries(state.slots).map(([code, count]) => `${number(count)} ${WORDS[code] ?? code}`).join(", ");
  map.setAttribute("aria-label", `Map of ${counted(cells.length, "slot")} on ${counted(state.map.length, "node")}: ${words}`);
}

async function open(name, again = false) {
  detail = name;
  const found = await get(`/api/node/${encodeURIComponent(name)}`).catch(() => null);
  if (!found || detail !== name) return;
  const box = byId("node-detail");
  box.hidden = false;
  fill(box, found, () => [
    el("div", { class: "bar" }, el("h2", { tabindex: "-1" }, found.name),
      el("button", { class: "small", "data-focus": "close", onclick: () => { detail = ""; box.hidden = true; } }, "Close")),
    el("ul", { class: "slots" }, ...found.slots.map(slotLine)),
    el("p", { class: "quiet" }, found.jobs.length ? `Jobs: ${found.jobs.map((job) => job.id).join(", ")}` : "No job runs there."),
  ]);
  if (again) return;
  box.scrollIntoView({ block: "nearest" });
  box.querySelector("h2").focus();
}
