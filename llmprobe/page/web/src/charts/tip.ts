/** A note beside a point of a chart. Screen readers have the point's own name. */

import { fill, h, type Child } from "../base/dom";

const AWAY = 14;

export class Tip {
  readonly element = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });

  constructor(private readonly place: HTMLElement) {}

  show(content: Child, x: number, y: number): void {
    fill(this.element, content);
    this.element.hidden = false;
    const most = this.place.clientWidth - this.element.offsetWidth;
    const left = x + AWAY <= most ? x + AWAY : x - AWAY - this.element.offsetWidth;
    this.element.style.left = `${Math.max(0, Math.min(left, most))}px`;
    this.element.style.top = `${Math.max(0, y - this.element.offsetHeight / 2)}px`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
