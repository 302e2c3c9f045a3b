/** The sentences of the page, all of which come with the document in its language. */

import type { Child } from "./dom";

let sentences: Readonly<Record<string, string>> = {};

export function useWords(words: Readonly<Record<string, string>>): void {
  sentences = words;
}

/** The parts of a sentence with its values in their places; a value may be an element. */
export function sentence(id: string, values: Readonly<Record<string, Child>> = {}): Child[] {
  const template = sentences[id] ?? id;
  return template.split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name === undefined ? part : (values[name] ?? "");
  });
}

/** A sentence as plain text, for attributes and charts. */
export function say(id: string, values: Readonly<Record<string, string | number>> = {}): string {
  return (sentences[id] ?? id).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
