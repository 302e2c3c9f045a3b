/** The columns of the table of models: what each shows, and by what it is sorted. */

import type { Choice, Fitting } from "../documents";
import { h, type Child } from "../base/dom";
import { figure, rate, size, time } from "../base/figures";
import { name } from "../base/names";
import { count, plain } from "../base/units";
import { say } from "../base/words";

export interface Column {
  readonly id: string;
  readonly title: () => string;
  readonly cell: (row: Fitting) => Child;
  /** Smaller comes first; null comes last in both directions. */
  readonly key: (row: Fitting) => number | string | null;
  readonly falling: boolean;
  readonly number: boolean;
}

export const COLUMNS: readonly Column[] = [
  {
    id: "score",
    title: () => say("report.score"),
    cell: ({ reads_as, capability }) => [
      figure(reads_as, plain),
      " ",
      h("span", { class: "bounds" }, name(`${capability.unit} ${capability.test}`)),
    ],
    key: (row) => row.reads_as,
    falling: true,
    number: true,
  },
  {
    id: "quant",
    title: () => say("report.quantization"),
    cell: ({ choice }) => name(choice.quant),
    key: ({ choice }) => choice.quant,
    falling: false,
    number: false,
  },
  {
    id: "size",
    title: () => say("report.size"),
    cell: ({ choice }) => size(weightsOf(choice)),
    key: ({ choice }) => weightsOf(choice),
    falling: false,
    number: true,
  },
  {
    id: "speed",
    title: () => say("report.generation"),
    cell: ({ choice }) => rate(choice.speed.generation_tokens_per_s),
    key: ({ choice }) => choice.speed.generation_tokens_per_s?.likely ?? null,
    falling: true,
    number: true,
  },
  {
    id: "answer",
    title: () => say("report.answer"),
    cell: ({ choice }) => time(choice.time?.seconds ?? null),
    key: ({ choice }) => choice.time?.seconds.likely ?? null,
    falling: false,
    number: true,
  },
  {
    id: "quality",
    title: () => say("report.quality"),
    cell: ({ choice }) => name(choice.quality.words.text),
    key: ({ choice }) => choice.quality.value,
    falling: false,
    number: false,
  },
  {
    id: "context",
    title: () => say("report.context"),
    cell: ({ choice }) => figure(choice.ctx_size, count),
    key: ({ choice }) => choice.ctx_size,
    falling: true,
    number: true,
  },
  {
    id: "released",
    title: () => say("report.released"),
    cell: ({ model }) => (model.released === null ? figure(null, plain) : name(model.released)),
    key: ({ model }) => model.released,
    falling: true,
    number: false,
  },
  {
    id: "license",
    title: () => say("report.license"),
    cell: ({ model }) => (model.license === null ? figure(null, plain) : name(model.license)),
    key: ({ model }) => model.license,
    falling: false,
    number: false,
  },
];

function weightsOf(choice: Choice): number {
  return choice.download_bytes ?? choice.devices.reduce((sum, device) => sum + device.weights_bytes, 0);
}

/** The rows in the order of a column, unknown ones at the end. */
export function sorted(rows: readonly Fitting[], column: Column, falling: boolean): Fitting[] {
  const known = rows.filter((row) => column.key(row) !== null);
  const unknown = rows.filter((row) => column.key(row) === null);
  const sign = falling ? -1 : 1;
  known.sort((one, other) => sign * compared(column.key(one), column.key(other)));
  return [...known, ...unknown];
}

function compared(one: number | string | null, other: number | string | null): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en");
}
