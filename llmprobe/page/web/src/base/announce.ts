/** What a screen reader is told when figures change: the last sentence, once nothing has moved for a moment. */

import { h } from "./dom";

const QUIET_MS = 500;

const region = h("div", { class: "off-screen", role: "status", "aria-live": "polite" });
let waiting: ReturnType<typeof setTimeout> | undefined;

export function announcer(): HTMLElement {
  return region;
}

export function announce(sentence: string): void {
  clearTimeout(waiting);
  waiting = setTimeout(() => (region.textContent = sentence), QUIET_MS);
}
