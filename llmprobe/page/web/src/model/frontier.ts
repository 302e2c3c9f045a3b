/** Quality against speed: every candidate of the search as a point, and the line that none of them is beyond. */

import { scaleLog } from "d3-scale";
import { line } from "d3-shape";
import type { Point } from "../documents";
import { chart, frameOf, redrawn, roundTicks, type Frame } from "../charts/frame";
import { roving } from "../charts/roving";
import { Tip } from "../charts/tip";
import { fill, h, s, type Child } from "../base/dom";
import { figure, rate, size, time } from "../base/figures";
import { name } from "../base/names";
import { pace, plain, seconds } from "../base/units";
import { say, sentence } from "../base/words";
import type { Outcome } from "./outcome";
import { foldedTable } from "./table";

const LEFT = 52;
const BESIDE = 9;
const LINE = 12;

/** A candidate that has a place in the chart. */
interface Placed {
  readonly point: Point;
  readonly speed: number;
  readonly loss: number;
}

export class Frontier {
  readonly element: HTMLElement;
  private readonly place = h("div", { class: "plot" });
  private readonly tip = new Tip(this.place);
  private readonly placed: readonly Placed[];
  private readonly best: ReadonlySet<Placed>;
  private readonly domains: { speed: [number, number]; loss: [number, number] };
  private mark: { at: SVGElement; to: (outcome: Outcome) => [number, number] | null } | null = null;
  private now: Outcome | null = null;

  constructor(
    private readonly points: readonly Point[],
    /** The quantizations that the sliders can be set to. */
    private readonly quants: readonly unknown[],
    private readonly chosen: (point: Point) => void,
  ) {
    this.placed = placedOf(points);
    this.best = new Set(frontierOf(this.placed));
    this.domains = {
      speed: around(this.placed.map(({ speed }) => speed)),
      loss: around(this.placed.map(({ loss }) => loss)),
    };
    this.element = h(
      "section",
      { class: "card" },
      h("h3", {}, say("report.frontier")),
      h("p", { class: "hint" }, say("report.frontier-hint")),
      this.place,
      this.tableOf(),
    );
    if (this.placed.length > 0) redrawn(this.place, (width) => this.draw(width));
  }

  /** Put the mark where the sliders stand. */
  update(outcome: Outcome): void {
    this.now = outcome;
    const to = this.mark?.to(outcome) ?? null;
    this.mark?.at.setAttribute("visibility", to === null ? "hidden" : "visible");
    if (to !== null) this.mark?.at.setAttribute("transform", `translate(${to[0]},${to[1]})`);
  }

  private draw(width: number): void {
    const frame = frameOf(width, Math.min(430, Math.max(300, 0.75 * width)), LEFT);
    const x = scaleLog(this.domains.speed, [frame.left + 14, frame.right - 14]);
    const y = scaleLog(this.domains.loss, [frame.top + 12, frame.bottom - 12]);
    const sorted = [...this.placed].sort((one, other) => one.speed - other.speed);
    const along = line<Placed>()
      .x(({ speed }) => x(speed))
      .y(({ loss }) => y(loss))(sorted.filter((point) => this.best.has(point)));
    const dots = sorted.map((placed) => this.dot(placed, x(placed.speed), y(placed.loss)));
    const mark = s("circle", { class: "here", r: 9, visibility: "hidden" });
    const svg = chart(
      frame,
      { label: say("report.frontier-x"), ticks: roundTicks(x.ticks(), width / 60), format: pace, at: x },
      { label: say("report.frontier-y"), ticks: roundTicks(y.ticks(), 8), format: plain, at: y },
      s("path", { class: "frontier", d: along ?? "" }),
      ...this.labels(sorted, frame, x, y),
      mark,
      // Those that are shown as choices lie above others of the same place.
      ...dots.filter((dot) => !dot.classList.contains("chosen")),
      ...dots.filter((dot) => dot.classList.contains("chosen")),
    );
    svg.removeAttribute("aria-hidden");
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-label", say("report.frontier"));
    roving(dots);
    fill(this.place, svg, this.tip.element);
    this.mark = {
      at: mark,
      to: ({ generation, quality }) =>
        generation === null || !quality?.value ? null : within(frame, x(generation.likely), y(quality.value)),
    };
    if (this.now !== null) this.update(this.now);
  }

  private dot(placed: Placed, x: number, y: number): SVGElement {
    const { point } = placed;
    const kind = [point.choice === null ? "" : "chosen", this.best.has(placed) ? "best" : ""].join(" ");
    const dot = s(
      "g",
      {
        class: `dot ${kind}`,
        role: this.settable(point) ? "button" : "img",
        "aria-label": described(point),
        transform: `translate(${x},${y})`,
      },
      s("circle", { class: "target", r: 12 }),
      s("circle", { class: "spot", r: point.choice === null ? 4 : 6 }),
    );
    const shown = (): void => this.tip.show(tipOf(point), x, y);
    dot.addEventListener("pointerenter", shown);
    dot.addEventListener("focus", shown);
    dot.addEventListener("pointerleave", () => this.tip.hide());
    dot.addEventListener("blur", () => this.tip.hide());
    if (!this.settable(point)) return dot;
    dot.addEventListener("click", () => this.chosen(point));
    dot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.chosen(point);
    });
    return dot;
  }

  private settable(point: Point): boolean {
    return point.fits && this.quants.includes(point.quant);
  }

  /** Names beside the points that are shown or best, as far as they don't cover each other. */
  private labels(
    sorted: readonly Placed[],
    frame: Frame,
    x: (speed: number) => number,
    y: (loss: number) => number,
  ): SVGElement[] {
    const taken: (readonly [number, number, number])[] = [];
    const named = sorted.filter((placed) => placed.point.choice !== null || this.best.has(placed));
    const first = named.sort((one, other) => Number(one.point.choice === null) - Number(other.point.choice === null));
    return first.flatMap((placed) => {
      const wide = placed.point.quant.length * 6.6;
      const beyond = x(placed.speed) + BESIDE + wide > frame.right;
      const left = beyond ? x(placed.speed) - BESIDE - wide : x(placed.speed) + BESIDE;
      const high = y(placed.loss) - BESIDE / 2;
      if (taken.some(([l, r, at]) => Math.abs(at - high) < LINE && left < r && l < left + wide)) return [];
      taken.push([left, left + wide, high]);
      const anchor = beyond ? "end" : "start";
      const at = x(placed.speed) + (beyond ? -BESIDE : BESIDE);
      return [s("text", { class: "point-name", x: at, y: high, "text-anchor": anchor }, placed.point.quant)];
    });
  }

  private tableOf(): HTMLElement {
    const figures = [say("report.loss"), say("report.generation"), say("report.answer")];
    return foldedTable(
      say("report.frontier"),
      [say("report.quantization"), ...figures, ""],
      this.points.map((point) => this.cells(point)),
    );
  }

  private cells(point: Point): Child[] {
    const rest = this.settable(point)
      ? h("button", { type: "button", on: { click: () => this.chosen(point) } }, say("report.set"))
      : [point.why && name(point.why.text), point.missing_bytes !== null && [" ", size(point.missing_bytes)]];
    return [
      name(point.quant),
      figure(point.quality.value, plain),
      rate(point.tokens_per_s),
      time(point.time?.seconds ?? null),
      rest,
    ];
  }
}

/** Candidates that run, with their loss; one without any is put a little above the least of the others. */
function placedOf(points: readonly Point[]): Placed[] {
  const losses = points.map((point) => point.quality.value ?? 0).filter((loss) => loss > 0);
  const least = Math.min(...losses, 1) / 2;
  return points.flatMap((point) => {
    const { value } = point.quality;
    if (!point.fits || point.tokens_per_s === null || value === null) return [];
    return [{ point, speed: point.tokens_per_s.likely, loss: Math.max(value, least) }];
  });
}

/** Those that no other is both faster and closer to the original than, fastest first. */
function frontierOf(placed: readonly Placed[]): Placed[] {
  let least = Infinity;
  return [...placed]
    .sort((one, other) => other.speed - one.speed || one.loss - other.loss)
    .filter(({ loss }) => {
      if (loss >= least) return false;
      least = loss;
      return true;
    });
}

/** A place in the chart, null beside it. */
function within(frame: Frame, x: number, y: number): [number, number] | null {
  return x < frame.left || x > frame.right || y < frame.top || y > frame.bottom ? null : [x, y];
}

function around(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return values.length === 0 ? [1, 10] : low < high ? [low, high] : [low / 2, high * 2];
}

function described(point: Point): string {
  const parts = [point.quant, point.quality.words.text];
  if (point.tokens_per_s) parts.push(say("report.spoken-speed", { rate: pace(point.tokens_per_s.likely) }));
  if (point.time) parts.push(say("report.spoken-answer", { time: seconds(point.time.seconds.likely) }));
  return parts.join(", ");
}

function tipOf(point: Point): Child {
  const { gpu_layers: layers, total_layers: total, host_experts: experts } = point;
  return [
    h("strong", {}, name(point.quant)),
    h("div", {}, name(point.quality.words.text)),
    h("div", {}, sentence("report.tip-speed", { rate: rate(point.tokens_per_s) })),
    point.time && h("div", {}, sentence("report.tip-answer", { time: time(point.time.seconds) })),
    layers !== null && total !== null && h("div", {}, say("report.tip-layers", { part: layers, whole: total })),
    experts ? h("div", {}, say("report.tip-experts", { layers: experts })) : null,
  ];
}
