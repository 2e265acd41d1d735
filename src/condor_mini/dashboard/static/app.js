// The page: one stream of states from the server, which each view shows in its own way.
import { act, byId, clock, el, fill, get, number, table, useSecret } from "./dom.js";
import * as nodes from "./nodes.js";
import * as jobs from "./jobs.js";
import * as charts from "./charts.js";
import * as faults from "./faults.js";
import * as logs from "./logs.js";

const views = { nodes: [nodes, charts.lines], jobs: [jobs], timeline: [charts.timeline], users: [users()],
  faults: [faults], events: [logs.events], logs: [logs.daemons] };
let current = "nodes";
let body = null;
let stream = null;
let told = "";

start();

async function start() {
  // The token is in a cookie now; it does not stay in the address, the history or a bookmark.
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);
  tabs();
  document.addEventListener("refused", ({ detail }) => {
    if (detail.name === "look") return;  // nobody has asked for it
    told = detail.problem;
    tasks();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());
  addEventListener("resize", () => show());
  for (const kind of ["pointermove", "keydown"]) addEventListener(kind, attend, { passive: true });
  try {
    const session = await get("/api/session");
    useSecret(session.csrf);
    for (const view of new Set(Object.values(views).flat())) view.begin?.(session);
  } catch (error) {
    banner(error.message);
    return;
  }
  if (!document.hidden) connect();
}

function connect() {
  if (stream) return;
  stream = new EventSource("/events");
  stream.addEventListener("state", (event) => { body = JSON.parse(event.data); show(); });
  stream.addEventListener("beat", (event) => beat(JSON.parse(event.data)));
  stream.addEventListener("open", async () => {
    // It may be another start of the server, with another secret for the buttons.
    const session = await get("/api/session").catch(() => null);
    if (session) useSecret(session.csrf);
    show();
  });
  stream.addEventListener("error", () => {
    byId("live").textContent = "Not connected";
    banner("The dashboard does not answer. This page comes back with it.");
    // A refusal ends the stream for good, and the browser does not say why.
    if (stream?.readyState === EventSource.CLOSED) {
      disconnect();
      get("/api/session").then(connect, (error) => banner(error.message));
    }
  });
  views[current].forEach((view) => view.shown?.());
}

function disconnect() {
  stream?.close();
  stream = null;
  byId("live").textContent = "Paused";
  views[current].forEach((view) => view.left?.());
}

// A calm pool is looked at seldom. Somebody who moves the pointer is looking now.
let pace = 0;
let attended = 0;
function attend() {
  if (!stream || pace < 2 || Date.now() - attended < 10_000) return;
  attended = Date.now();
  act("look");
}

function beat({ at, took_s: took, every_s: every }) {
  pace = every;
  tasks();
  if (at) byId("live").textContent = `As of ${clock(at)} · ${Math.round(took * 1000)} ms · every ${every} s`;
}

function show() {
  if (!body) return;
  const { state, error } = body;
  banner(error ? `${error.message}${error.hint ? `\n${error.hint}` : ""}\nThis page comes back with the pool.` : "");
  const verdict = error ? (error.gone ? "gone" : "none") : state?.pool.verdict ?? "none";
  const chip = byId("verdict");
  chip.dataset.verdict = verdict;
  chip.textContent = error ? (error.gone ? "no pool" : "no answer") : verdict;
  tasks();
  if (!state) return;
  const { pool } = state;
  byId("name").textContent = pool.name;
  document.title = `${pool.name}: ${chip.textContent}`;
  byId("about").textContent = `HTCondor ${pool.version}` + (pool.exposed_at ? ` · other hosts join at ${pool.exposed_at}` : "")
    + (pool.joins ? ` · joins ${pool.joins}` : "");
  const reasons = [...pool.reasons, ...pool.notes, ...(pool.advice ? [pool.advice] : [])];
  byId("reasons").hidden = !reasons.length;
  fill(byId("reasons"), reasons, () => reasons.map((reason) => el("li", {}, reason)));
  tiles(state);
  views[current].forEach((view) => view.update?.(body));
}

function banner(text) {
  byId("banner").hidden = !text;
  byId("banner").textContent = text;
}

function tiles({ jobs: { by_state: by, completed }, slots, nodes: count, faults: made }) {
  const running = (by.running ?? 0) + (by.transferring ?? 0);
  const busy = (slots.b ?? 0) + (slots.c ?? 0) + (slots.s ?? 0) + (slots.p ?? 0);
  const rows = [
    ["running", running, "jobs running", running ? "accent" : ""],
    ["idle", by.idle ?? 0, "jobs idle", ""],
    ["held", by.held ?? 0, "jobs held", by.held ? "red" : ""],
    ["completed", completed, "jobs completed", ""],
    ["busy", busy, "slots claimed", busy ? "accent" : ""],
    ["free", slots.f ?? 0, "slots unclaimed", ""],
    ["nodes", count.running + count.joined, count.down ? `nodes up, ${count.down} down` : "nodes up", count.down ? "red" : ""],
    ...(made.length ? [["faults", made.length, "faults in force", "amber"]] : []),
  ];
  fill(byId("tiles"), rows, () => rows.map(([key, value, what, tone]) =>
    el("div", { class: "tile", "data-tone": tone, "data-tile": key }, el("strong", {}, number(value)), el("span", {}, what))));
}

const dismissed = new Set();
function tasks() {
  // A task that is done goes by itself; one that failed stays until it is dismissed.
  const now = Date.now();
  const rows = (body?.tasks ?? []).filter((task) => !dismissed.has(task.number) &&
    (task.state !== "done" || now - Date.parse(task.at) < 60_000)).slice(0, 4);
  const shown = [...(told ? [{ number: 0, what: "Refused", state: "failed", message: told }] : []), ...rows];
  const words = { waiting: "waits", running: "at work …", done: "done", failed: "failed" };
  fill(byId("tasks"), shown, () => shown.map((task) => el("div", { class: "task", "data-state": task.state },
    el("strong", {}, `${task.what}: ${words[task.state]}`),
    ["done", "failed"].includes(task.state)
      ? el("button", { class: "small", "aria-label": `Dismiss: ${task.what}`, onclick: () => dismiss(task.number) }, "×") : "",
    task.message ? el("p", {}, task.message) : "")));
}

function dismiss(which) {
  if (which) dismissed.add(which);
  else told = "";
  tasks();
}

function tabs() {
  const all = [...document.querySelectorAll("[role=tab]")];
  const choose = (tab, focus) => {
    const name = tab.id.slice(4);
    if (name !== current) views[current].forEach((view) => view.left?.());
    for (const each of all) {
      const chosen = each === tab;
      each.setAttribute("aria-selected", chosen);
      each.tabIndex = chosen ? 0 : -1;
      byId(each.getAttribute("aria-controls")).hidden = !chosen;
    }
    current = name;
    history.replaceState(null, "", `#${name}`);
    if (focus) tab.focus();
    if (stream) views[name].forEach((view) => view.shown?.());
    show();
  };
  for (const [place, tab] of all.entries()) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(all[(to + all.length) % all.length], true);
    });
  }
  const asked = byId(`tab-${location.hash.slice(1)}`);
  if (asked) choose(asked);
}

function users() {
  const head = ["Name", "Priority", "Factor", "Cores in use", "Hours used", "Quota"]
    .map((title, place) => [title, place ? "number" : ""]);
  return {
    update({ state }) {
      fill(byId("users"), state.users, () => table(head, state.users.map((user) => [
        user.is_group ? `${user.name} (group)` : user.name,
        user.is_group ? "–" : user.priority.toFixed(2),
        user.is_group ? "–" : number(user.factor),
        number(user.in_use), number(user.used_hours), user.quota === null ? "–" : number(user.quota),
      ]), "Nobody has had a job yet", "Users and groups"));
    },
  };
}
