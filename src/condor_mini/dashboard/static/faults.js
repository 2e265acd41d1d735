// Faults: those in force, and a form that is made of the catalogue.
import { act, byId, clock, el, fill, table } from "./dom.js";

const TIMES = [["", "until it is healed"], ["30", "30 s"], ["120", "2 minutes"], ["600", "10 minutes"]];
let catalogue = [];
let state = null;

export function begin({ faults }) {
  catalogue = faults;
  const select = byId("fault-name");
  const titles = { NODE: "of a node", "NODE DAEMON": "of a daemon", "NODE...": "of nodes and their network", JOBS: "of jobs" };
  for (const [target, title] of Object.entries(titles)) {
    const those = faults.filter((fault) => fault.target === target);
    if (those.length) select.append(el("optgroup", { label: title }, ...those.map((fault) => el("option", {}, fault.name))));
  }
  select.addEventListener("change", form);
  byId("heal-all").addEventListener("click", () => act("heal"));
  byId("fault").addEventListener("submit", (event) => { event.preventDefault(); strike(); });
}

export function update(body) {
  state = body.state;
  byId("heal-all").disabled = !state.faults.length;
  fill(byId("faults"), state.faults, () => table(
    [["Fault", ""], ["Target", "nowrap"], ["Since", "nowrap"], ["Until", "nowrap"], ["Undo", ""]],
    state.faults.map((fault) => [fault.fault, fault.target, clock(fault.since), fault.until ? clock(fault.until) : "healed",
      el("button", { class: "small", "data-focus": `${fault.fault} ${fault.target}`, "aria-label": `Heal ${fault.fault} ${fault.target}`,
        onclick: () => act("heal", { what: fault.target }) }, "Heal")]),
    "Nothing is broken on purpose", "Faults in force"));
  form();
}

const chosen = () => catalogue.find((fault) => fault.name === byId("fault-name").value);

function form() {
  const fault = chosen();
  if (!fault || !state) return;
  const names = nodeNames(fault);
  const fields = byId("fault-fields");
  const key = JSON.stringify([fault.name, names]);
  if (fields.dataset.key === key) return;
  fields.dataset.key = key;
  byId("fault-what").textContent = fault.what;
  byId("fault-seen").textContent = `Seen: ${fault.seen}. ${fault.lasts ? `It lasts, and is undone by: ${fault.undone_by}.` : "It is a moment."}`;
  const made = [];
  if (fault.target === "JOBS") {
    made.push(field("Jobs", el("input", { id: "fault-jobs", type: "text", required: true, placeholder: "3.0, or a cluster: 3" })));
    if (names.length > 1) made.push(field("Access point", nodeSelect(names)));
  } else {
    const select = nodeSelect(names);
    if (fault.target === "NODE...") { select.multiple = true; select.size = Math.min(5, Math.max(2, names.length)); }
    made.push(field(fault.target === "NODE..." ? "Nodes" : "Node", select));
  }
  if (fault.daemons.length) {
    made.push(field("Daemon", el("select", { id: "fault-daemon" }, ...fault.daemons.map((name) => el("option", {}, name)))));
  }
  if (fault.lasts) {
    made.push(field("For", el("select", { id: "fault-for" }, ...TIMES.map(([value, words]) => el("option", { value }, words)))));
  }
  for (const option of fault.options) {
    made.push(field(option.name, el("input", { id: `fault-option-${option.name}`, type: "text", required: option.required,
      "data-option": option.name, title: option.what, placeholder: option.what })));
  }
  fields.replaceChildren(fields.firstElementChild, ...made);
}

function nodeNames(fault) {
  const ours = (state.cards ?? state.map.map(([name]) => ({ name, role: "" }))).filter((card) => card.role !== "joined");
  if (fault.target === "JOBS") return state.jobs.access_points;
  return (fault.name === "drain-node" ? ours.filter((card) => ["execute", "mini", ""].includes(card.role)) : ours).map((card) => card.name);
}

const nodeSelect = (names) => el("select", { id: "fault-node", required: true }, ...names.map((name) => el("option", {}, name)));
const field = (title, input) => el("div", {}, el("label", { for: input.id }, title), input);

function strike() {
  const fault = chosen();
  const options = Object.fromEntries([...document.querySelectorAll("[data-option]")].map((input) => [input.dataset.option, input.value]));
  act("fault", {
    fault: fault.name,
    nodes: [...(byId("fault-node")?.selectedOptions ?? [])].map((option) => option.value),
    daemon: byId("fault-daemon")?.value ?? "",
    jobs: (byId("fault-jobs")?.value ?? "").split(/[\s,]+/).filter(Boolean),
    options,
    for_s: Number(byId("fault-for")?.value) || null,
  });
}
