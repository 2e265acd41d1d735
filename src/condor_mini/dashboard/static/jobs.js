// Jobs: by owner, one by one in pages, and what can be done to them.
import { act, byId, clock, counted, el, fill, get, number, settled, table } from "./dom.js";

const PAGE = 100;
let offset = 0;
let asked = "";
let page = { total: 0, offset: 0, rows: [] };
const chosen = new Map();  // by access point and id

export function begin({ directory }) {
  byId("directory").textContent = directory;
  byId("submit").addEventListener("submit", async (event) => {
    event.preventDefault();
    const done = await act("submit", { file: byId("submit-file").value, node: byId("submit-node").value });
    if (done) byId("submit-file").select();
  });
  const refilter = settled(150, () => { offset = 0; load(); });
  byId("job-filter").addEventListener("input", refilter);
  byId("job-filter").addEventListener("submit", (event) => event.preventDefault());
  byId("previous").addEventListener("click", () => { offset = Math.max(0, offset - PAGE); load(); });
  byId("next").addEventListener("click", () => { offset += PAGE; load(); });
  byId("why").addEventListener("click", why);
  for (const button of byId("job-actions").children) {
    button.addEventListener("click", async () => {
      const jobs = [...chosen.values()];
      if (button.dataset.act === "remove" && !confirm(`Remove ${counted(jobs.length, "job")} from the queue?`)) return;
      if (await act(button.dataset.act, { jobs })) { chosen.clear(); draw(); }
    });
  }
}

export function shown() { asked = ""; }

export function update({ state, jobs_version: version }) {
  const { jobs } = state;
  fill(byId("owners"), jobs.by_owner, () => table(
    [["Owner", ""], ...["Idle", "Running", "Held", "Other"].map((title) => [title, "number"])],
    jobs.by_owner.map(({ owner, idle = 0, running = 0, held = 0, ...others }) =>
      [owner, number(idle), number(running), number(held), number(Object.values(others).reduce((a, b) => a + b, 0))]),
    "There are no jobs in the queue", `Jobs by owner and state${jobs.owners > jobs.by_owner.length ? ", the largest" : ""}`));
  options(byId("job-owner"), jobs.by_owner.map((row) => row.owner), "all");
  for (const each of document.querySelectorAll(".only-points")) each.hidden = jobs.access_points.length < 2;
  options(byId("submit-node"), jobs.access_points, "the first");
  if (asked !== String(version)) { asked = String(version); load(); }
}

function options(select, names, first) {
  const before = select.value;
  if (fill(select, names, () => [el("option", { value: "" }, first), ...names.map((name) => el("option", {}, name))])) {
    select.value = names.includes(before) ? before : "";
  }
}

let latest = 0;
async function load() {
  const ours = ++latest;
  const query = new URLSearchParams({ state: byId("job-state").value, owner: byId("job-owner").value,
    text: byId("job-text").value, offset, limit: PAGE });
  const found = await get(`/api/jobs?${query}`).catch(() => null);
  if (!found || ours !== latest) return;
  page = found;
  if (page.total === page.rows.length && !byId("job-state").value && !byId("job-owner").value && !byId("job-text").value) {
    // The whole queue is here: what is not in it cannot stay chosen.
    const there = new Set(page.rows.map(key));
    for (const each of [...chosen.keys()]) if (!there.has(each)) chosen.delete(each);
  }
  if (offset && !page.rows.length) { offset = 0; load(); return; }
  draw();
}

const key = (job) => `${job.access_point} ${job.id}`;

function draw() {
  const several = byId("submit-node").options.length > 2;
  const all = el("input", { type: "checkbox", "aria-label": "Choose all jobs of this page", "data-focus": "all" });
  all.checked = page.rows.length > 0 && page.rows.every((job) => chosen.has(key(job)));
  all.addEventListener("change", () => { page.rows.forEach((job) => choose(job, all.checked)); draw(); });
  const columns = [[all, ""], ["Job", "nowrap"], ...(several ? [["Access point", "nowrap"]] : []), ["Owner", ""], ["State", ""],
    ["Since", "nowrap"], ["Command", ""], ["Where, or why", "wide"]];
  fill(byId("jobs"), [page, [...chosen.keys()], several], () => table(columns, page.rows.map((job) => {
    const box = el("input", { type: "checkbox", "aria-label": `Choose job ${job.id}`, "data-focus": key(job) });
    box.checked = chosen.has(key(job));
    box.addEventListener("change", () => { choose(job, box.checked); draw(); });
    return [box, job.id, ...(several ? [job.access_point] : []), job.owner, el("span", { class: "state", "data-state": job.state }, job.state),
      clock(job.since), job.command, job.reason ?? job.node ?? "–"];
  }), "No such jobs", "Jobs in the queues"));
  byId("why").textContent = chosen.size ? "Why are these idle?" : "Why are jobs idle?";
  byId("chosen").textContent = chosen.size ? `${counted(chosen.size, "job")} chosen` : "No job chosen";
  for (const button of byId("job-actions").children) button.disabled = !chosen.size;
  const last = page.offset + page.rows.length;
  byId("page").textContent = page.total ? `${number(page.offset + 1)}–${number(last)} of ${number(page.total)}` : "";
  byId("previous").disabled = !page.offset;
  byId("next").disabled = last >= page.total;
  byId("pages").hidden = page.total <= PAGE;
}

function choose(job, on) {
  if (on) chosen.set(key(job), { access_point: job.access_point, id: job.id });
  else chosen.delete(key(job));
}

async function why() {
  const button = byId("why");
  const box = byId("findings");
  button.disabled = true;
  box.replaceChildren(el("p", { class: "quiet" }, "HTCondor analyses the idle jobs …"));
  try {
    const query = new URLSearchParams([...chosen.values()].slice(0, 5).map((job) => ["job", `${job.access_point}/${job.id}`]));
    const found = await get(`/api/why?${query}`);
    box.replaceChildren(el("ul", { class: "findings" }, ...found.map((each) =>
      el("li", {}, el("strong", {}, each.subject), `: ${each.evidence}`, each.hint ? el("code", {}, each.hint) : ""))));
  } catch (error) {
    box.replaceChildren(el("p", {}, error.message));
  } finally {
    button.disabled = false;
  }
}
