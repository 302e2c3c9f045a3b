/** Where the sliders stand: a value for every axis. */

import type { Axis, ModelReport, Point } from "../documents";
import { count } from "../base/units";

export type Scalar = string | number | boolean | null;
export type Position = Readonly<Record<string, Scalar>>;

type Settings = Readonly<Record<string, Scalar | readonly Scalar[]>>;

interface Body {
  readonly quant?: string;
  readonly settings: Settings;
  readonly use_devices?: readonly string[];
}

export function valueLabel(axis: Axis, value: Scalar): string {
  const label = axis.labels[axis.values.indexOf(value)];
  if (label) return label.text;
  return typeof value === "number" ? count(value) : String(value);
}

/** What the body of a question to the API holds for a position, besides the model. */
export function bodyOf(report: Pick<ModelReport, "axes" | "base" | "exact">, position: Position): Body {
  let top: Record<string, unknown> = {};
  let settings: Settings = report.base;
  for (const axis of report.axes) {
    const value = position[axis.name];
    if (value === undefined) continue;
    const { settings: more, ...rest } = bodyAt(axis, value);
    top = { ...top, ...rest };
    settings = { ...settings, ...more };
  }
  const choice = report.exact.find(({ values }) =>
    Object.entries(values).every(([name, value]) => position[name] === value),
  );
  const devices = choice?.use_devices;
  return { ...top, settings: { ...settings, ...choice?.settings }, ...(devices && { use_devices: devices }) };
}

function bodyAt(axis: Axis, value: Scalar): Partial<Body> {
  const known = axis.bodies[axis.values.indexOf(value)];
  return known === undefined ? { settings: { [axis.name]: value } } : (known as Partial<Body>);
}

type Placed = Pick<Point, "quant" | "ctx_size" | "gpu_layers" | "host_experts" | "cache_type_k" | "cache_type_v">;

/** The position of a candidate; what it does not say stays as it is. */
export function positionOf(axes: readonly Axis[], point: Placed, before: Position): Position {
  const told: Settings = {
    quant: point.quant,
    ctx_size: point.ctx_size,
    gpu_layers: point.gpu_layers,
    n_cpu_moe: point.host_experts,
    cache_type_k: point.cache_type_k,
    cache_type_v: point.cache_type_v,
  };
  const made: Record<string, Scalar> = { ...before };
  for (const axis of axes) {
    const direct = told[axis.name];
    if (direct !== undefined && direct !== null && !isList(direct)) {
      made[axis.name] = direct;
      continue;
    }
    const found = axis.values.find((value) => {
      const pairs = Object.entries(bodyAt(axis, value).settings ?? {});
      return pairs.length > 0 && pairs.every(([name, set]) => told[name] === set);
    });
    if (found !== undefined) made[axis.name] = found;
  }
  return made;
}

function isList(value: Scalar | readonly Scalar[]): value is readonly Scalar[] {
  return Array.isArray(value);
}
