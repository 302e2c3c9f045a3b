/** Many things of one chart as one stop of the Tab key: arrows go from one to the next. */

export function roving(items: readonly (SVGElement | HTMLElement)[]): void {
  items.forEach((item, at) => {
    item.setAttribute("tabindex", at === 0 ? "0" : "-1");
    item.addEventListener("keydown", (event) => {
      const next = target((event as KeyboardEvent).key, at, items.length);
      const other = next === null ? undefined : items[next];
      if (other === undefined) return;
      event.preventDefault();
      for (const one of items) one.setAttribute("tabindex", one === other ? "0" : "-1");
      other.focus();
    });
  });
}

function target(key: string, at: number, count: number): number | null {
  switch (key) {
    case "ArrowRight":
    case "ArrowDown":
      return Math.min(at + 1, count - 1);
    case "ArrowLeft":
    case "ArrowUp":
      return Math.max(at - 1, 0);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
