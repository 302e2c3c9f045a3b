/** The figures of the bars as a table: what every device holds, and of live answers every term. */

import { fill, h, type Child } from "../base/dom";
import { size } from "../base/figures";
import { name } from "../base/names";
import { say } from "../base/words";
import { deviceName } from "./bars";
import { KIND_WORDS, KINDS, type Held } from "./outcome";

export class HeldTable {
  private readonly place = h("div", {
    class: "scroll",
    tabindex: 0,
    role: "region",
    "aria-label": say("report.as-table"),
  });
  readonly element = h("details", {}, h("summary", {}, say("report.as-table")), this.place);

  update(devices: readonly Held[]): void {
    const kinds = KINDS.filter((kind) => devices.some((device) => device.kinds[kind] > 0));
    const terms = devices.flatMap((device) => device.terms.map((term) => ({ device, term })));
    fill(
      this.place,
      h(
        "table",
        { class: "plain" },
        h("thead", {}, row("th", ["", ...devices.map((device) => deviceName(device.id, device.name))])),
        h(
          "tbody",
          {},
          kinds.map((kind) => row("td", [say(KIND_WORDS[kind]), ...devices.map((device) => size(device.kinds[kind]))])),
          row("td", [say("column.total"), ...devices.map((device) => size(device.total))]),
          row("td", [say("column.budget"), ...devices.map((device) => size(device.budget))]),
        ),
      ),
      terms.length > 0 &&
        h(
          "table",
          { class: "plain terms" },
          h("thead", {}, row("th", ["", say("report.bytes"), say("report.why-so")])),
          h(
            "tbody",
            {},
            terms.map(({ device, term }) =>
              row("td", [[name(device.id), " ", name(term.name)], size(term.bytes), name(term.how.text)]),
            ),
          ),
        ),
    );
  }
}

/** Figures of a chart as a table, folded away until it is asked for. */
export function foldedTable(label: string, heads: readonly Child[], rows: readonly (readonly Child[])[]): HTMLElement {
  const table = h(
    "table",
    { class: "plain" },
    h("thead", {}, row("th", heads)),
    h(
      "tbody",
      {},
      rows.map((cells) => row("td", cells)),
    ),
  );
  return h(
    "details",
    {},
    h("summary", {}, say("report.as-table")),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, table),
  );
}

/** A row whose first cell is its heading. */
function row(kind: "td" | "th", cells: readonly Child[]): HTMLTableRowElement {
  return h(
    "tr",
    {},
    cells.map((cell, at) =>
      kind === "th" ? h("th", { scope: "col" }, cell) : at === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell),
    ),
  );
}
