/** What stands behind a sentence, and an area's name with its colour. */

import { element, find } from "./dom.js";
import { choice, colourOf, correctionOf, nameOf } from "./tags.js";
import { number, pageLanguage, word } from "./words.js";

/** @returns {HTMLElement} an area's name beside a dot of its pillar's colour */
export function areaLabel(id) {
  return element("span", { class: `area ${colourOf(id)}` }, element("span", { class: "dot" }), nameOf(id, pageLanguage()));
}

/**
 * Draws what stands behind a sentence: its chips, what else is to be said of it, and the button to correct it.
 * @param {object} sentence
 * @param {object[]} tags as `tagsOf` gives them
 * @param {boolean} anew even if the tags are as they were
 */
export function drawSentence(sentence, tags, anew) {
  const correction = correctionOf(sentence);
  const drawn = tags.map(({ id, change }) => id + change + choice.areas.has(id)).join() + (correction?.as ?? "");
  if (drawn === sentence.drawn && sentence.edit.textContent && !anew) return;
  sentence.drawn = drawn;
  const open = find("[aria-expanded=true]", sentence.tools)?.dataset.area;
  sentence.edit.textContent = word("edit");
  sentence.edit.setAttribute("aria-label", word("editSentence", sentence.index + 1));
  sentence.tools.setAttribute("aria-label", word("sentence", sentence.index + 1));
  sentence.tools.replaceChildren(" ", ...tags.map((tag) => chip(tag, tag.id === open)), ...notes(sentence, correction), sentence.edit);
  if (correction) sentence.edit.before(undoButton(sentence));
}

function chip({ id, score, change }, open) {
  const sign = { added: "+", lost: "−" }[change];
  const name = nameOf(id, pageLanguage());
  const classes = ["chip", colourOf(id), change, choice.areas.has(id) ? "picked" : ""].filter(Boolean);
  const attributes = { type: "button", class: classes.join(" "), "data-area": id, "data-change": change || null };
  return element(
    "button",
    { ...attributes, "aria-expanded": String(open), "aria-controls": "details" },
    sign ? element("span", { "aria-hidden": "true", class: "sign" }, sign) : null,
    sign ? element("span", { class: "hidden" }, `${word(change)} `) : null,
    element("span", { class: "name" }, name),
    score === null ? null : element("span", { class: "score" }, ` ${number(score, 2)}`),
  );
}

/** What else is to be said of a sentence, in words. */
function notes({ row }, correction) {
  const lines = [];
  if (correction)
    lines.push(["read", correction.areas.length ? word(correction.as) : `${word(correction.as)}: ${word("namesNone").toLowerCase()}`]);
  else if (row.uncertain) lines.push(["uncertain", word("uncertain")]);
  if (row.error) lines.push(["failed", word("failed")]);
  if (row.unsupported && row.unsupported !== "und") lines.push(["unsupported", word("unsupported", row.unsupported)]);
  if (row.truncated) lines.push(["truncated", word("truncated")]);
  if (row.forced) lines.push(["forced", word("forced")]);
  return lines.map(([kind, line]) => element("span", { class: `flag ${kind}` }, line));
}

function undoButton(sentence) {
  const label = word("undoSentence", sentence.index + 1);
  return element("button", { type: "button", class: "edit", "data-do": "undo", "aria-label": label }, word("undo"));
}
