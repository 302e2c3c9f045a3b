/** Memory against context: for each device a curve per choice, and its budget. */

import { scaleLinear, scaleLog } from "d3-scale";
import { line } from "d3-shape";
import type { Curve, DeviceInReport } from "../documents";
import { chart, frameOf, redrawn, thinned, type Frame } from "../charts/frame";
import { fill, h, s } from "../base/dom";
import { figure, rate, size } from "../base/figures";
import { name } from "../base/names";
import { bytes, count, fixed } from "../base/units";
import { say } from "../base/words";
import { deviceName } from "./bars";
import type { Outcome } from "./outcome";
import type { Position } from "./position";
import { foldedTable } from "./table";

const GIB = 1024 ** 3;
const HEIGHT = 250;
const LEFT = 44;
const NAMES = 62;
const LINE = 13;
const SHAPES = 6;

/** What of a drawn device moves with the sliders: the mark, and the curves by their quantization. */
interface Drawn {
  readonly device: string;
  readonly mark: SVGElement;
  readonly top: number;
  readonly curves: readonly { readonly quant: string; readonly at: SVGElement }[];
  readonly x: (ctx: number) => number;
  readonly y: (bytes: number) => number;
}

export class Curves {
  readonly element: HTMLElement;
  private drawn: Drawn[] = [];
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
      h(
        "div",
        { class: "plots" },
        drawn.map((device) => this.plot(device)),
      ),
      this.tableOf(devices),
    );
  }

  /** Put the marks where the sliders stand, and the curve of their quantization before the others. */
  update(position: Position, outcome: Outcome): void {
    this.now = { position, outcome };
    for (const drawn of this.drawn) {
      const held = outcome.devices.find((device) => device.id === drawn.device);
      const ctx = position["ctx_size"];
      const shown = held !== undefined && typeof ctx === "number" && ctx > 0 && drawn.y(held.total) >= drawn.top;
      drawn.mark.setAttribute("visibility", shown ? "visible" : "hidden");
      if (shown) drawn.mark.setAttribute("transform", `translate(${drawn.x(ctx)},${drawn.y(held.total)})`);
      for (const { quant, at } of drawn.curves) at.classList.toggle("now", quant === position["quant"]);
    }
  }

  private plot(device: DeviceInReport): HTMLElement {
    const place = h("div", { class: "plot" });
    redrawn(place, (width) => this.draw(place, device, width));
    return h("figure", {}, h("figcaption", {}, deviceName(device.id, device.name)), place);
  }

  private draw(place: HTMLElement, device: DeviceInReport, width: number): void {
    const frame = { ...frameOf(width, HEIGHT, LEFT), right: width - NAMES };
    const contexts = [...new Set(this.curves.flatMap((curve) => curve.points.map((point) => point.ctx_size)))];
    contexts.sort((one, other) => one - other);
    const [least, longest] = [contexts[0] ?? 1, contexts.at(-1) ?? 2];
    const most = Math.max(...this.curves.flatMap((curve) => totals(curve, device.id).map(([, total]) => total)));
    // A budget far above everything would press the curves onto the axis.
    const budget = device.budget_bytes !== null && device.budget_bytes < 3 * most ? device.budget_bytes : null;
    const top = (1.06 * Math.max(most, budget ?? 0)) / GIB;
    const x = scaleLog([least, Math.max(longest, least * 2)], [frame.left + 8, frame.right - 8]);
    const y = scaleLinear([0, top], [frame.bottom, frame.top]);
    const high = (total: number): number => y(total / GIB);
    const along = line<readonly [number, number]>()
      .x(([ctx]) => x(ctx))
      .y(([, total]) => high(total));
    const mark = s("circle", { class: "here", r: 7, visibility: "hidden" });
    const curves = this.curves.map((curve, at) => {
      const points = curve.points.map((point) => {
        const total = point.devices.find((other) => other.id === device.id)?.total_bytes;
        if (total === undefined) return null;
        const kind = point.fits === false ? "short" : "";
        return s("circle", { class: kind, cx: x(point.ctx_size), cy: high(total), r: 2.6 });
      });
      const path = s("path", { d: along(totals(curve, device.id)) ?? "" }, s("title", {}, curve.quant));
      return { quant: curve.quant, at: s("g", { class: `curve shape-${at % SHAPES}` }, path, points) };
    });
    const svg = chart(
      frame,
      { label: say("report.curves-x"), ticks: thinned(contexts, width / 62), format: thousands, at: x },
      { label: say("report.curves-y"), ticks: y.ticks(5), format: (value) => fixed(value, top < 5 ? 1 : 0), at: y },
      ...(budget === null ? [] : budgetLine(frame, high(budget), budget)),
      ...curves.map(({ at }) => at),
      ...this.names(device.id, x, high),
      mark,
    );
    fill(place, svg);
    this.drawn = this.drawn.filter((other) => other.device !== device.id);
    this.drawn.push({ device: device.id, mark, top: frame.top, curves, x, y: high });
    if (this.now !== null) this.update(this.now.position, this.now.outcome);
  }

  /** The quantization at the end of each curve, as far as they don't cover each other. */
  private names(device: string, x: (ctx: number) => number, y: (total: number) => number): SVGElement[] {
    const taken: number[] = [];
    return this.curves.flatMap((curve) => {
      const last = totals(curve, device).at(-1);
      if (last === undefined) return [];
      const at = y(last[1]);
      if (taken.some((other) => Math.abs(other - at) < LINE)) return [];
      taken.push(at);
      return [s("text", { class: "point-name", x: x(last[0]) + 7, y: at, dy: "0.32em" }, curve.quant)];
    });
  }

  private tableOf(devices: readonly DeviceInReport[]): HTMLElement {
    const heads = devices.map((device) => deviceName(device.id, device.name));
    const rows = this.curves.flatMap((curve) =>
      curve.points.map((point) => [
        name(curve.quant),
        figure(point.ctx_size, count),
        ...devices.map((device) => size(point.devices.find((other) => other.id === device.id)?.total_bytes)),
        rate(point.tokens_per_s),
        point.fits === false ? say("report.fits-not") : point.fits ? say("report.fits") : say("report.unknown"),
      ]),
    );
    return foldedTable(
      say("report.curves"),
      [say("report.quantization"), say("report.context"), ...heads, say("report.full-context"), ""],
      rows,
    );
  }
}

function budgetLine(frame: Frame, y: number, budget: number): SVGElement[] {
  return [
    s("line", { class: "budget", x1: frame.left, x2: frame.right, y1: y, y2: y }),
    s(
      "text",
      { class: "budget-name", x: frame.left + 6, y: y - 5 },
      say("report.budget-line", { bytes: bytes(budget) }),
    ),
  ];
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
