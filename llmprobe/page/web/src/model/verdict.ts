/** What a position comes to, in one line and in figures. */

import { announce } from "../base/announce";
import { fill, h, type Child } from "../base/dom";
import { figure, rate, size, time } from "../base/figures";
import { bullets, name } from "../base/names";
import { bytes, count, fixed, pace, seconds } from "../base/units";
import { say, sentence } from "../base/words";
import type { Outcome } from "./outcome";

export class Verdict {
  private readonly line = h("p", { class: "verdict" });
  private readonly list = h("dl", { class: "figures" });
  private readonly warnings = h("div", { class: "warnings" });
  readonly element = h("div", {}, this.line, this.list, this.warnings);

  constructor(private readonly totalLayers: number | null) {}

  update(outcome: Outcome): void {
    this.line.className = `verdict ${mood(outcome)}`;
    fill(this.line, this.lineOf(outcome));
    fill(this.list, outcome.refused === null && this.figuresOf(outcome));
    fill(this.warnings, bullets(outcome.warnings));
    announce(spoken(outcome));
  }

  private lineOf(outcome: Outcome): Child {
    if (outcome.refused !== null) return name(outcome.refused.text);
    if (outcome.fits === null) return say("report.fits-unknown");
    if (outcome.fits) return say("report.fits");
    if (outcome.missing === null) return say("report.fits-not");
    return sentence("report.fits-not-by", { bytes: size(outcome.missing) });
  }

  private figuresOf(outcome: Outcome): Child {
    const { quality, layers } = outcome;
    const prompt = say(outcome.promptIsAssumed ? "report.prompt-assumed" : "report.prompt");
    return [
      pair(say("report.generation"), rate(outcome.generation), "first"),
      pair(say("report.answer"), time(outcome.answer)),
      quality !== null && pair(say("report.quality"), [name(quality.words.text), " ", sameChoice(outcome)], "wide"),
      pair(say("report.full-context"), rate(outcome.full)),
      pair(prompt, rate(outcome.prompt)),
      pair(say("report.first-token"), time(outcome.firstToken)),
      layers !== null &&
        this.totalLayers !== null &&
        pair(
          say("report.layers"),
          sentence("report.of", { part: figure(layers, count), whole: figure(this.totalLayers, count) }),
        ),
    ];
  }
}

function sameChoice({ quality }: Outcome): Child {
  const percent = quality?.same_first_choice_percent;
  if (percent === null || percent === undefined) return null;
  const text = sentence("report.same-choice", { percent: figure(percent, (value) => fixed(value, 1)) });
  return h("span", { class: "bounds" }, text);
}

function pair(label: string, value: Child, kind = ""): Child {
  return h("div", { class: `pair ${kind}` }, h("dt", {}, label), h("dd", {}, value));
}

function mood(outcome: Outcome): string {
  if (outcome.refused !== null || outcome.fits === false) return "bad";
  return outcome.fits ? "good" : "unsure";
}

/** The line for a screen reader after a slider has come to rest, and for a small screen beside the sliders. */
export function spoken(outcome: Outcome): string {
  if (outcome.refused !== null) return outcome.refused.text;
  if (outcome.fits === false) {
    return outcome.missing === null
      ? say("report.fits-not")
      : say("report.fits-not-by", { bytes: bytes(outcome.missing) });
  }
  const parts = [
    say(outcome.fits ? "report.fits" : "report.fits-unknown"),
    outcome.generation && say("report.spoken-speed", { rate: pace(outcome.generation.likely) }),
    outcome.answer && say("report.spoken-answer", { time: seconds(outcome.answer.likely) }),
  ];
  return parts.filter(Boolean).join(" · ");
}
