/** The models that run here for one use: sorted by any column, filtered by name and by where they run. */

import type { Fit, Fitting } from "../documents";
import { announce } from "../base/announce";
import { fill, h, type Child } from "../base/dom";
import { figure } from "../base/figures";
import { bullets, name, told } from "../base/names";
import { count, parameters } from "../base/units";
import { say, sentence } from "../base/words";
import { COLUMNS, sorted, type Column } from "./columns";

export interface Opening {
  /** The model that the page shows beside the table. */
  readonly shown: string | null;
  /** Show another one; null where the page cannot. */
  readonly open: ((id: string) => void) | null;
}

export class FitTable {
  readonly element: HTMLElement;
  private readonly head = h("tr", { role: "row" });
  private readonly rows = h("tbody", { role: "rowgroup" });
  private readonly text = h("input", { type: "search", id: "fit-filter", autocomplete: "off" });
  private readonly onGpu = h("input", { type: "checkbox", id: "fit-gpu" });
  private order: { column: Column; falling: boolean } | null = null;

  constructor(
    private readonly fit: Fit,
    private readonly opening: Opening,
  ) {
    this.text.addEventListener("input", () => this.draw());
    this.onGpu.addEventListener("change", () => this.draw());
    this.element = h(
      "div",
      {},
      fit.verdict && h("p", { class: "answer" }, told(fit.verdict)),
      h(
        "div",
        { class: "filters" },
        h("label", { for: "fit-filter" }, say("report.filter")),
        this.text,
        h("label", { class: "check" }, this.onGpu, " ", say("report.only-gpu")),
      ),
      h(
        "table",
        { class: "fit", role: "table", "aria-label": say("report.models") },
        h("thead", { role: "rowgroup" }, this.head),
        this.rows,
      ),
      fit.next_model && h("p", {}, told(fit.next_model)),
      this.rest(),
    );
    this.draw();
  }

  private draw(): void {
    const words = this.text.value.trim().toLowerCase();
    const kept = this.fit.rows.filter((row) => this.keeps(row, words));
    const rows = this.order === null ? kept : sorted(kept, this.order.column, this.order.falling);
    const names = [
      h("span", { class: "in-table" }, say("report.model-name")),
      h("span", { class: "in-cards" }, say("report.sort-by")),
    ];
    fill(
      this.head,
      h("th", { scope: "col", role: "columnheader" }, names),
      COLUMNS.map((column) => this.heading(column)),
    );
    fill(
      this.rows,
      rows.map((row) => this.row(row)),
      rows.length === 0 &&
        h("tr", { role: "row" }, h("td", { role: "cell", colspan: COLUMNS.length + 1 }, say("report.nothing-left"))),
    );
  }

  private keeps({ model, choice }: Fitting, words: string): boolean {
    if (this.onGpu.checked && (choice.gpu_layers < choice.total_layers || choice.n_cpu_moe > 0)) return false;
    return `${model.name} ${model.id} ${model.license ?? ""}`.toLowerCase().includes(words);
  }

  private heading(column: Column): HTMLElement {
    const here = this.order?.column === column;
    const direction = !here ? "none" : this.order?.falling ? "descending" : "ascending";
    const button = h("button", { type: "button", class: "sort" }, column.title());
    button.addEventListener("click", () => {
      this.order = { column, falling: here ? !this.order?.falling : column.falling };
      this.draw();
      const again = this.head.querySelector<HTMLElement>(`[data-column="${column.id}"] button`);
      again?.focus();
      announce(say("report.sorted", { column: column.title() }));
    });
    const kind = column.number ? "number" : "";
    return h(
      "th",
      { scope: "col", role: "columnheader", "aria-sort": direction, "data-column": column.id, class: kind },
      button,
    );
  }

  private row(row: Fitting): HTMLElement {
    const { model } = row;
    return h(
      "tr",
      { role: "row", class: model.id === this.opening.shown ? "shown" : "" },
      h("th", { scope: "row", role: "rowheader" }, this.title(row), h("span", { class: "id" }, name(model.id))),
      COLUMNS.map((column) =>
        h("td", { role: "cell", "data-label": column.title(), class: column.number ? "number" : "" }, column.cell(row)),
      ),
    );
  }

  private title({ model }: Fitting): Child {
    const { shown, open } = this.opening;
    const text = [name(model.name), " ", h("span", { class: "bounds" }, figure(model.parameters, parameters))];
    if (open !== null) {
      return h("button", { type: "button", class: "open", on: { click: () => open(model.id) } }, text);
    }
    return model.id === shown ? h("a", { href: "#model" }, text) : h("span", { class: "title" }, text);
  }

  private rest(): Child {
    const { left_out: left, notes, unranked } = this.fit;
    if (left.length + notes.length + unranked.length === 0) return null;
    return h(
      "details",
      {},
      h("summary", {}, say("report.good-to-know")),
      bullets([...notes, ...left]),
      unranked.length > 0 && [
        h("p", {}, sentence("report.unranked", { models: figure(unranked.length, count) })),
        h(
          "p",
          {},
          unranked.map((model, at) => [at > 0 && ", ", name(model.id)]),
        ),
      ],
    );
  }
}
