// Updates the status page from status.json. Strings only become text nodes, never markup. Counters
// are 64-bit and transferred as strings, hence BigInt.
"use strict";

const POLL_MS = 1000;
const TIMEOUT_MS = 3000;
const EVENTS_SHOWN = 20;
const NONE = "–";

const MEANING = {
  starting: "not accepting connections yet",
  serving: "",
  unhealthy: "health is NOT_SERVING; connections are still accepted and served",
  quiet: "draining: waiting until no new connections arrive",
  refusing: "draining: new connections are refused",
  closing: "draining: connections are being closed",
  drained: "no connections are left",
  stopped: "the process is stopping",
};

const byId = (id) => document.getElementById(id);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- numbers, formatted as by echogwctl ----

function threeDigits(value) {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function scale(value, step, units) {
  let unit = 0;
  while (value >= step - 0.5 && unit + 1 < units.length) {
    value /= step;
    unit += 1;
  }
  return threeDigits(value) + units[unit];
}

const COUNTS = ["", "k", "M", "G", "T", "P", "E"];
const BYTES = [" B/s", " KiB/s", " MiB/s", " GiB/s", " TiB/s", " PiB/s", " EiB/s"];

function count(big) {
  return big < 10000n ? String(big) : scale(Number(big), 1000, COUNTS);
}

function rate(perSecond) {
  if (perSecond === null) return NONE;
  if (perSecond < 100) return String(Number(perSecond.toFixed(perSecond < 9.95 ? 2 : 1)));
  return scale(perSecond, 1000, COUNTS);
}

function byteRate(perSecond) {
  if (perSecond === null) return NONE;
  return perSecond < 1023.5 ? `${perSecond.toFixed(0)} B/s` : scale(perSecond, 1024, BYTES);
}

function duration(seconds) {
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d${two(Math.floor(s / 3600) % 24)}h`;
}

// Local time; with the date unless it is today.
function when(time) {
  const clock = time.toLocaleTimeString(undefined, { hour12: false });
  const today = time.toDateString() === new Date().toDateString();
  return today ? clock : `${time.toLocaleDateString()} ${clock}`;
}

// 0, 1, 2, 5 as "0-2, 5".
function ranges(ids) {
  const parts = [];
  ids.forEach((id, i) => {
    if (i > 0 && ids[i - 1] === id - 1) parts[parts.length - 1][1] = id;
    else parts.push([id, id]);
  });
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
}

// ---- samples ----

const word = (name, prefix) => name.slice(prefix.length).toLowerCase().replaceAll("_", " ");
const number = (text) => BigInt(text ?? 0);

function measure(counters) {
  return {
    connections: number(counters.connections_active),
    accepts: number(counters.connections_accepted),
    messages: number(counters.reads),
    received: number(counters.received_bytes),
    sent: number(counters.sent_bytes),
    busy: number(counters.loop_busy_nanoseconds),
    wait: number(counters.loop_wait_nanoseconds),
  };
}

function understand(status) {
  const stats = status.stats;
  const sample = {
    status,
    life: status.start_time,
    uptime: Number.parseFloat(stats.uptime),
    time: new Date(stats.time),
    state: word(stats.state, "GATEWAY_STATE_"),
    total: measure(stats.total),
    reactors: new Map(),
  };
  for (const reactor of stats.reactors) {
    sample.reactors.set(reactor.id, {
      id: reactor.id,
      cpu: reactor.cpu < 0 ? "any" : String(reactor.cpu),
      state: word(reactor.state, "REACTOR_STATE_"),
      weight: reactor.steering_weight,
      queue: reactor.listeners.reduce((sum, listener) => sum + listener.accept_queue, 0),
      ...measure(reactor.counters),
    });
  }
  return sample;
}

// The rate of a counter; null if unknown.
function perSecond(key, now, before, seconds) {
  if (!before || !(seconds > 0)) return null;
  return Math.max(Number(now[key] - before[key]) / seconds, 0);
}

function busyShare(now, before) {
  if (!before) return NONE;
  const busy = Number(now.busy - before.busy);
  const all = busy + Number(now.wait - before.wait);
  return all > 0 ? `${Math.min(Math.max((100 * busy) / all, 0), 100).toFixed(0)} %` : "0 %";
}

// ---- drawing ----

function setState(node, state) {
  setText(node, state);
  if (node.dataset.state !== state) node.dataset.state = state;
}

function add(parent, tag, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  parent.append(made);
  return made;
}

function cell(row, label, text = "") {
  const made = add(row, "td", { textContent: text });
  if (label) made.dataset.label = label;
  return made;
}

const reactorRows = new Map();

function makeReactorRow(id) {
  const row = document.createElement("tr");
  row.dataset.reactor = String(id);
  add(row, "th", { scope: "row", textContent: String(id) }).dataset.label = "Reactor";
  const cpu = cell(row, "CPU");
  const state = add(cell(row), "span", { className: "state" });
  const weight = cell(row, "Weight");
  const load = add(row, "td", { className: "load" });
  return {
    row,
    cpu,
    state,
    weight,
    bar: add(load, "i"),
    connections: add(load, "span"),
    accepts: cell(row, "Accepts/s"),
    messages: cell(row, "Messages/s"),
    busy: cell(row, "Busy"),
    queue: cell(row, "Queue"),
  };
}

function drawReactor(parts, now, before, seconds, most) {
  setText(parts.cpu, now.cpu);
  setState(parts.state, now.state);
  setText(parts.weight, String(now.weight));
  setText(parts.connections, count(now.connections));
  parts.bar.style.width = most > 0n ? `${(100 * Number(now.connections)) / Number(most)}%` : "0";
  setText(parts.accepts, rate(perSecond("accepts", now, before, seconds)));
  setText(parts.messages, rate(perSecond("messages", now, before, seconds)));
  setText(parts.busy, busyShare(now, before));
  setText(parts.queue, String(now.queue));
}

function drawReactors(sample, before, seconds) {
  const body = byId("reactors").tBodies[0];
  const all = [...sample.reactors.values()];
  const shown = all.filter((r) => r.state !== "parked");
  const parked = all.filter((r) => r.state === "parked").map((r) => r.id);
  const most = shown.reduce((max, r) => (r.connections > max ? r.connections : max), 0n);
  for (const [id, parts] of reactorRows) {
    if (shown.some((r) => r.id === id)) continue;
    parts.row.remove();
    reactorRows.delete(id);
  }
  shown.forEach((reactor, i) => {
    const parts = reactorRows.get(reactor.id) ?? makeReactorRow(reactor.id);
    reactorRows.set(reactor.id, parts);
    if (body.rows[i] !== parts.row) body.insertBefore(parts.row, body.rows[i] ?? null);
    drawReactor(parts, reactor, before?.reactors.get(reactor.id), seconds, most);
  });
  const note = parked.length > 0 ? `; parked: ${ranges(parked)}` : "";
  setText(byId("reactors-note"), `${shown.length} running${note}`);
}

let eventsDrawn = "";

function drawEvents(events, life) {
  const newest = events.slice(-EVENTS_SHOWN).reverse();
  const drawn = `${life} ${newest.map((event) => event.id).join()}`;
  if (drawn === eventsDrawn) return;
  eventsDrawn = drawn;
  const rows = newest.map((event) => {
    const row = document.createElement("tr");
    const { time } = event;
    add(cell(row), "time", { dateTime: time, title: time, textContent: when(new Date(time)) });
    cell(row, "", event.kind);
    cell(row, "by", event.actor.replace(/(^| at )ipv[46]:/, "$1"));
    const result = cell(row);
    const severity = word(event.severity, "EVENT_SEVERITY_");
    if (severity !== "info") {
      setState(add(result, "span", { className: "state" }), severity);
      result.append(" ");
    }
    result.append(event.message);
    return row;
  });
  byId("events").tBodies[0].replaceChildren(...rows);
}

function draw(sample, before) {
  const seconds = before ? sample.uptime - before.uptime : 0;
  setState(byId("state"), sample.state);
  setText(byId("meaning"), MEANING[sample.state] ?? "");
  setText(byId("version"), sample.status.version);
  setText(byId("revision"), sample.status.revision || "unknown");
  setText(byId("uptime"), duration(sample.uptime));
  setText(byId("connections"), count(sample.total.connections));
  for (const key of ["messages", "accepts"]) {
    setText(byId(key), rate(perSecond(key, sample.total, before?.total, seconds)));
  }
  for (const key of ["received", "sent"]) {
    setText(byId(key), byteRate(perSecond(key, sample.total, before?.total, seconds)));
  }
  drawReactors(sample, before, seconds);
  drawEvents(sample.status.events, sample.life);
  document.title = `${sample.state} - echogw`;
}

// ---- polling, and lost connections ----

let last = null;
let lastAt = performance.now();
let lost = false;

function showAge() {
  const age = duration((performance.now() - lastAt) / 1000);
  setText(byId("age"), !lost ? "" : last === null
    ? `No data for ${age}. Retrying.`
    : `The data below is ${age} old; the gateway was ${last.state}. Retrying.`);
}

function setLost(why) {
  lost = why !== "";
  byId("lost").hidden = !lost;
  document.body.classList.toggle("is-lost", lost);
  setText(byId("why"), lost ? `Lost the gateway: ${why}.` : "");
  if (lost) {
    setState(byId("state"), "lost");
    setText(byId("meaning"), "");
    document.title = "lost - echogw";
  }
  showAge();
}

class NoReply extends Error {}

async function ask() {
  let response;
  try {
    response = await fetch("status.json", {
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return await response.text();
  } catch (error) {
    throw new NoReply(error.name === "TimeoutError"
      ? `no response within ${TIMEOUT_MS / 1000} s` : "it is unreachable");
  }
  throw new NoReply(`it responded with HTTP ${response.status}`);
}

async function poll() {
  try {
    const sample = understand(JSON.parse(await ask()));
    const before = last?.life === sample.life ? last : null;  // a restart resets the counters
    if (sample.uptime !== before?.uptime || lost) draw(sample, before);
    last = sample;
    lastAt = performance.now();
    byId("updated").dateTime = sample.status.stats.time;
    setText(byId("updated"), when(sample.time));
    setLost("");
  } catch (error) {
    if (!(error instanceof NoReply)) console.error(error);
    setLost(error instanceof NoReply ? error.message : "its response is invalid");
  }
  setTimeout(poll, POLL_MS);
}

setInterval(showAge, 1000);
poll();
