/** Memory against context: for each device a curve per choice, and its budget. */

import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import type { Curve, DeviceInReport } from "../documents";
import { chart, frameOf, redrawn, thinned } from "../charts/frame";
import { fill, h, s } from "../base/dom";
import { figure, rate, size } from "../base/figures";
import { name } from "../base/names";
import { bytes, count, fixed } from "../base/units";
import { say, sentence } from "../base/words";
import { deviceName } from "./bars";
import type { Outcome } from "./outcome";
import type { Position } from "./position";
import { row } from "./table";

const GIB = 1024 ** 3;
const HEIGHT = 250;
const LEFT = 44;
const SHAPES = 4;

interface Mark {
  readonly device: string;
  readonly at: SVGElement;
  readonly x: (ctx: number) => number;
  readonly y: (bytes: number) => number;
}

export class Curves {
  readonly element: HTMLElement;
  private marks: Mark[] = [];
  private now: { position: Position; outcome: Outcome } | null = null;

  constructor(
    private readonly curves: readonly Curve[],
    devices: readonly DeviceInReport[],
  ) {
    const drawn = devices.filter((device) => curves.some((curve) => totals(curve, device.id).length > 0));
    this.element = h(
      "section",
      { class: "card" },
      h("h3", {}, say("report.curves")),
      h("p", { class: "hint" }, say("report.curves-hint")),
      h("div", { class: "plots" }, drawn.map((device) => this.plot(device))),
      this.legend(),
      this.tableOf(devices),
    );
  }

  /** Put the marks where the sliders stand. */
  update(position: Position, outcome: Outcome): void {
    this.now = { position, outcome };
    for (const mark of this.marks) {
      const held = outcome.devices.find((device) => device.id === mark.device);
      const ctx = position["ctx_size"];
      const shown = held !== undefined && typeof ctx === "number" && ctx > 0;
      mark.at.setAttribute("visibility", shown ? "visible" : "hidden");
      if (shown) mark.at.setAttribute("transform", `translate(${mark.x(ctx)},${mark.y(held.total)})`);
    }
  }

  private plot(device: DeviceInReport): HTMLElement {
    const place = h("div", { class: "plot" });
    redrawn(place, (width) => this.draw(place, device, width));
    return h("figure", {}, h("figcaption", {}, deviceName(device.id, device.name)), place);
  }

  private draw(place: HTMLElement, device: DeviceInReport, width: number): void {
    const frame = frameOf(width, HEIGHT, LEFT);
    const contexts = [...new Set(this.curves.flatMap((curve) => curve.points.map((point) => point.ctx_size)))];
    contexts.sort((one, other) => one - other);
    const most = Math.max(...this.curves.flatMap((curve) => totals(curve, device.id).map(([, total]) => total)));
    const budget = device.budget_bytes;
    // A budget far above everything would press the curves onto the axis.
    const top = budget !== null && budget < 3 * most ? Math.max(most, budget) : most;
    const x = scaleLog([contexts[0] ?? 1, Math.max(contexts.at(-1) ?? 2, (contexts[0] ?? 1) * 2)], [frame.left + 8, frame.right - 8]);
    const y = scaleLinear([0, (top / GIB) * 1.06], [frame.bottom, frame.top]);
    const along = line<readonly [number, number]>()
      .x(([ctx]) => x(ctx))
      .y(([, total]) => y(total / GIB));
    const mark = s("circle", { class: "here", r: 7, visibility: "hidden" });
    const svg = chart(
      frame,
      { label: say("report.curves-x"), ticks: thinned(contexts, width / 62), format: thousands, at: x },
      { label: say("report.curves-y"), ticks: y.ticks(5), format: (value) => fixed(value, top < 5 * GIB ? 1 : 0), at: y },
      budget !== null && budget <= top * 1.06 ? s("line", { class: "budget", x1: frame.left, x2: frame.right, y1: y(budget / GIB), y2: y(budget / GIB) }) : null,
      budget !== null && budget <= top * 1.06 ? s("text", { class: "budget-name", x: frame.left + 6, y: y(budget / GIB) - 5 }, say("report.budget-line", { bytes: bytes(budget) })) : null,
      ...this.curves.map((curve, at) =>
        s(
          "g",
          { class: `curve shape-${at % SHAPES}` },
          s("path", { d: along(totals(curve, device.id)) ?? "" }),
          curve.points.map((point) => {
            const total = point.devices.find((other) => other.id === device.id)?.total_bytes;
            if (total === undefined) return null;
            return s("circle", { class: point.fits === false ? "short" : "", cx: x(point.ctx_size), cy: y(total / GIB), r: 2.6 });
          }),
        ),
      ),
      mark,
    );
    fill(place, svg);
    this.marks = this.marks.filter((other) => other.device !== device.id);
    this.marks.push({ device: device.id, at: mark, x, y: (total) => y(total / GIB) });
    if (this.now !== null) this.update(this.now.position, this.now.outcome);
  }

  private legend(): HTMLElement {
    return h(
      "ul",
      { class: "legend", "aria-hidden": "true" },
      this.curves.map((curve, at) =>
        h(
          "li",
          {},
          s("svg", { class: `curve shape-${at % SHAPES}`, viewBox: "0 0 28 10" }, s("path", { d: "M0 5H28" })),
          name(curve.quant),
        ),
      ),
    );
  }

  private tableOf(devices: readonly DeviceInReport[]): HTMLElement {
    const heads = devices.map((device) => deviceName(device.id, device.name));
    const rows = this.curves.flatMap((curve) =>
      curve.points.map((point) =>
        row("td", [
          name(curve.quant),
          figure(point.ctx_size, count),
          ...devices.map((device) => size(point.devices.find((other) => other.id === device.id)?.total_bytes)),
          rate(point.tokens_per_s),
          point.fits === false ? say("report.fits-not") : point.fits ? say("report.fits") : say("report.unknown"),
        ]),
      ),
    );
    return h(
      "details",
      {},
      h("summary", {}, say("report.as-table")),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": say("report.curves") },
        h(
          "table",
          { class: "plain" },
          h(
            "thead",
            {},
            row("th", [say("report.quantization"), say("report.context"), ...heads, sentence("report.full-context"), ""]),
          ),
          h("tbody", {}, rows),
        ),
      ),
    );
  }
}

function totals(curve: Curve, device: string): [number, number][] {
  return curve.points.flatMap((point): [number, number][] => {
    const held = point.devices.find((other) => other.id === device);
    return held === undefined ? [] : [[point.ctx_size, held.total_bytes]];
  });
}

/** A context as its size is spoken of: `8k`, `131k` is 128 x 1024. */
function thousands(tokens: number): string {
  return tokens % 1024 === 0 ? `${tokens / 1024}k` : count(tokens);
}
