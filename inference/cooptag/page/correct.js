/** The dialog in which a person says which areas a sentence names, and the one that exports what was said. */

import { element, find, openDialog, showLine } from "./dom.js";
import { correctionsOf, save } from "./exports.js";
import { agrees, byPillar, carried, colourOf, correct, correctionOf, nameOf, PILLARS } from "./tags.js";
import { folded, slugOf } from "./text.js";
import { pageLanguage, word } from "./words.js";

const SLUG = "[a-z0-9][a-z0-9\\-]{0,93}"; // with the year before it, what an article id of the corpus may be
let edited = null;

/** Lets the dialog be used; `corrected` draws what it changes, `reading` gives the sentences of the page in order. */
export function listen(corrected, reading) {
  const dialog = find("#edit");
  find("form", dialog).addEventListener("submit", (event) => (event.preventDefault(), saveEdit(corrected), dialog.close()));
  find("[data-do=next]", dialog).addEventListener("click", () => {
    saveEdit(corrected);
    const visible = reading().filter(({ node }) => !node.hidden || node === edited.node);
    const next = visible[visible.indexOf(edited) + 1];
    if (next) show(next);
    else dialog.close();
  });
  find("#edit-search").addEventListener("input", search);
  find("#edit-none").addEventListener("change", (event) => (event.target.checked && tick([]), drawTicks()));
  find("#edit-areas").addEventListener("change", drawTicks);
  dialog.addEventListener("close", () => edited.edit.focus());
}

/** Opens the dialog for a sentence. */
export function edit(sentence) {
  find("#edit-areas").replaceChildren(...byPillar().map(fieldset));
  show(sentence);
  openDialog(find("#edit"));
  find("#edit-search").focus();
}

function fieldset([pillar, members]) {
  const legend = element("legend", {}, word("pillars")[pillar]);
  return element("fieldset", { class: PILLARS[pillar] }, legend, ...members.map(box));
}

function box({ id, definition }) {
  const input = element("input", { type: "checkbox", value: id });
  const name = element("span", {}, nameOf(id, pageLanguage()));
  return element("label", { class: `tick ${colourOf(id)}`, title: definition }, input, " ", name);
}

function show(sentence) {
  edited = sentence;
  const quote = find("#edit-sentence");
  quote.lang = sentence.row.unsupported ?? sentence.row.lang;
  quote.textContent = sentence.row.text;
  find("#edit-search").value = "";
  search();
  tick(carried(sentence));
  drawTicks();
  sentence.node.scrollIntoView({ block: "nearest" });
  find("#edit").scrollTop = 0;
}

const boxes = () => [...find("#edit-areas").querySelectorAll("input")];
const ticked = () => boxes().flatMap(({ checked, value }) => (checked ? [value] : []));

function tick(ids) {
  for (const input of boxes()) input.checked = ids.includes(input.value);
}

/** "Names none" is ticked as long as nothing else is; a sentence left as it is is confirmed. */
function drawTicks() {
  const ids = ticked();
  const same = agrees(edited, ids);
  find("#edit-none").checked = !ids.length;
  find("#edit [type=submit]").textContent = word(same ? "confirm" : "save");
  find("#edit [data-do=next]").textContent = word(same ? "confirmNext" : "saveNext");
}

function search() {
  const typed = folded(find("#edit-search").value.trim());
  for (const input of boxes()) {
    const label = input.parentElement;
    label.hidden = !folded(`${label.textContent} ${input.value}`).includes(typed);
  }
  for (const group of find("#edit-areas").children) group.hidden = !group.querySelector("label:not([hidden])");
}

function saveEdit(corrected) {
  correct(edited, ticked());
  corrected();
}

/** @returns {object[]} the sentences that a person read, of those given; each text of an article once */
export function readSentences(sentences) {
  const seen = new Set();
  const first = ({ article, row }) => !seen.has(article.name + row.text) && seen.add(article.name + row.text);
  return sentences.filter((sentence) => correctionOf(sentence) && first(sentence));
}

/** Opens the dialog that exports what a person said of the sentences. */
export function openExport(sentences, saved) {
  const dialog = find("#export");
  const read = readSentences(sentences);
  const fit = read.filter(({ row }) => !row.unsupported && row.lang !== "und");
  const confirmed = fit.filter((sentence) => correctionOf(sentence).as === "confirmed").length;
  const counts = word("exportCounts", fit.length - confirmed, confirmed);
  const leftOut = read.length - fit.length;
  find("#export-counts").textContent = leftOut ? `${counts} ${word("exportLeftOut", leftOut)}` : counts;
  find("#export-articles").replaceChildren(...[...new Set(fit.map(({ article }) => article))].map(articleFields));
  find("form", dialog).onsubmit = (event) => (event.preventDefault(), exportThem(fit, saved));
  showLine(find("#export-error"), fit.length ? "" : word("exportNothing"));
  find("[type=submit]", dialog).disabled = !fit.length;
  openDialog(dialog);
}

function articleFields(article) {
  const year = article.year ?? String(new Date().getFullYear());
  const slug =
    article.slug ?? (slugOf(article.text.trim().split("\n")[0]) || `article-${new Date().toISOString().slice(0, 16).replace(/\D/g, "")}`);
  const ofSlug = { "data-field": "slug", required: true, pattern: SLUG, value: slug, title: word("slugHint") };
  const ofYear = { "data-field": "year", required: true, pattern: "20[0-3][0-9]", inputmode: "numeric", value: year };
  return element(
    "div",
    { class: "export-article", "data-article": article.name },
    element("label", {}, word("slug", article.title), " ", element("input", ofSlug)),
    element("label", {}, word("year"), " ", element("input", ofYear)),
  );
}

function exportThem(sentences, saved) {
  const field = (article, name) => find(`[data-article="${article.name}"] [data-field=${name}]`, find("#export-articles")).value;
  for (const { article } of sentences) Object.assign(article, { slug: field(article, "slug"), year: field(article, "year") });
  save(correctionsOf(sentences, find("#export-by").value.trim()), "cooptag-corrections.jsonl", "application/x-ndjson");
  find("#export").close();
  saved();
}
