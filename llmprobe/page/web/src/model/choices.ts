/** The choices of `recommend`: one is picked, the sliders go there, and its reasons are shown. */

import type { Choice, FileOrigin, OfEngine } from "../documents";
import { fill, h, type Child } from "../base/dom";
import { size } from "../base/figures";
import { bullets, command, name, told } from "../base/names";
import { pace } from "../base/units";
import { say } from "../base/words";
import { engineName } from "./commands";

export class Choices {
  readonly element: HTMLElement;
  readonly reasons = h("section", { class: "card reasons" });
  private readonly buttons: readonly HTMLButtonElement[];

  constructor(
    private readonly choices: readonly Choice[],
    private readonly engines: readonly OfEngine[],
    private readonly chosen: (choice: Choice) => void,
  ) {
    this.buttons = choices.map((choice) =>
      h("button", { type: "button", class: "choice", on: { click: () => this.pick(choice) } }, face(choice)),
    );
    this.element = h(
      "div",
      { class: "choices", role: "group", "aria-label": say("report.choices"), hidden: choices.length === 0 },
      this.buttons,
    );
    this.show(choices[0]);
  }

  private pick(choice: Choice): void {
    this.show(choice);
    this.chosen(choice);
  }

  private show(choice: Choice | undefined): void {
    this.buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(this.choices[at] === choice)));
    this.reasons.hidden = choice === undefined;
    if (choice === undefined) return;
    fill(
      this.reasons,
      h("h3", {}, say("report.why"), " ", name(choice.quant)),
      bullets(choice.reasons),
      choice.details.length > 0 && h("details", {}, h("summary", {}, say("report.details")), bullets(choice.details)),
      h("details", {}, h("summary", {}, say("report.speed-basis")), h("p", {}, told(choice.speed.reason))),
      choice.remarks.length > 0 && [h("h4", {}, say("report.remarks")), bullets(choice.remarks)],
      choice.origin !== null && [h("h4", {}, say("report.file")), fileOf(choice.origin)],
      this.others(),
    );
  }

  /** What the other engines would be told. */
  private others(): Child {
    if (this.engines.length === 0) return null;
    return h(
      "details",
      {},
      h("summary", {}, say("report.other-engines")),
      this.engines.map(({ engine, choice, verdict, notes }) => [
        h("h4", {}, engineName(engine)),
        verdict && h("p", {}, told(verdict)),
        choice && [Object.values(choice.commands).map(command), bullets(choice.remarks)],
        bullets(notes),
      ]),
    );
  }
}

function face(choice: Choice): Child {
  const speed = choice.speed.generation_tokens_per_s;
  return [
    h("span", { class: "label" }, say(`label.${choice.label}`)),
    h("span", { class: "quant" }, name(choice.quant)),
    h(
      "span",
      { class: "short" },
      speed === null ? say("report.unknown") : say("report.tokens-per-s", { rate: pace(speed.likely) }),
    ),
  ];
}

function fileOf(origin: FileOrigin): Child {
  return [
    h(
      "p",
      {},
      name(origin.file),
      origin.size_bytes !== null && [" ", size(origin.size_bytes)],
      origin.repository !== null && [" · ", name(origin.repository)],
    ),
    origin.how && h("p", {}, told(origin.how)),
    origin.command !== null && command(origin.command),
    origin.make.length > 0 && command(origin.make.join("\n")),
    bullets(origin.needs),
  ];
}
