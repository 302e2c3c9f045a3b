/** Dark or light: as the system has it, or as it was chosen here. The choice is kept where the browser allows it. */

import { h } from "./dom";
import { say } from "./words";

const KEPT = "llmprobe-theme";
const THEMES = ["system", "light", "dark"] as const;

type Theme = (typeof THEMES)[number];

const NAMES: Record<Theme, string> = {
  system: "report.theme.system",
  light: "report.theme.light",
  dark: "report.theme.dark",
};

export function themeSwitch(): HTMLElement {
  const select = h(
    "select",
    { id: "theme" },
    THEMES.map((theme) => h("option", { value: theme }, say(NAMES[theme]))),
  );
  select.value = kept();
  apply(select.value);
  select.addEventListener("change", () => {
    apply(select.value);
    keep(select.value);
  });
  return h("div", { class: "theme" }, h("label", { for: "theme" }, say("report.theme")), select);
}

function apply(theme: string): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

function kept(): Theme {
  try {
    const found = localStorage.getItem(KEPT);
    return THEMES.find((theme) => theme === found) ?? "system";
  } catch {
    return "system";
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // A browser that keeps nothing for files asks again the next time.
  }
}
