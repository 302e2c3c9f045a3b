/** A bar for each memory: what is in it, what is left, and the reserve; all of it as words and figures below. */

import { fill, h, type Child } from "../base/dom";
import { size } from "../base/figures";
import { name } from "../base/names";
import { bytes } from "../base/units";
import { say, sentence } from "../base/words";
import { KIND_WORDS, KINDS, type Held, type Kind } from "./outcome";

type Part = Kind | "left" | "reserve";

/** One memory as it is drawn: that of a device, or that which several devices share. */
interface Memory {
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly budget: number | null;
  readonly total: number;
  readonly parts: readonly (readonly [Part, number])[];
}

export class Bars {
  readonly element = h("div", { class: "bars" });
  private readonly drawn = new Map<string, Bar>();

  update(devices: readonly Held[]): void {
    const memories = memoriesOf(devices);
    const keys = memories.map((memory) => memory.ids.join());
    for (const key of [...this.drawn.keys()]) if (!keys.includes(key)) this.drawn.delete(key);
    fill(
      this.element,
      memories.map((memory) => {
        const key = memory.ids.join();
        const bar = this.drawn.get(key) ?? new Bar();
        this.drawn.set(key, bar);
        bar.update(memory);
        return bar.element;
      }),
    );
  }
}

/** Kept from one setting to the next, so that its parts move instead of jump. */
class Bar {
  readonly element = h("section", { class: "memory" });
  private readonly head = h("h4");
  private readonly track = h("div", { class: "track", "aria-hidden": "true" });
  private readonly parts = new Map<Part, HTMLElement>();
  private readonly limit = h("div", { class: "limit" });
  private readonly list = h("ul", { class: "parts" });

  constructor() {
    this.element.append(this.head, this.track, this.list);
    this.track.append(this.limit);
  }

  update(memory: Memory): void {
    const whole = Math.max(memory.total, memory.budget ?? 0) || 1;
    const over = memory.budget !== null && memory.total > memory.budget;
    this.element.classList.toggle("over", over);
    fill(this.head, headOf(memory));
    for (const [part, amount] of memory.parts) {
      let segment = this.parts.get(part);
      if (segment === undefined) {
        segment = h("div", { class: `segment ${part}` });
        this.parts.set(part, segment);
        this.track.append(segment);
      }
      segment.style.flexGrow = String(amount / whole);
      segment.title = `${partName(part)}: ${bytes(amount)}`;
    }
    this.limit.hidden = !over;
    this.limit.style.insetInlineStart = `${(100 * (memory.budget ?? 0)) / whole}%`;
    fill(
      this.list,
      memory.parts
        .filter(([part, amount]) => amount > 0 || (part === "left" && !over))
        .map(([part, amount]) =>
          h("li", {}, h("span", { class: `swatch ${part}`, "aria-hidden": "true" }), partName(part), " ", size(amount)),
        ),
      over && h("li", { class: "short" }, say("report.over")),
    );
  }
}

function headOf(memory: Memory): Child {
  const title = memory.ids.map((id, at) => [at > 0 && " + ", deviceName(id, memory.names[at])]);
  const figures =
    memory.budget === null
      ? size(memory.total)
      : sentence("report.of", { part: size(memory.total), whole: size(memory.budget) });
  return [h("span", { class: "device" }, title), " ", h("span", { class: "full" }, figures)];
}

export function deviceName(id: string, of: string | undefined | null): Child {
  return id === "host" ? say("pool.ram") : of ? [name(id), " ", name(of)] : name(id);
}

function partName(part: Part): string {
  if (part === "left") return say("report.left");
  return part === "reserve" ? say("report.reserve") : say(KIND_WORDS[part]);
}

/** Devices that share one memory are one bar: what they hold together. */
export function memoriesOf(devices: readonly Held[]): Memory[] {
  const groups = new Map<string, Held[]>();
  for (const device of devices) {
    const key = device.pool ?? device.id;
    groups.set(key, [...(groups.get(key) ?? []), device]);
  }
  return [...groups.values()].map((held) => {
    const budgets = held.map((device) => device.budget).filter((budget) => budget !== null);
    const budget = budgets.length === 0 ? null : Math.max(...budgets);
    const total = held.reduce((sum, device) => sum + device.total, 0);
    const left = Math.max(0, (budget ?? total) - total);
    const reserve = Math.min(left, Math.max(...held.map((device) => device.reserve)));
    const kinds = KINDS.map((kind) => [kind, held.reduce((sum, device) => sum + device.kinds[kind], 0)] as const);
    return {
      ids: held.map((device) => device.id),
      names: held.map((device) => device.name ?? ""),
      budget,
      total,
      parts: [...kinds, ["left", left - reserve] as const, ["reserve", reserve] as const],
    };
  });
}
