/** The frame of the page, and its three parts: the machine, the models, and one of them. */

import type { Report } from "./documents";
import { announcer } from "./base/announce";
import { fill, h } from "./base/dom";
import { bullets, name } from "./base/names";
import { themeSwitch } from "./base/theme";
import { say, sentence } from "./base/words";

export interface Page {
  readonly machine: HTMLElement;
  readonly models: HTMLElement;
  readonly model: HTMLElement;
  readonly notes: HTMLElement;
  /** A place above the parts, for what a live page asks of its reader. */
  readonly ask: HTMLElement;
}

const PARTS = [
  ["machine", "report.machine"],
  ["models", "report.models"],
  ["model", "report.model"],
] as const;

export function buildPage(root: HTMLElement, report: Report): Page {
  const [machine, models, model] = [h("div"), h("div"), h("div")];
  const places = { machine, models, model };
  const notes = h("div", { class: "notes" });
  const ask = h("div", { class: "ask" });
  fill(
    root,
    h("a", { class: "skip", href: "#machine" }, say("report.skip")),
    h(
      "header",
      {},
      h("h1", {}, say("report.title")),
      h(
        "nav",
        { "aria-label": say("report.parts") },
        PARTS.map(([id, title]) => h("a", { href: `#${id}` }, say(title))),
      ),
      themeSwitch(),
    ),
    h(
      "main",
      {},
      ask,
      PARTS.map(([id, title]) =>
        h(
          "section",
          { class: "part", id, "aria-labelledby": `${id}-title` },
          h("h2", { id: `${id}-title` }, say(title)),
          places[id],
        ),
      ),
    ),
    h("footer", {}, notes, h("p", {}, name(`llmprobe ${report.llmprobe_version}`))),
    announcer(),
  );
  return { machine, models, model, notes, ask };
}

/** When the figures were made, and what they cover. */
export function showNotes(page: Page, report: Report): void {
  const about = report.model?.grid?.about.id;
  fill(
    page.notes,
    report.made_at !== null &&
      h("p", {}, sentence("report.made-at", { date: moment(report.made_at, report.language) })),
    bullets(report.notes.filter((note) => note.id !== about)),
  );
}

function moment(made: string, language: string): HTMLElement {
  const style = { dateStyle: "medium", timeStyle: "short" } as const;
  return h("time", { datetime: made }, new Intl.DateTimeFormat(language, style).format(new Date(made)));
}
