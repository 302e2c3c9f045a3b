/** One model: sliders, and everything that moves with them. */

import type { Message, ModelReport } from "../documents";
import { announce } from "../base/announce";
import { fill, h } from "../base/dom";
import { bullets, name } from "../base/names";
import { parameters } from "../base/units";
import { figure } from "../base/figures";
import { say, sentence } from "../base/words";
import { Bars } from "./bars";
import { Choices } from "./choices";
import { Commands } from "./commands";
import { Controls } from "./controls";
import { Curves } from "./curves";
import { Frontier } from "./frontier";
import type { Outcome } from "./outcome";
import { positionOf, valueLabel, type Position } from "./position";
import type { Source } from "./source";
import { HeldTable } from "./table";
import { spoken, Verdict } from "./verdict";

export function modelView(report: ModelReport, source: Source): HTMLElement {
  const { recommendation, axes, devices } = report;
  const { model } = recommendation;
  let position: Position = report.start;

  const quants = axes.find((axis) => axis.name === "quant")?.values ?? [];
  const verdict = new Verdict(recommendation.choices[0]?.total_layers ?? null);
  const bars = new Bars();
  const table = new HeldTable();
  const commands = new Commands();
  const brief = h("p", { class: "brief", "aria-hidden": "true" });
  const about = report.grid === null ? null : h("p", { class: "hint" }, name(report.grid.about.text));
  const beside = h("p", { class: "beside", hidden: true });
  const controls = new Controls(axes, source, (axis, value) => {
    go({ ...position, [axis.name]: value }, axis.name);
  });
  const toPoint = (point: Parameters<typeof positionOf>[1]): void => go(positionOf(axes, point, position), "quant");
  const choices = new Choices(recommendation.choices, report.engines, (choice) =>
    toPoint({ ...choice, host_experts: choice.n_cpu_moe }),
  );
  const frontier = recommendation.points.length > 0 ? new Frontier(recommendation.points, quants, toPoint) : null;
  const curves = report.curves.length > 0 ? new Curves(report.curves, devices) : null;

  function go(wanted: Position, moved: string): void {
    const before = wanted;
    position = source.nearest(wanted, moved);
    controls.show(position);
    const others = axes.filter((axis) => position[axis.name] !== before[axis.name]);
    beside.hidden = others.length === 0;
    if (others.length > 0) {
      const list = others
        .map((axis) => `${axis.label.text} ${valueLabel(axis, position[axis.name] ?? null)}`)
        .join(", ");
      fill(beside, sentence("report.moved", { axes: name(list) }));
      announce(say("report.moved", { axes: list }));
    }
    ask();
  }

  function ask(): void {
    const asked = position;
    source.ask(asked, (outcome) => show(asked, outcome));
  }

  function show(at: Position, outcome: Outcome): void {
    verdict.update(outcome);
    fill(brief, spoken(outcome));
    bars.update(outcome.devices);
    table.update(outcome.devices);
    commands.update(outcome.commands);
    frontier?.update(outcome);
    curves?.update(at, outcome);
  }

  go(report.start, "quant");
  return h(
    "div",
    { class: "model" },
    h(
      "p",
      { class: "model-line" },
      h("strong", {}, name(model.name)),
      " ",
      sentence("report.model-line", { id: name(model.id), parameters: figure(model.parameters, parameters) }),
    ),
    recommendation.verdict && h("p", { class: "answer" }, name(recommendation.verdict.text)),
    choices.element,
    h(
      "div",
      { class: "play" },
      h(
        "section",
        { class: "card panel" },
        h("h3", {}, say("report.settings")),
        controls.element,
        beside,
        about,
        brief,
      ),
      h(
        "section",
        { class: "card result" },
        h("h3", {}, say("report.outcome")),
        verdict.element,
        bars.element,
        table.element,
      ),
    ),
    commands.element,
    choices.reasons,
    h("div", { class: "charts" }, frontier?.element, curves?.element),
    rest(report),
  );
}

/** What else was weighed, and what the figures are based on. */
function rest({ recommendation: found }: ModelReport): HTMLElement {
  const parts: [string, readonly Message[]][] = [
    ["report.good-to-know", [...found.warnings, ...found.notes]],
    ["report.nearest", found.nearest],
    ["report.changes", found.changes],
    ["report.balance", found.balance],
  ];
  const told = parts.filter(([, messages]) => messages.length > 0);
  return h(
    "div",
    { class: "card rest", hidden: told.length === 0 },
    told.map(([title, messages]) => h("details", {}, h("summary", {}, say(title)), bullets(messages))),
  );
}
