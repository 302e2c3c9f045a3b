/** The token of a server that wants one: from the address, from this tab's memory, or asked for. */

import { h } from "../base/dom";
import { say } from "../base/words";

const KEPT = "llmprobe-token";

export function givenToken(): string | null {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found !== null) {
    // Nobody who looks at the address later shall read it.
    history.replaceState(null, "", location.pathname + location.search);
    keep(found);
    return found;
  }
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

export function tokenForm(given: (token: string) => void): HTMLElement {
  const field = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const form = h(
    "form",
    { class: "card token" },
    h("label", { for: "token" }, say("report.token")),
    field,
    h("button", { type: "submit" }, say("report.show")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep(field.value);
    given(field.value);
  });
  return form;
}

function keep(token: string): void {
  try {
    sessionStorage.setItem(KEPT, token);
  } catch {
    // It is asked for again after a reload.
  }
}
