/** Names and sentences from outside of the page: isolated, so that the direction of one never turns what is beside it. */

import type { Message } from "../documents";
import { h, type Child } from "./dom";
import { copyButton } from "./copy";

export function name(text: string): HTMLElement {
  return h("bdi", {}, text);
}

/** A message of the program: its sentence, and below it the commands of its further lines, each to be copied. */
export function told(message: Message): Child {
  const [prose = "", ...commands] = message.text.split("\n");
  const lines = commands.filter((line) => line.trim() !== "");
  if (lines.length === 0) return name(prose);
  return [name(prose), command(lines.join("\n"))];
}

/** Lines for a shell with a button that copies them. */
export function command(text: string): HTMLElement {
  return h(
    "div",
    { class: "command" },
    h("pre", { tabindex: 0, dir: "ltr" }, h("code", {}, text)),
    copyButton(() => text),
  );
}

export function bullets(messages: readonly Message[]): Child {
  if (messages.length === 0) return null;
  return h(
    "ul",
    { class: "bullets" },
    messages.map((message) => h("li", {}, told(message))),
  );
}
