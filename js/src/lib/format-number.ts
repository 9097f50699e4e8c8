/** Numbers as text: the true minus sign, a fixed number of significant digits, and no rounding into a lie. */

const MINUS = "\u2212";

/** A number with `digits` significant digits: "0.0213", "−1.500", "3.2e−5", "NaN", "−∞". */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "NaN";
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : "";
  if (size === Number.POSITIVE_INFINITY) return `${sign}\u221e`;
  if (size === 0) return "0";
  if (size >= 1e6 || size < 1e-4) return sign + exponential(size, digits);
  const decimals = Math.min(20, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return sign + size.toFixed(decimals);
}

function exponential(size: number, digits: number): string {
  const [mantissa = "", exponent = "0"] = size.toExponential(Math.max(0, digits - 1)).split("e");
  return `${mantissa}e${exponent.startsWith("-") ? MINUS + exponent.slice(1) : exponent.slice(1)}`;
}

/** As formatNumber, with a plus before positive numbers. */
export function formatSigned(value: number, digits = 4): string {
  return value > 0 ? `+${formatNumber(value, digits)}` : formatNumber(value, digits);
}

/** A whole number with thin spaces between thousands: "50 176". */
export function formatCount(value: number): string {
  const text = Math.abs(Math.trunc(value))
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return value < 0 ? MINUS + text : text;
}

/**
 * A probability as a percentage: "93.4%", "4.27%".
 *
 * "0%" and "100%" stand for exactly these; what rounds there but is not reads "<0.01%" or ">99.99%".
 */
export function formatPercent(probability: number): string {
  if (!Number.isFinite(probability)) return formatNumber(probability);
  if (probability === 0) return "0%";
  if (probability === 1) return "100%";
  if (probability > 0 && probability < 1e-4) return "<0.01%";
  if (probability > 0.9999 && probability < 1) return ">99.99%";
  const percent = probability * 100;
  const decimals = percent < 9.995 || (percent >= 99.95 && percent < 100) ? 2 : 1;
  return `${percent.toFixed(decimals).replace("-", MINUS)}%`;
}
