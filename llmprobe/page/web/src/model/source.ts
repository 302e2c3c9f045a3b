/** Where the figures of a position come from: the grid of the file, or the server. */

import type { ModelReport } from "../documents";
import { GridReader } from "./grid";
import { ofSetting, refusal, type Outcome } from "./outcome";
import { bodyOf, type Position } from "./position";
import type { Server } from "../live/server";
import { Latest } from "../live/latest";

export interface Source {
  /** Whether numbers may be between the stops of their axes. */
  readonly between: boolean;
  has(position: Position): boolean;
  /** The position to go to where the wanted one is not to be had; the axis that was moved keeps its value. */
  nearest(position: Position, moved: string): Position;
  /** Tell what a position comes to, at once or later; a later question makes the answers of earlier ones void. */
  ask(position: Position, told: (outcome: Outcome) => void): void;
}

export class FileSource implements Source {
  readonly between = false;

  constructor(private readonly reader: GridReader) {}

  has(position: Position): boolean {
    return this.reader.has(position);
  }

  nearest(position: Position, moved: string): Position {
    return this.reader.has(position) ? position : (this.reader.nearest(position, moved) ?? position);
  }

  ask(position: Position, told: (outcome: Outcome) => void): void {
    const outcome = this.reader.at(position);
    if (outcome !== null) told(outcome);
  }
}

export class LiveSource implements Source {
  readonly between = true;
  private readonly latest = new Latest();

  constructor(
    private readonly server: Server,
    private readonly report: ModelReport,
  ) {}

  has(): boolean {
    return true;
  }

  nearest(position: Position): Position {
    return position;
  }

  ask(position: Position, told: (outcome: Outcome) => void): void {
    const { recommendation, devices } = this.report;
    const use = recommendation.choices[0]?.time?.use;
    const question = { model: recommendation.model.id, ...bodyOf(this.report, position), ...(use && { use }) };
    this.latest.ask(async (signal) => {
      const answer = await this.server.setting(question, signal);
      if (answer !== null) told("message" in answer ? refusal(answer.message) : ofSetting(answer, devices));
    });
  }
}
