/** The machine: its memories as bars, what it is, and what is wrong with it. */

import type { Accelerator, Finding, MemoryPool, Snapshot } from "../documents";
import { h, type Child } from "../base/dom";
import { figure, size } from "../base/figures";
import { command, name, told } from "../base/names";
import { bytes, count } from "../base/units";
import { say, sentence } from "../base/words";

export function machineView(snapshot: Snapshot): HTMLElement {
  const idle = snapshot.accelerators.filter((accelerator) => accelerator.pools.length === 0);
  return h(
    "div",
    { class: "machine" },
    facts(snapshot),
    h(
      "div",
      { class: "bars" },
      snapshot.pools.map((pool) => poolBar(pool, snapshot.accelerators)),
    ),
    idle.length > 0 &&
      h(
        "ul",
        { class: "bullets" },
        idle.map((accelerator) => h("li", {}, unused(accelerator))),
      ),
    findings(snapshot.findings),
  );
}

function facts(snapshot: Snapshot): HTMLElement {
  const { host } = snapshot;
  const cores = host.cpu.physical_cores;
  const parts: Child[] = [
    h("strong", {}, name(say(`origin.${snapshot.origin}`))),
    host.product && name(host.product),
    snapshot.origin !== "hypothetical" && host.os && name(host.os),
    host.cpu.name && name(host.cpu.name),
    cores !== null && sentence("report.cores", { cores: figure(cores, count) }),
  ];
  return h(
    "ul",
    { class: "facts" },
    parts.filter((part) => part !== null && part !== "").map((part) => h("li", {}, part)),
  );
}

function poolBar(pool: MemoryPool, accelerators: readonly Accelerator[]): HTMLElement {
  const own = accelerators.filter((accelerator) => accelerator.pools.includes(pool.id));
  const taken = pool.limits.reduce((sum, limit) => sum + limit.bytes, 0);
  const whole = pool.total_bytes ?? taken + (pool.budget_bytes ?? 0);
  const track = h("div", { class: "track", "aria-hidden": "true" });
  const part = (kind: string, amount: number, title: string): void => {
    const segment = h("div", { class: `segment ${kind}`, title: `${title}: ${bytes(amount)}` });
    segment.style.flexGrow = String(whole > 0 ? amount / whole : 0);
    track.append(segment);
  };
  pool.limits.forEach((limit, at) => part(`taken-${at % TAKEN}`, limit.bytes, limit.detail?.text ?? limit.by));
  if (pool.budget_bytes !== null) part("left", pool.budget_bytes, say("report.for-models"));
  const holders = pool.held_by.filter((holder) => holder.name !== null);
  return h(
    "section",
    { class: "memory" },
    h(
      "h3",
      {},
      h("span", { class: "device" }, poolName(pool, own)),
      " ",
      h(
        "span",
        { class: "full" },
        sentence("report.free-of", { part: size(pool.budget_bytes), whole: size(pool.total_bytes) }),
      ),
    ),
    whole > 0 && track,
    h(
      "ul",
      { class: "parts" },
      pool.limits.map((limit, at) =>
        h(
          "li",
          {},
          h("span", { class: `swatch taken-${at % TAKEN}`, "aria-hidden": "true" }),
          limit.detail === null ? name(limit.by) : name(limit.detail.text),
          " ",
          size(limit.bytes),
        ),
      ),
      h(
        "li",
        {},
        h("span", { class: "swatch left", "aria-hidden": "true" }),
        say("report.for-models"),
        " ",
        size(pool.budget_bytes),
      ),
    ),
    holders.length > 0 &&
      h(
        "p",
        { class: "holders" },
        say("report.held-by"),
        " ",
        holders.map((holder, at) => [
          at > 0 && ", ",
          name(holder.name ?? ""),
          holder.used_bytes !== null && [" ", size(holder.used_bytes)],
        ]),
      ),
    own
      .filter((accelerator) => accelerator.why_not !== null)
      .map((accelerator) => h("p", { class: "hint" }, unused(accelerator))),
  );
}

const TAKEN = 4;

function poolName(pool: MemoryPool, own: readonly Accelerator[]): Child {
  const devices = own.map((accelerator, at) => [at > 0 && ", ", name(accelerator.id), " ", name(accelerator.name)]);
  if (pool.id !== "ram") return devices.length > 0 ? devices : name(pool.id);
  return [say(pool.kind === "unified" ? "report.unified" : "pool.ram"), devices.length > 0 && [" · ", devices]];
}

function unused(accelerator: Accelerator): Child {
  return [name(accelerator.id), " ", name(accelerator.name), accelerator.why_not && [": ", told(accelerator.why_not)]];
}

function findings(found: readonly Finding[]): HTMLElement {
  if (found.length === 0) return h("p", { class: "clear" }, say("report.no-findings"));
  return h(
    "section",
    { class: "findings" },
    h("h3", {}, say("report.findings")),
    found.map((finding) =>
      h(
        "article",
        { class: `finding ${finding.severity}` },
        h(
          "h4",
          {},
          h("span", { class: "severity" }, say(`severity.${finding.severity}`)),
          " ",
          name(finding.title.text),
        ),
        h("p", {}, told(finding.detail)),
        finding.remedy && [
          h("p", { class: "remedy" }, told(finding.remedy.text)),
          finding.remedy.commands.length > 0 && command(finding.remedy.commands.join("\n")),
          finding.remedy.link !== null && h("p", {}, name(finding.remedy.link)),
        ],
      ),
    ),
  );
}
