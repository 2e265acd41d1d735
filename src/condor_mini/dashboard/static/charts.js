// How many jobs there were over time (uPlot), and which jobs were on which machines (a canvas).
/* global uPlot */
import { byId, clock, colour, counted, el, fill, get, number, table } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
let plot = null;
let look = "";

export const lines = {
  shown() { look = ""; },
  async update({ version }) {
    const box = byId("chart");
    const width = box.clientWidth;
    if (!width) return;
    const key = `${version} ${width} ${dark.matches}`;
    if (key === look) return;
    look = key;
    const data = await get("/api/history").catch(() => null);
    if (!data || look !== key) return;
    const shape = `${width} ${dark.matches}`;
    if (plot && box.dataset.shape === shape) { plot.setData(data.slice(0, 4)); return; }
    box.dataset.shape = shape;
    plot?.destroy();
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
    const whole = (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? number(tick) : ""));
    const points = { show: false };
    plot = new uPlot({
      width, height: 190, cursor: { y: false },
      scales: { y: { range: (_, __, high) => [0, Math.max(4, high * 1.1)] } },
      axes: [{ ...axis, values: [[3600, "{HH}:{mm}"], [60, "{HH}:{mm}"], [1, "{HH}:{mm}:{ss}"]] }, { ...axis, values: whole, size: 62 }],
      series: [{ value: "{HH}:{mm}:{ss}" },
        { label: "idle", stroke: colour("quiet"), width: 2, dash: [6, 4], points },
        { label: "running", stroke: colour("accent"), width: 2, fill: colour("accent") + "22", points },
        { label: "held", stroke: colour("red"), width: 2, dash: [2, 3], points }],
    }, data.slice(0, 4), box);
  },
};

let asked = "";
let spans = [];
export const timeline = {
  begin() { byId("span").addEventListener("change", draw); },
  shown() { asked = ""; },
  async update({ jobs_version: version }) {
    if (asked !== String(version)) {
      asked = String(version);
      spans = await get("/api/timeline").catch(() => spans);
    }
    draw();
  },
};

const LANE = 18;
const MOST_LANES = 60;
function draw() {
  const canvas = byId("timeline");
  const width = canvas.parentElement.clientWidth;
  if (!width) return;
  const now = Date.now() / 1000;
  const from = now - Number(byId("span").value);
  const seen = spans.filter((span) => (span.ended ?? now) >= from);
  const lanes = lay(seen, now);
  const shown = lanes.slice(0, MOST_LANES);
  const names = Math.min(170, width * 0.34);
  const height = shown.length * LANE + 26;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const x = (time) => names + ((Math.max(time, from) - from) / (now - from)) * (width - names);
  for (let mark = 0; mark <= 4; mark += 1) {
    const time = from + ((now - from) * mark) / 4;
    pen.fillStyle = colour("line");
    pen.fillRect(Math.min(x(time), width - 1), 0, 1, height - 22);
    pen.fillStyle = colour("quiet");
    pen.textAlign = mark === 4 ? "right" : mark ? "center" : "left";
    if (width > 600 || mark % 2 === 0) pen.fillText(clock(time * 1000), x(time), height - 10);
  }
  pen.textAlign = "left";
  let before = "";
  for (const [place, lane] of shown.entries()) {
    const y = place * LANE;
    if (lane.node !== before) {
      pen.fillStyle = colour("text");
      pen.fillText(lane.node, 0, y + LANE / 2, names - 8);
    }
    before = lane.node;
    for (const span of lane.spans) {
      const left = x(span.began);
      const wide = Math.max(2, x(span.ended ?? now) - left - 1);
      pen.fillStyle = span.ended ? colour("accent-soft") : colour("accent");
      pen.fillRect(left, y + 2, wide, LANE - 4);
      if (wide > 34) {
        pen.fillStyle = span.ended ? colour("text") : colour("on-accent");
        pen.fillText(span.job, left + 4, y + LANE / 2, wide - 6);
      }
    }
  }
  canvas.setAttribute("aria-label", `Timeline: ${counted(seen.length, "job")} on ${counted(new Set(seen.map((span) => span.node)).size, "machine")}`);
  const last = seen.slice(-20).reverse();
  fill(byId("spans"), last, () => table([["Job", "nowrap"], ["Owner", ""], ["Machine", "nowrap"], ["Began", "nowrap"], ["Ended", "nowrap"]],
    last.map((span) => [span.job, span.owner, span.node, clock(span.began * 1000), span.ended ? clock(span.ended * 1000) : "runs"]),
    "No job has run while this page looked", "The last jobs on machines"));
}

/** Return lanes of spans that do not overlap, by machine. */
function lay(seen, now) {
  const machines = new Map();
  for (const span of [...seen].sort((a, b) => a.began - b.began)) {
    if (!machines.has(span.node)) machines.set(span.node, []);
    const lanes = machines.get(span.node);
    const free = lanes.find((lane) => (lane.spans.at(-1).ended ?? now) <= span.began);
    if (free) free.spans.push(span);
    else lanes.push({ node: span.node, spans: [span] });
  }
  return [...machines.keys()].sort().flatMap((node) => machines.get(node));
}
