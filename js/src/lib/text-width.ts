/** Widths of text without a canvas: near enough to keep labels apart, and the same in every test. */

const NARROW = /[iljtfrI.,:;'"!|()[\]{}\s\u00b7-]/;
const WIDE = /[mwMW@%\u2013\u2014\u2026]/;

/** About how wide a text is, in pixels; on the wide side rather than the narrow. */
export function textWidth(text: string, size: number): number {
  let ems = 0;
  for (const sign of text) {
    const code = sign.codePointAt(0) ?? 0;
    if (code > 0x2e80) ems += 1.05;
    else if (WIDE.test(sign)) ems += 0.92;
    else if (NARROW.test(sign)) ems += 0.36;
    else if (sign >= "A" && sign <= "Z") ems += 0.7;
    else ems += 0.59;
  }
  return ems * size;
}

/** The text, or as much of its beginning as fits and an ellipsis. */
export function elided(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  const signs = [...text];
  while (signs.length > 1 && textWidth(`${signs.join("")}\u2026`, size) > width) signs.pop();
  return `${signs.join("")}\u2026`;
}
