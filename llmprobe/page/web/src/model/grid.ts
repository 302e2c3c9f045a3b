/** The positions that a file has the figures of: blocks, each the full product of some values of every axis. */

import type { Axis, Block, Column, DeviceInReport, Grid, Range } from "../documents";
import { byKind, type Outcome } from "./outcome";
import type { Scalar, Position } from "./position";

type Cell = (column: Column) => unknown;

export class GridReader {
  constructor(
    private readonly grid: Grid,
    private readonly axes: readonly Axis[],
    private readonly devices: readonly DeviceInReport[],
  ) {}

  /** The figures of a position; null where the file has none of it. */
  at(position: Position): Outcome | null {
    for (const block of this.grid.blocks) {
      const places = placesIn(block, position);
      if (places !== null) return this.read(block, (column) => valueAt(block, column, places));
    }
    return null;
  }

  has(position: Position): boolean {
    return this.grid.blocks.some((block) => placesIn(block, position) !== null);
  }

  /**
   * The position of the file that is nearest to one, with the value of `kept` as it is: as few other axes as possible
   * move, and those as little as possible. Null where no block has the kept value.
   */
  nearest(position: Position, kept: string): Position | null {
    let best: Position | null = null;
    let least = Infinity;
    for (const block of this.grid.blocks) {
      const kinds = block.axes[kept];
      const value = position[kept];
      if (kinds !== undefined && value !== undefined && !kinds.includes(value)) continue;
      const { moved, cost } = this.moved(block, position);
      if (cost < least) [best, least] = [moved, cost];
    }
    return best;
  }

  private moved(block: Block, position: Position): { moved: Position; cost: number } {
    const moved: Record<string, Scalar> = { ...position };
    let cost = 0;
    for (const axis of this.axes) {
      const values = block.axes[axis.name] ?? [];
      const value = position[axis.name];
      if (value === undefined || values.includes(value)) continue;
      const distances = values.map((other) => distance(axis, value, other));
      const nearest = Math.min(...distances);
      const found = values[distances.indexOf(nearest)];
      if (found === undefined) continue;
      moved[axis.name] = found;
      cost += MOVED_AXIS + nearest;
    }
    return { moved, cost };
  }

  private read(block: Block, cell: Cell): Outcome {
    const general = new Map<string, unknown>();
    const perDevice = this.devices.map(() => new Map<string, number>());
    const pieces: [engine: string, order: number, text: string][] = [];
    for (const column of block.columns) {
      const value = cell(column);
      const [first, engine, order] = column.name.split(/^(command)\.(.+)\.(\d+)$/).slice(1);
      if (first === "command" && engine !== undefined) {
        pieces.push([engine, Number(order), typeof value === "string" ? value : ""]);
      } else if (typeof column.device === "number") {
        perDevice[column.device]?.set(column.name, Number(value ?? 0));
      } else {
        general.set(column.name, value);
      }
    }
    const refused = entry(this.grid.refusals, general.get("refused"));
    return {
      fits: (general.get("fits") ?? null) as boolean | null,
      missing: (general.get("missing_bytes") ?? null) as number | null,
      refused,
      devices: refused === null ? this.devices.map((device, at) => held(device, perDevice[at] ?? new Map())) : [],
      layers: (general.get("layers_offloaded") ?? null) as number | null,
      quality: entry(this.grid.qualities, general.get("quality")),
      generation: rangeOf(general, "generation"),
      full: rangeOf(general, "full"),
      prompt: rangeOf(general, "prompt"),
      promptIsAssumed: general.get("prompt_is_assumed") === true,
      firstToken: rangeOf(general, "first_token"),
      answer: rangeOf(general, "answer"),
      warnings: entry(this.grid.warnings, general.get("warnings")) ?? [],
      commands: joined(pieces),
    };
  }
}

const MOVED_AXIS = 1000;

/** What a column names by its place in a list of the grid. */
function entry<Kept>(list: readonly Kept[], place: unknown): Kept | null {
  return typeof place === "number" ? (list[place] ?? null) : null;
}

function held(device: DeviceInReport, figures: ReadonlyMap<string, number>): Outcome["devices"][number] {
  return {
    id: device.id,
    name: device.name,
    pool: device.pool,
    budget: device.budget_bytes,
    reserve: device.reserve_bytes,
    kinds: byKind((kind) => figures.get(`${kind}_bytes`) ?? 0),
    total: figures.get("total_bytes") ?? 0,
    terms: [],
  };
}

function rangeOf(figures: ReadonlyMap<string, unknown>, name: string): Range | null {
  const [low, likely, high] = ["low", "likely", "high"].map((bound) => figures.get(`${name}_${bound}`));
  if (typeof low !== "number" || typeof likely !== "number" || typeof high !== "number") return null;
  return { low, likely, high };
}

/** The lines of commands from their pieces, which blanks join. */
function joined(pieces: readonly [string, number, string][]): Record<string, string> {
  const engines = [...new Set(pieces.map(([engine]) => engine))];
  const lines = engines.map((engine): [string, string] => {
    const own = pieces.filter(([other, , text]) => other === engine && text !== "");
    return [
      engine,
      own
        .sort((one, other) => one[1] - other[1])
        .map(([, , text]) => text)
        .join(" "),
    ];
  });
  return Object.fromEntries(lines.filter(([, line]) => line !== ""));
}

/** The place of each value among those of a block; null where it lacks one. */
function placesIn(block: Block, position: Position): ReadonlyMap<string, number> | null {
  const places = new Map<string, number>();
  for (const [name, values] of Object.entries(block.axes)) {
    const value = position[name];
    const place = value === undefined ? -1 : values.indexOf(value);
    if (place < 0) return null;
    places.set(name, place);
  }
  return places;
}

function valueAt(block: Block, column: Column, places: ReadonlyMap<string, number>): unknown {
  let index = 0;
  for (const name of column.axes) index = index * (block.axes[name]?.length ?? 1) + (places.get(name) ?? 0);
  const value: unknown = column.values[index];
  return column.distinct ? column.distinct[value as number] : value;
}

function distance(axis: Axis, one: Scalar, other: Scalar): number {
  if (axis.kind === "number" && typeof one === "number" && typeof other === "number") {
    const span = Math.abs(Number(axis.values.at(-1) ?? 1) - Number(axis.values[0] ?? 0)) || 1;
    return Math.abs(one - other) / span;
  }
  return Math.abs(axis.values.indexOf(one) - axis.values.indexOf(other)) / Math.max(axis.values.length, 1);
}
