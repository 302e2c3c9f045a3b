/** What charts have in common: a drawing as wide as its place, with axes, lines of the grid, and names. */

import { s } from "../base/dom";

export interface Axis {
  readonly label: string;
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
  readonly at: (value: number) => number;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export function frameOf(width: number, height: number, left: number): Frame {
  return { width, height, left, right: width - 14, top: 26, bottom: height - 40 };
}

/** An empty chart; `children` are drawn over its grid. */
export function chart(frame: Frame, x: Axis, y: Axis, ...children: (SVGElement | null)[]): SVGSVGElement {
  const { width, height, left, right, top, bottom } = frame;
  const middle = (left + right) / 2;
  return s(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    y.ticks.map((tick) => [
      s("line", { class: "grid", x1: left, x2: right, y1: y.at(tick), y2: y.at(tick) }),
      s("text", { class: "tick", x: left - 6, y: y.at(tick), dy: "0.32em", "text-anchor": "end" }, y.format(tick)),
    ]),
    x.ticks.map((tick) => [
      s("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: top, y2: bottom }),
      s("text", { class: "tick", x: x.at(tick), y: bottom + 15, "text-anchor": "middle" }, x.format(tick)),
    ]),
    s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    s("text", { class: "axis-name", x: middle, y: height - 6, "text-anchor": "middle" }, x.label),
    s("text", { class: "axis-name", x: 2, y: 12 }, y.label),
    ...children,
  );
}

/** At most so many of these ticks as have room beside each other. */
export function thinned(ticks: readonly number[], most: number): number[] {
  const step = Math.max(1, Math.ceil(ticks.length / Math.max(most, 1)));
  return ticks.filter((_, at) => at % step === 0);
}

/** The ticks of a logarithmic axis that are read at a glance: 1, 2, 5, 10 …, or the powers of ten where these are many. */
export function roundTicks(ticks: readonly number[], most: number): number[] {
  const leading = (tick: number): number => Math.round(tick / 10 ** Math.floor(Math.log10(tick) + 1e-9));
  const round = ticks.filter((tick) => [1, 2, 5].includes(leading(tick)));
  if (round.length <= most) return round.length < 2 ? thinned(ticks, most) : round;
  const tens = round.filter((tick) => leading(tick) === 1);
  return tens.length < 2 ? thinned(round, most) : thinned(tens, most);
}

/** Draw into a place again whenever its width changes. */
export function redrawn(place: HTMLElement, draw: (width: number) => void): void {
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0);
    if (width > 0 && width !== drawn) {
      drawn = width;
      draw(width);
    }
  }).observe(place);
}
