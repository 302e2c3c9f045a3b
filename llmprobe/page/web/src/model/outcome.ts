/** What one setting of the sliders comes to: the same figures whether they are read from the file or answered live. */

import type { DeviceInReport, Message, Quality, Range, Setting, Term } from "../documents";

export const KINDS = ["weights", "cache", "compute", "output", "overhead", "projector", "draft", "adapter"] as const;

export type Kind = (typeof KINDS)[number];

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  weights: "column.weights",
  cache: "column.cache",
  compute: "column.compute",
  output: "column.output",
  overhead: "column.overhead",
  projector: "column.projector",
  draft: "column.draft",
  adapter: "column.adapter",
};

/** What one device holds, in bytes. `pool` names its memory, which another device may share. */
export interface Held {
  readonly id: string;
  readonly name: string | null;
  readonly pool: string | null;
  readonly budget: number | null;
  readonly reserve: number;
  readonly kinds: Readonly<Record<Kind, number>>;
  readonly total: number;
  readonly terms: readonly Term[];
}

export interface Outcome {
  readonly fits: boolean | null;
  readonly missing: number | null;
  /** Why the engine refuses this, or why it could not be answered; there are no figures then. */
  readonly refused: Message | null;
  readonly devices: readonly Held[];
  readonly layers: number | null;
  readonly quality: Quality | null;
  readonly generation: Range | null;
  readonly full: Range | null;
  readonly prompt: Range | null;
  readonly promptIsAssumed: boolean;
  readonly firstToken: Range | null;
  readonly answer: Range | null;
  readonly warnings: readonly Message[];
  readonly commands: Readonly<Record<string, string>>;
}

export function refusal(why: Message): Outcome {
  return {
    fits: null,
    missing: null,
    refused: why,
    devices: [],
    layers: null,
    quality: null,
    generation: null,
    full: null,
    prompt: null,
    promptIsAssumed: false,
    firstToken: null,
    answer: null,
    warnings: [],
    commands: {},
  };
}

/** The answer of `POST /v1/setting`. */
export function ofSetting(setting: Setting, devices: readonly DeviceInReport[]): Outcome {
  const { estimate } = setting;
  return {
    fits: estimate.fits,
    missing: estimate.missing_bytes,
    refused: null,
    devices: estimate.devices.map((device) => {
      const known = devices.find((other) => other.id === device.id);
      return {
        id: device.id,
        name: device.name ?? known?.name ?? null,
        pool: known?.pool ?? null,
        budget: device.budget_bytes,
        reserve: known?.reserve_bytes ?? 0,
        kinds: byKind((kind) => device[`${kind}_bytes`]),
        total: device.total_bytes,
        terms: device.terms,
      };
    }),
    layers: estimate.layers.offloaded,
    quality: setting.quality,
    generation: estimate.speed.generation_tokens_per_s,
    full: estimate.speed.generation_at_full_context_tokens_per_s,
    prompt: estimate.speed.prompt_tokens_per_s,
    promptIsAssumed: estimate.speed.prompt_is_assumed,
    firstToken: estimate.speed.time_to_first_token_s,
    answer: setting.time?.seconds ?? null,
    warnings: estimate.warnings,
    commands: setting.commands,
  };
}

export function byKind(bytes: (kind: Kind) => number): Record<Kind, number> {
  return Object.fromEntries(KINDS.map((kind) => [kind, bytes(kind)])) as Record<Kind, number>;
}
