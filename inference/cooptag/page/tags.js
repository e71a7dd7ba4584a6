/**
 * What the page knows of articles and decides of their sentences. No node of the page is touched here.
 *
 * An article is {name, text, sentences, corrections}; a sentence {article, index, row}, where `row` is as the server gave it; a
 * correction, by the text of the sentence, {areas, at, as}: who read it gave these areas at that time, and `as` says whether that
 * "corrected" or "confirmed" what the model gave.
 */

/** What the reader of the page has chosen. `goal`: "default", a goal of the model or "own". */
export const choice = { goal: "default", own: 0.5, areas: new Set(), tagged: false, uncertain: false, changed: false };

/** The model's areas by id, in its order; the server fills it. */
export const areas = new Map();

/** The pillars in order and the class that colours each; areas of any other come last, under "". */
export const PILLARS = {
  "political-security": "political",
  economic: "economic",
  sustainability: "sustainable",
  "socio-cultural": "social",
  "cross-pillar": "other",
  "": "other",
};

/** @returns {string} the class that colours an area */
export const colourOf = (id) => PILLARS[areas.get(id)?.pillar] ?? "other";

/** @returns {string} an area's name in a language */
export const nameOf = (id, lang) => areas.get(id)?.names[lang] ?? areas.get(id)?.names.en ?? id;

/** @returns {[string, object[]][]} the areas of each pillar that has any */
export function byPillar() {
  const groups = Object.keys(PILLARS).map((pillar) => [pillar, []]);
  for (const area of areas.values()) groups.find(([pillar]) => pillar === area.pillar || pillar === "")[1].push(area);
  return groups.filter(([, members]) => members.length);
}

/** @returns {number} the threshold of an area as it is chosen now */
export function thresholdOf(id) {
  const area = areas.get(id);
  return choice.goal === "own" ? choice.own : choice.goal === "default" ? area.threshold : area.thresholds[choice.goal];
}

/** @returns {{areas: string[], at: string, as: string}|undefined} what a person said of a sentence */
export const correctionOf = (sentence) => sentence.article.corrections.get(sentence.row.text);

/**
 * The tags of a sentence, highest score first: a person's beside the model's, else the model's beside its default's.
 * @returns {{id: string, score: number|null, change: ""|"added"|"lost"}[]}
 */
export function tagsOf(sentence) {
  const correction = correctionOf(sentence);
  if (!correction) return modelTags(sentence);
  const given = standing(modelTags(sentence));
  const changeOf = (id) => (!given.includes(id) ? "added" : correction.areas.includes(id) ? "" : "lost");
  const ids = [...new Set([...given, ...correction.areas])];
  return sorted(ids.map((id) => ({ id, score: scoreOf(sentence.row, id), change: changeOf(id) })));
}

/** @returns {object[]} of a sentence's tags those that the chosen thresholds bring or take away; what a person says is no such change */
export const movedOf = (sentence, tags) => (correctionOf(sentence) ? [] : tags.filter(({ change }) => change));

/** The areas that reach the chosen thresholds, beside those that the server gave. */
function modelTags({ row }) {
  if (choice.goal === "default" || !row.all_scores || row.none === 1) {
    return row.areas.map(({ id, score }) => ({ id, score, change: "" }));
  }
  const given = new Set(row.areas.map(({ id }) => id));
  const tags = [];
  for (const [id, score] of Object.entries(row.all_scores)) {
    const reached = score >= thresholdOf(id);
    if (reached || given.has(id)) tags.push({ id, score, change: reached ? (given.has(id) ? "" : "added") : "lost" });
  }
  return sorted(tags);
}

const sorted = (tags) => tags.sort((a, b) => (b.score ?? 0) - (a.score ?? 0));

const scoreOf = (row, id) => row.all_scores?.[id] ?? row.areas.find((area) => area.id === id)?.score ?? null;

/** @returns {string[]} the ids of the areas that stand */
export const standing = (tags) => tags.filter(({ change }) => change !== "lost").map(({ id }) => id);

/** @returns {string[]} the ids of the areas that a sentence carries as shown now */
export const carried = (sentence) => standing(tagsOf(sentence));

/** @returns {boolean} whether the model, as it is set now, gives a sentence these areas */
export function agrees(sentence, ids) {
  const given = standing(modelTags(sentence));
  return given.length === ids.length && ids.every((id) => given.includes(id));
}

/** @returns {boolean} whether a sentence with these areas, of which so many tags moved, passes the filters */
export function passes(sentence, ids, moved) {
  if (choice.tagged && !ids.length) return false;
  if (choice.uncertain && !needsReading(sentence)) return false;
  if (choice.changed && !moved) return false;
  return !choice.areas.size || ids.some((id) => choice.areas.has(id));
}

/** @returns {boolean} whether the model is unsure of a sentence that nobody has read yet */
export const needsReading = (sentence) => Boolean(sentence.row.uncertain) && !correctionOf(sentence);

/** @returns {boolean} whether any filter is set */
export const filtering = () => choice.tagged || choice.uncertain || choice.changed || choice.areas.size > 0;

/**
 * Keeps what a person said of a sentence, and of its repetitions in the article.
 * @param {object} sentence
 * @param {string[]} ids the areas that it names
 */
export function correct(sentence, ids) {
  const as = agrees(sentence, ids) ? "confirmed" : "corrected";
  sentence.article.corrections.set(sentence.row.text, { areas: ids, at: new Date().toISOString(), as });
}

/** Takes back what a person said of a sentence. */
export const undo = (sentence) => sentence.article.corrections.delete(sentence.row.text);
