/** The command of the position for each engine, to be copied. */

import { fill, h } from "../base/dom";
import { command } from "../base/names";
import { say } from "../base/words";

export class Commands {
  private readonly place = h("div", { class: "engines" });
  readonly element = h("section", { class: "card" }, h("h3", {}, say("report.commands")), this.place);

  update(commands: Readonly<Record<string, string>>): void {
    const lines = Object.entries(commands);
    this.element.hidden = lines.length === 0;
    fill(
      this.place,
      lines.map(([engine, line]) => h("div", { class: "engine" }, h("h4", {}, engineName(engine)), command(line))),
    );
  }
}

export function engineName(engine: string): string {
  const known = say(`engine-name.${engine}`);
  return known === `engine-name.${engine}` ? engine : known;
}
