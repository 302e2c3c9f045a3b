/** Figures as elements: what people read, and in `value` the exact number of the document. */

import type { Range } from "../documents";
import { h, type Child } from "./dom";
import { bytes, pace, seconds } from "./units";
import { say, sentence } from "./words";

export function figure(value: number | null | undefined, format: (value: number) => string): Child {
  if (value === null || value === undefined) return h("span", { class: "unknown" }, say("report.unknown"));
  return h("data", { value }, format(value));
}

export function size(count: number | null | undefined): Child {
  return figure(count, bytes);
}

/** A figure with its bounds: `168 (123 to 216)`. */
export function range(found: Range | null, format: (value: number) => string): Child {
  if (found === null) return figure(null, format);
  const bounds = sentence("report.bounds", { low: figure(found.low, format), high: figure(found.high, format) });
  return [figure(found.likely, format), " ", h("span", { class: "bounds" }, bounds)];
}

export function rate(found: Range | null): Child {
  return range(found, pace);
}

export function time(found: Range | null): Child {
  return range(found, seconds);
}
