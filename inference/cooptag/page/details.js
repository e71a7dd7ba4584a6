/** The panel beside the article: why a sentence carries an area. */

import { explain, Problem } from "./api.js";
import { areaLabel } from "./chips.js";
import { element, find } from "./dom.js";
import { areas, colourOf, nameOf, thresholdOf } from "./tags.js";
import { marked } from "./text.js";
import { number, pageLanguage, word } from "./words.js";

// Where a definition may hold an id: words joined by "_", or one word after "is" or "are"; "climate" elsewhere is only a word.
const MENTIONS = /\b([a-z]+(?:_[a-z]+)+|(?<=\b(?:is|are) )[a-z]+)\b/;
let current = null; // {sentence, id, answer, problem, work}

/** Opens the panel for a chip of a sentence, or closes it if it is that chip's already. */
export async function open(chip, sentence) {
  const id = chip.dataset.area;
  if (current?.sentence === sentence && current.id === id) return close();
  forget();
  const asked = (current = { sentence, id, answer: null, problem: null, work: new AbortController() });
  chip.setAttribute("aria-expanded", "true");
  draw();
  chip.scrollIntoView({ block: "nearest" }); // the panel makes the text narrower, or covers its end
  find("#details-title").focus({ preventScroll: true });
  try {
    asked.answer = (await explain(sentence.row, id, asked.work.signal)) ?? { evidence: [], nearest: [] };
  } catch (error) {
    if (error.name === "AbortError") return;
    asked.problem = error instanceof Problem ? error : new Problem("broken");
  }
  if (current !== asked) return;
  mark(sentence, asked.answer?.evidence ?? []);
  draw();
}

/** Closes the panel; the focus goes back to its chip, where it is still there. */
export function close() {
  if (!current) return;
  const { sentence, id } = current;
  forget();
  (find(`[data-area="${id}"]`, sentence.tools) ?? sentence.edit).focus();
}

/** Closes the panel and leaves the focus where it is. */
export function forget() {
  if (!current) return;
  current.work.abort();
  mark(current.sentence, []);
  find("[aria-expanded=true]", current.sentence.tools)?.setAttribute("aria-expanded", "false");
  current = null;
  draw();
}

function mark({ words, row }, evidence) {
  words.replaceChildren(...marked(row.text, evidence));
}

/** Shows the panel as it is now, in the page's language. */
export function draw() {
  const panel = find("#details");
  document.body.classList.toggle("explaining", current !== null);
  panel.hidden = current === null;
  if (!current) return panel.replaceChildren();
  const focused = panel.contains(document.activeElement) && document.activeElement.id;
  panel.className = colourOf(current.id);
  panel.dataset.article = current.sentence.article.name;
  panel.setAttribute("aria-busy", String(!current.answer && !current.problem));
  panel.replaceChildren(
    head(),
    figures(),
    quote(current.sentence.row, current.answer?.evidence ?? []),
    evidenceLine(),
    ...definition(),
    ...nearest(),
  );
  if (focused) find(`#${focused}`)?.focus();
}

function head() {
  const area = areas.get(current.id);
  const title = element("h2", { id: "details-title", tabindex: "-1" }, nameOf(current.id, pageLanguage()));
  const pillar = element("p", { class: "pillar-name" }, word("pillars")[area.pillar] ?? word("pillars")[""]);
  const button = element("button", { type: "button", id: "details-close", class: "quiet", "aria-label": word("closeDetails") }, "×");
  button.addEventListener("click", close);
  return element("div", { class: "details-head" }, element("div", {}, title, pillar), button);
}

function figures() {
  const { sentence, id, answer } = current;
  const score = sentence.row.all_scores?.[id] ?? answer?.score;
  const rows = [
    ["score", score],
    ["without", answer?.evidence.length ? answer.without : undefined],
    ["appliedThreshold", thresholdOf(id)],
  ];
  const known = rows.filter(([, value]) => value !== undefined);
  return element("dl", {}, ...known.map(figure));
}

const figure = ([key, value]) => element("div", {}, element("dt", {}, word(key)), element("dd", {}, number(value, 2)));

const quote = (row, evidence) => element("blockquote", { dir: "auto", lang: row.unsupported ?? row.lang }, ...marked(row.text, evidence));

/** How far the search for evidence has come; empty once words are marked. */
function evidenceLine() {
  const { answer, problem } = current;
  let line = answer?.evidence.length ? "" : word(answer ? "noEvidence" : "explaining");
  if (problem) line = word(problem.key, ...problem.details);
  return element("p", { class: problem ? "error" : "note", role: "status", hidden: !line }, line);
}

function definition() {
  const text = areas.get(current.id).definition;
  if (!text) return [];
  const language = element("span", { class: "note" }, word("inEnglish"));
  return [element("h3", {}, word("definition"), " ", language), element("p", { lang: "en" }, ...text.split(MENTIONS).map(named))];
}

/** A part of a definition; one that is an area's id becomes its name in the page's language. */
function named(part) {
  if (!areas.has(part)) return part;
  return element("span", { class: `named ${colourOf(part)}`, lang: pageLanguage() }, nameOf(part, pageLanguage()));
}

function nearest() {
  const { answer } = current;
  if (!answer) return [];
  const list = answer.nearest.length
    ? element("ul", {}, ...answer.nearest.map(example))
    : element("p", { class: "note" }, word("noNearest"));
  return [element("h3", {}, word("nearest")), list];
}

function example({ text, lang, areas: ids, similarity }) {
  const language = new Intl.DisplayNames([pageLanguage()], { type: "language" }).of(lang);
  const about = element("span", {}, `${language}, ${word("similarity", number(similarity, 2))}`);
  const quoted = element("blockquote", { lang, dir: "auto" }, text);
  return element("li", {}, quoted, element("p", { class: "note" }, ...ids.map(areaLabel), about));
}
