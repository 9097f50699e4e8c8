import { formatNumber } from "../../../lib";

/** A number for a small cell: "1", "−20", "0.33", "1.2e5"; whole numbers whole, others to two digits. */
export function cellNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return String(value).replace("-", "\u2212");
  const text = formatNumber(value, Math.abs(value) >= 100 ? 3 : 2);
  if (text.includes("e")) return text.replace(/\.?0*e/, "e");
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A name in which long numbers have six digits: "mean:0.142857". */
export function shortNumbers(name: string): string {
  return name.replace(/\d+\.\d{7,}/g, (number) => String(Number(Number(number).toPrecision(6))));
}
