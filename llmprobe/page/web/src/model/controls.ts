/** A slider or a choice for each axis. */

import type { Axis } from "../documents";
import { h } from "../base/dom";
import { count } from "../base/units";
import { say } from "../base/words";
import { valueLabel, type Position, type Scalar } from "./position";

export interface Rules {
  /** Live, a number may also be between the stops of the axis. */
  readonly between: boolean;
  readonly has: (position: Position) => boolean;
}

type Changed = (axis: Axis, value: Scalar) => void;

export class Controls {
  readonly element: HTMLElement;
  private readonly controls: readonly Control[];

  constructor(axes: readonly Axis[], rules: Rules, changed: Changed) {
    this.controls = axes.map((axis) =>
      axis.kind === "choice"
        ? new Choice(axis, rules, changed)
        : rules.between && axis.name !== "ctx_size" && axis.least !== null && axis.most !== null
          ? new Slider(axis, new Numbers(axis.least, axis.most, axis.step ?? 1), changed)
          : new Slider(axis, new Stops(axis.values), changed),
    );
    this.element = h(
      "form",
      { class: "controls" },
      this.controls.map((control) => control.element),
    );
    this.element.addEventListener("submit", (event) => event.preventDefault());
  }

  show(position: Position): void {
    for (const control of this.controls) control.show(position);
  }
}

interface Control {
  readonly element: HTMLElement;
  show(position: Position): void;
}

/** A list to choose from. What the file does not have with the other axes as they are is marked. */
class Choice implements Control {
  readonly element: HTMLElement;
  private readonly select: HTMLSelectElement;

  constructor(
    private readonly axis: Axis,
    private readonly rules: Rules,
    changed: Changed,
  ) {
    const id = `axis-${axis.name}`;
    this.select = h(
      "select",
      { id },
      axis.values.map((value, at) => h("option", { value: at }, valueLabel(axis, value))),
    );
    this.select.addEventListener("change", () => changed(axis, axis.values[this.select.selectedIndex] ?? null));
    this.element = h("div", { class: "control" }, h("label", { for: id }, axis.label.text), this.select);
  }

  show(position: Position): void {
    const { axis } = this;
    this.select.selectedIndex = axis.values.indexOf(position[axis.name] ?? null);
    axis.values.forEach((value, at) => {
      const option = this.select.options[at];
      const label = valueLabel(axis, value);
      const there = this.rules.has({ ...position, [axis.name]: value });
      if (option) option.textContent = there ? label : say("report.moves-others", { value: label });
    });
  }
}

/** The places of a slider, and the values that they stand for. */
interface Places {
  readonly least: number;
  readonly most: number;
  readonly step: number;
  value(place: number): Scalar;
  place(value: Scalar): number;
}

class Numbers implements Places {
  constructor(
    readonly least: number,
    readonly most: number,
    readonly step: number,
  ) {}

  value(place: number): Scalar {
    return place;
  }

  place(value: Scalar): number {
    return Number(value);
  }
}

class Stops implements Places {
  readonly least = 0;
  readonly step = 1;
  readonly most: number;

  constructor(private readonly values: readonly Scalar[]) {
    this.most = values.length - 1;
  }

  value(place: number): Scalar {
    return this.values[place] ?? null;
  }

  /** The last stop that is not above a value: a value between two stops is shown at the lower one. */
  place(value: Scalar): number {
    const exact = this.values.indexOf(value);
    if (exact >= 0) return exact;
    return this.values.filter((stop) => Number(stop) <= Number(value)).length - 1;
  }
}

class Slider implements Control {
  readonly element: HTMLElement;
  private readonly input: HTMLInputElement;
  private readonly output: HTMLOutputElement;

  constructor(
    private readonly axis: Axis,
    private readonly places: Places,
    changed: Changed,
  ) {
    const id = `axis-${axis.name}`;
    const { least: min, most: max, step } = places;
    this.input = h("input", { type: "range", id, min, max, step });
    this.output = h("output", { for: id });
    this.input.addEventListener("input", () => {
      const value = places.value(Number(this.input.value));
      this.tell(value);
      changed(axis, value);
    });
    this.element = h("div", { class: "control" }, h("label", { for: id }, axis.label.text), this.output, this.input);
  }

  show(position: Position): void {
    const value = position[this.axis.name] ?? null;
    this.input.value = String(this.places.place(value));
    this.tell(value);
  }

  private tell(value: Scalar): void {
    const { axis } = this;
    const most = axis.most ?? axis.values.at(-1);
    const label = valueLabel(axis, value);
    const counted = (axis.name === "gpu_layers" || axis.name === "n_cpu_moe") && typeof most === "number";
    const text = counted ? say("report.of", { part: label, whole: count(most) }) : label;
    this.output.textContent = text;
    this.input.setAttribute("aria-valuetext", text);
  }
}
