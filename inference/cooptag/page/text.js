/** Offsets and pieces of text. The server counts code points, JavaScript UTF-16 units. */

/**
 * Converts the offsets of a text from code points to UTF-16 units, each no smaller than the one before it.
 * @param {string} text
 * @returns {(point: number) => number}
 */
export function unitsOf(text) {
  let point = 0;
  let unit = 0;
  return (target) => {
    for (; point < target && unit < text.length; point++) unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    return unit;
  };
}

/** @returns {number} how many code points a text has */
export function codePoints(text) {
  let n = 0;
  for (let i = 0; i < text.length; n++) i += text.codePointAt(i) > 0xffff ? 2 : 1;
  return n;
}

/**
 * The nodes of a text with marks around parts of it.
 * @param {string} text
 * @param {{start: number, end: number}[]} parts in code points
 * @returns {Node[]}
 */
export function marked(text, parts) {
  const unit = unitsOf(text);
  const nodes = [];
  let last = 0;
  for (const part of [...parts].sort((a, b) => a.start - b.start)) {
    const [from, to] = [unit(part.start), unit(part.end)];
    const mark = document.createElement("mark");
    mark.textContent = text.slice(from, to);
    nodes.push(text.slice(last, from), mark);
    last = to;
  }
  return [...nodes, text.slice(last)];
}

/** @returns {string} the text on one line, without control characters, as a corpus file takes it */
export function oneLine(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ").trim();
}

/** @returns {string} a text without accents in small letters, to find it by what somebody types */
export function folded(text) {
  return text.toLowerCase().replaceAll("đ", "d").normalize("NFD").replace(/\p{M}/gu, "");
}

/** @returns {string} a short title for file names, of small Latin letters, digits and hyphens; "" if the text has none of them */
export function slugOf(text) {
  return folded(text)
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, 60)
    .replace(/-$/, "");
}
