/** Files that the page hands out: JSON, CSV, and corrections for `cooptag-train review`. */

import { carried, correctionOf, tagsOf } from "./tags.js";
import { oneLine } from "./text.js";

const SCHEMA = "cooptag-1";
const COLUMNS = ["article", "sentence", "start", "end", "lang", "areas", "scores", "read", "text"];
// What a spreadsheet takes for a formula, or drops before one (OWASP ASVS 5, 1.2.10), also in full width.
const FORMULA = /^[=+\-@\t\r\n\0＝＋－＠]/;

/** @returns {string} the sentences as the server gave them, each with its article, its number in it and the areas as shown now */
export function jsonOf(sentences) {
  return (
    JSON.stringify(
      sentences.map((sentence) => ({ ...place(sentence), ...sentence.row, ...shown(sentence) })),
      null,
      1,
    ) + "\n"
  );
}

/** @returns {string} a row a sentence, with the byte-order mark that makes a spreadsheet read it as UTF-8 */
export function csvOf(sentences) {
  const rows = sentences.map((sentence) => {
    const row = { ...place(sentence), ...sentence.row, ...shown(sentence) };
    const list = (key) => row.areas.map((area) => area[key] ?? "").join("|");
    return COLUMNS.map((column) => cell({ ...row, areas: list("id"), scores: list("score") }[column] ?? "")).join(",");
  });
  return "\ufeff" + [COLUMNS.map(cell).join(","), ...rows, ""].join("\r\n");
}

const place = ({ article, index }) => ({ article: article.name, sentence: index });

/** The areas as shown now, and whether a person corrected or confirmed them. */
function shown(sentence) {
  const areas = tagsOf(sentence).filter(({ change }) => change !== "lost");
  const correction = correctionOf(sentence);
  return { areas: areas.map(({ id, score }) => ({ id, score })), ...(correction && { read: correction.as }) };
}

function cell(value) {
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return `"${text.replaceAll('"', '""')}"`;
}

/**
 * One record a line for each sentence that a person read, as `cooptag-train review` takes them. An article's sentences go to
 * the article of their language, as the corpus has one folder a language.
 * @param {object[]} sentences
 * @param {string} by who read them
 * @param {(article: object) => {slug: string, year: string}} about
 * @returns {string}
 */
export function correctionsOf(sentences, by, about) {
  const records = sentences.map((sentence) => {
    const { slug, year } = about(sentence.article);
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
