/** The page of `llmprobe serve`: a shell that asks for everything. */

import type { CatalogEntry, Report } from "../documents";
import { buildPage, showNotes, type Page } from "../app";
import { announce } from "../base/announce";
import { fill, h, type Child } from "../base/dom";
import { name } from "../base/names";
import { say } from "../base/words";
import { FitView, type Answer } from "../fit/view";
import { machineView } from "../machine/view";
import { LiveSource } from "../model/source";
import { modelView } from "../model/view";
import { Server, type Failure } from "./server";
import { givenToken, tokenForm } from "./token";

const FAMILY = "use.";
const WRONG_TOKEN = "error.token-wrong";

export function showLive(root: HTMLElement, shell: Report): void {
  const page = buildPage(root, shell);
  const ids = Object.keys(shell.words).filter((id) => id.startsWith(FAMILY));
  const uses = ids.map((id) => id.slice(FAMILY.length));
  const begin = (token: string | null): void => {
    fill(page.ask);
    new LivePage(page, new Server(token), uses).begin(wrong);
  };
  const wrong = (failure: Failure): void => {
    fill(page.ask, failed(failure), tokenForm(begin));
    fill(page.machine);
  };
  const token = givenToken();
  if (shell.needs_token && token === null) fill(page.ask, tokenForm(begin));
  else begin(token);
}

class LivePage {
  private readonly place = h("div", {}, h("p", { class: "hint" }, say("report.pick-model")));
  private fit: FitView | null = null;
  /** The model that is shown or asked for. */
  private model: string | null = null;

  constructor(
    private readonly page: Page,
    private readonly server: Server,
    private readonly uses: readonly string[],
  ) {}

  /** Ask for the machine first, then for the rest; `wrong` is told where the token is. */
  begin(wrong: (failure: Failure) => void): void {
    fill(this.page.machine, waiting());
    void this.server.report({ uses: [] }).then((report) => {
      if (report === null) return;
      if (isFailure(report)) {
        if (report.message.id === WRONG_TOKEN) wrong(report);
        else fill(this.page.machine, failed(report));
        return;
      }
      showNotes(this.page, report);
      if (report.check !== null) fill(this.page.machine, machineView(report.check));
      this.fit = new FitView(this.uses, (use, told) => this.ask(use, told), {
        shown: null,
        open: (id) => this.open(id),
      });
      fill(this.page.models, this.fit.element);
      fill(this.page.model, this.picker(), this.place);
    });
  }

  private ask(use: string, told: (answer: Answer) => void): void {
    told(say("report.waiting"));
    void this.server.report({ uses: [use] }).then((report) => {
      if (report === null) return;
      told(isFailure(report) ? failed(report) : (report.fit[0] ?? say("report.nothing-left")));
      const best = isFailure(report) ? undefined : report.fit[0]?.rows[0]?.model.id;
      if (this.model === null && best !== undefined) this.show(best);
    });
  }

  /** A field for any name that the program knows. */
  private picker(): HTMLElement {
    const list = h("datalist", { id: "model-names" });
    const field = h("input", { id: "model-name", list: "model-names", autocomplete: "off", spellcheck: "false" });
    const form = h(
      "form",
      { class: "filters" },
      h("label", { for: "model-name" }, say("report.model-name")),
      field,
      h("button", { type: "submit" }, say("report.show")),
      list,
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (field.value.trim() !== "") this.open(field.value.trim());
    });
    void this.server.models().then((found) => {
      if (found === null || isFailure(found)) return;
      fill(
        list,
        found.models.map((entry: CatalogEntry) => h("option", { value: entry.id }, entry.name)),
      );
    });
    return form;
  }

  private open(model: string): void {
    document.getElementById("model")?.scrollIntoView();
    this.show(model);
  }

  private show(model: string): void {
    this.model = model;
    fill(this.place, waiting());
    void this.server.report({ model, uses: [] }).then((report) => {
      if (report === null || this.model !== model) return;
      if (isFailure(report) || report.model === null) {
        fill(this.place, isFailure(report) ? failed(report) : say("report.no-answer"));
        return;
      }
      fill(this.place, modelView(report.model, new LiveSource(this.server, report.model)));
      this.fit?.shown(report.model.recommendation.model.id);
      announce(report.model.recommendation.model.name);
    });
  }
}

function isFailure(answer: object): answer is Failure {
  return "message" in answer;
}

function waiting(): HTMLElement {
  return h("p", { class: "waiting", role: "status" }, say("report.waiting"));
}

function failed(failure: Failure): Child {
  return h(
    "p",
    { class: "failed", role: "alert" },
    name(failure.message.text),
    failure.hint && [" ", name(failure.hint.text)],
  );
}
