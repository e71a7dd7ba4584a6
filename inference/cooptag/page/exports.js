/** Files that the page hands out: JSON, CSV, and corrections for `cooptag-train review`. */

import { carried, correctionOf, nameOf, tagsOf } from "./tags.js";
import { oneLine } from "./text.js";

const SCHEMA = "cooptag-1";
const COLUMNS = ["article", "sentence", "start", "end", "lang", "areas", "names", "scores", "read", "text"];
// What a spreadsheet takes for a formula, or drops before one (OWASP ASVS 5, 1.2.10), also in full width.
const FORMULA = /^[=+\-@\t\r\n\0＝＋－＠]/;

/** @returns {string} the sentences as the server gave them, each with its article, its number in it and the areas as shown now */
export const jsonOf = (sentences) => `${JSON.stringify(sentences.map(record), null, 1)}\n`;

/** @returns {string} a row a sentence, names in `lang`, with the byte-order mark that makes a spreadsheet read it as UTF-8 */
export function csvOf(sentences, lang) {
  const rows = sentences.map((sentence) => {
    const row = record(sentence);
    const list = (of) => row.areas.map(of).join("|");
    const lists = { areas: list(({ id }) => id), names: list(({ id }) => nameOf(id, lang)), scores: list(({ score }) => score ?? "") };
    return COLUMNS.map((column) => cell({ ...row, ...lists }[column] ?? "")).join(",");
  });
  return "\ufeff" + [COLUMNS.map(cell).join(","), ...rows, ""].join("\r\n");
}

/** A sentence with its place, the areas as shown now, and whether a person corrected or confirmed them. */
function record(sentence) {
  const { article, index, row } = sentence;
  const correction = correctionOf(sentence);
  const tags = tagsOf(sentence).filter(({ change }) => change !== "lost");
  const areas = tags.map(({ id, score }) => ({ id, score }));
  return { article: article.name, sentence: index, ...row, areas, ...(correction && { read: correction.as }) };
}

function cell(value) {
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

/**
 * One record a line for each sentence that a person read, as `cooptag-train review` takes them. An article's sentences go to
 * the article of their language, as the corpus has one folder a language.
 * @param {object[]} sentences of articles that have a `slug` and a `year`
 * @param {string} by who read them
 * @returns {string}
 */
export function correctionsOf(sentences, by) {
  const records = sentences.map((sentence) => {
    const { slug, year } = sentence.article;
    return {
      schema: SCHEMA,
      article: `${sentence.row.lang}/${year}-${slug}`,
      sentence: sentence.index,
      lang: sentence.row.lang,
      date: year,
      text: oneLine(sentence.row.text),
      areas: carried(sentence),
      by,
      at: correctionOf(sentence).at,
    };
  });
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/** Has the browser save a text as a file. */
export function save(text, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // some browsers begin to read it only after the click
}
