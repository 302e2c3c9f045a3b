/** `fit`: a use is chosen, and the table of the models for it is shown. */

import type { Fit } from "../documents";
import { fill, h, type Child } from "../base/dom";
import { say } from "../base/words";
import { FitTable, type Opening } from "./table";

/** The models for a use, or what is said in place of them. */
export type Answer = Fit | Child;

/** What answers for a use: at once from the file, later from the server. */
export type Asked = (use: string, told: (answer: Answer) => void) => void;

export class FitView {
  readonly element: HTMLElement;
  private readonly place = h("div", { class: "fit-place" });
  private readonly select: HTMLSelectElement;
  private found: Fit | null = null;

  constructor(
    uses: readonly string[],
    private readonly asked: Asked,
    private opening: Opening,
  ) {
    this.select = h(
      "select",
      { id: "fit-use" },
      uses.map((use) => h("option", { value: use }, useName(use))),
    );
    this.select.addEventListener("change", () => this.ask());
    this.element = h(
      "div",
      {},
      h("div", { class: "filters" }, h("label", { for: "fit-use" }, say("report.use")), this.select),
      this.place,
    );
    this.ask();
  }

  /** Mark another model as the one that is shown. */
  shown(id: string): void {
    this.opening = { ...this.opening, shown: id };
    if (this.found !== null) this.show(this.found);
  }

  private ask(): void {
    const use = this.select.value;
    this.asked(use, (answer) => {
      if (use !== this.select.value) return;
      if (isFit(answer)) this.show(answer);
      else fill(this.place, h("p", { class: "waiting", role: "status" }, answer));
    });
  }

  private show(fit: Fit): void {
    this.found = fit;
    fill(this.place, new FitTable(fit, this.opening).element);
  }
}

function isFit(answer: Answer): answer is Fit {
  return typeof answer === "object" && answer !== null && "rows" in answer;
}

function useName(use: string): string {
  const known = say(`use.${use}`);
  return known === `use.${use}` ? use : known;
}
