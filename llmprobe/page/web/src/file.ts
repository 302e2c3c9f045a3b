/** The page of a file: everything is in its document. */

import type { Report } from "./documents";
import { buildPage, showNotes } from "./app";
import { fill } from "./base/dom";
import { say } from "./base/words";
import { FitView } from "./fit/view";
import { machineView } from "./machine/view";
import { GridReader } from "./model/grid";
import { FileSource } from "./model/source";
import { modelView } from "./model/view";

export function showFile(root: HTMLElement, report: Report): void {
  const page = buildPage(root, report);
  showNotes(page, report);
  if (report.check !== null) fill(page.machine, machineView(report.check));
  const uses = report.fit.map((fit) => fit.wishes.use);
  const shown = report.model?.recommendation.model.id ?? null;
  const answer = (use: string): (typeof report.fit)[number] | string =>
    report.fit.find((fit) => fit.wishes.use === use) ?? say("report.nothing-left");
  if (uses.length > 0) {
    fill(page.models, new FitView(uses, (use, told) => told(answer(use)), { shown, open: null }).element);
  } else {
    hide("models");
  }
  const { model } = report;
  if (model === null || model.grid === null) {
    hide("model");
  } else {
    fill(page.model, modelView(model, new FileSource(new GridReader(model.grid, model.axes, model.devices))));
  }
}

/** A part that the document has nothing for. */
function hide(part: string): void {
  document.getElementById(part)?.setAttribute("hidden", "");
  document.querySelector(`nav a[href="#${part}"]`)?.remove();
}
