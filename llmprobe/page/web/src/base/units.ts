/** Figures as people read them, by the rules of llmprobe/units.py and of the sentences, to the last digit. */

const KIB = 1024;
const UNITS = ["KiB", "MiB", "GiB", "TiB"] as const;

/** A decimal with a fixed number of digits; of two that are equally near the even one, as Python writes it. */
export function fixed(value: number, digits: number): string {
  const rounded = value.toFixed(digits);
  const [whole = "", part = ""] = Math.abs(value)
    .toFixed(Math.min(100, digits + 60))
    .split(".");
  const rest = part.slice(digits);
  if (!/^50*$/.test(rest)) return rounded;
  const kept = whole + part.slice(0, digits);
  if (Number(kept.at(-1)) % 2 !== 0) return rounded;
  const sign = value < 0 ? "-" : "";
  return digits === 0 ? sign + whole : `${sign}${whole}.${part.slice(0, digits)}`;
}

/** A size in binary units: `1.23 GiB`, `512 MiB`. */
export function bytes(count: number): string {
  const sign = count < 0 ? "-" : "";
  const size = Math.abs(count);
  if (size < KIB) return `${sign}${size} B`;
  let value = size;
  for (const unit of UNITS) {
    value /= KIB;
    if (Number(fixed(value, 0)) < KIB || unit === "TiB") {
      const digits = unit === "KiB" || unit === "MiB" ? 0 : value < 100 ? 2 : 1;
      return `${sign}${fixed(value, digits)} ${unit}`;
    }
  }
  return "";
}

/** Thousands apart by a comma, as sentences write counts. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A count of parameters as models are named: `70.6B`, `494M`. */
export function parameters(value: number): string {
  if (value >= 1e9) return `${fixed(value / 1e9, value / 1e9 < 100 ? 1 : 0)}B`;
  return value >= 1e6 ? `${fixed(value / 1e6, 0)}M` : `${fixed(value / 1e3, 0)}K`;
}

/** Tokens per second: `0.31`, `4.2`, `38`, `1200`. */
export function pace(tokensPerS: number): string {
  if (tokensPerS < 1) return fixed(tokensPerS, 2);
  if (tokensPerS >= 1000) return String(Number(fixed(tokensPerS / 100, 0)) * 100);
  return fixed(tokensPerS, tokensPerS < 9.95 ? 1 : 0);
}

/** A time: `9.2 s`, `92 s`, `15 min`, `2.5 h`. */
export function seconds(value: number): string {
  if (value < 600) return `${fixed(value, value < 9.95 ? 1 : 0)} s`;
  return value < 7200 ? `${fixed(value / 60, 0)} min` : `${fixed(value / 3600, 1)} h`;
}

/** A number as it is, without noise of its binary form. */
export function plain(value: number): string {
  return String(Number(value.toPrecision(6)));
}
