/** A button that copies a text, and says that it did. */

import { h } from "./dom";
import { announce } from "./announce";
import { say } from "./words";

const SHOWN_MS = 1600;

export function copyButton(text: () => string): HTMLButtonElement {
  const button = h("button", { type: "button", class: "copy" }, say("report.copy"));
  button.addEventListener("click", () => {
    void copied(text()).then((done) => {
      const outcome = say(done ? "report.copied" : "report.not-copied");
      button.textContent = outcome;
      announce(outcome);
      setTimeout(() => (button.textContent = say("report.copy")), SHOWN_MS);
    });
  });
  return button;
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** For pages that may not use the clipboard directly: a marked text and the browser's own command. */
function copiedByHand(text: string): boolean {
  const before = document.activeElement;
  const field = h("textarea", { class: "off-screen", readonly: true, "aria-hidden": "true" });
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
