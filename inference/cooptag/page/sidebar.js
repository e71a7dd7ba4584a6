/** The sidebar: the threshold, the filters with their counts, and the comparison of two articles. */

import { areaLabel } from "./chips.js";
import { element, find } from "./dom.js";
import { areas, byPillar, choice, colourOf, filtering, nameOf, PILLARS } from "./tags.js";
import { goalName, number, pageLanguage, word } from "./words.js";

const SWITCHES = ["changed", "tagged", "uncertain"]; // beside the areas, what sentences are filtered by

/** Lets the sidebar's controls change what is chosen; `changed` draws it. */
export function listen(changed) {
  const goal = find("#goal");
  const slider = find("#threshold");
  goal.addEventListener("change", () => {
    choice.goal = goal.value;
    choice.changed &&= goal.value !== "default"; // nothing changes against itself
    changed();
  });
  slider.addEventListener("input", () => {
    Object.assign(choice, { goal: "own", own: Number(slider.value) });
    changed();
  });
  for (const key of SWITCHES) find(`#only-${key}`).addEventListener("click", () => ((choice[key] = !choice[key]), changed()));
  find("#areas").addEventListener("click", (event) => {
    const id = event.target.closest("button")?.dataset.area;
    if (id && !choice.areas.delete(id)) choice.areas.add(id);
    changed();
  });
  find("#clear-filter").addEventListener("click", () => {
    for (const key of SWITCHES) choice[key] = false;
    choice.areas.clear();
    changed();
    find("#articles").focus({ preventScroll: true });
  });
  const toggle = find("#sidebar-toggle");
  toggle.addEventListener("click", () => toggle.setAttribute("aria-expanded", toggle.getAttribute("aria-expanded") !== "true"));
}

/** Builds what depends on the areas and the page's language: the goals, and a button for each area. */
export function build() {
  const goals = Object.keys(areas.values().next().value?.thresholds ?? {});
  find("#threshold-section").hidden = !goals.length; // a model of one label a text decides without
  const first = goals.find((goal) => [...areas.values()].every((area) => area.thresholds[goal] === area.threshold));
  const others = goals.filter((goal) => goal !== first);
  const options = [["default", first ?? "default"], ...others.map((goal) => [goal, goal]), ["own", "own"]];
  find("#goal").replaceChildren(...options.map(([value, goal]) => element("option", { value }, goalName(goal))));
  find("#areas").replaceChildren(...byPillar().map(pillarGroup));
}

function pillarGroup([pillar, members]) {
  const title = word("pillars")[pillar];
  const head = element("h3", { class: PILLARS[pillar] }, title);
  return element("div", { class: "pillar" }, head, element("ul", {}, ...members.map(areaRow)));
}

function areaRow({ id }) {
  const button = element(
    "button",
    { type: "button", "data-area": id, "aria-pressed": "false", class: colourOf(id) },
    element("span", { class: "dot" }),
    element("span", { class: "name" }, nameOf(id, pageLanguage())),
    element("span", { class: "only" }),
    element("span", { class: "count" }),
    element("span", { class: "bar" }),
  );
  return element("li", {}, button);
}

/**
 * Shows what is chosen and counted.
 * @param {object[]} articles those that are tagged
 * @param {object[]} found what `Article.draw` found in each
 */
export function draw(articles, found) {
  drawThreshold(found);
  drawFilters(articles, found);
  const counts = found.map((one) => one.counts);
  const most = Math.max(1, ...counts.flatMap((one) => [...one.values()]));
  for (const group of find("#areas").children) drawGroup(group, articles, counts, most);
  drawComparison(articles, counts);
}

const sum = (found, key) => found.reduce((total, one) => total + one[key], 0);

function drawThreshold(found) {
  find("#goal").value = choice.goal;
  find("#threshold").value = choice.own;
  const own = choice.goal === "own";
  const value = number(choice.own, 2);
  find("#threshold-value").textContent = value;
  find("#threshold").setAttribute("aria-valuetext", own ? value : word("notInUse", value));
  find(".slider").classList.toggle("off", !own);
  find("#only-changed").hidden = choice.goal === "default";
  const [added, lost] = [sum(found, "added"), sum(found, "lost")];
  const line = choice.goal === "default" ? "" : added || lost ? word("changes", added, lost) : word("noChanges");
  if (find("#changes").textContent !== line) find("#changes").textContent = line;
}

function drawFilters(articles, found) {
  for (const key of SWITCHES) find(`#only-${key}`).setAttribute("aria-pressed", choice[key]);
  const all = articles.reduce((total, { sentences }) => total + sentences.length, 0);
  const names = [...choice.areas].map((id) => nameOf(id, pageLanguage()));
  const switched = SWITCHES.filter((key) => choice[key]).map((key) => find(`#only-${key}`).textContent.trim());
  const line = filtering() ? `${word("filtered", sum(found, "shown"), all)}: ${[...names, ...switched].join(" · ")}` : "";
  if (find("#filter-status").textContent !== line) find("#filter-status").textContent = line;
  find("#clear-filter").hidden = !filtering();
}

/** Areas that no sentence carries are left out, unless they are filtered by. */
function drawGroup(group, articles, counts, most) {
  let visible = false;
  for (const row of find("ul", group).children) {
    const button = row.firstElementChild;
    const id = button.dataset.area;
    const numbers = counts.map((one) => one.get(id) ?? 0);
    row.hidden = !numbers.some(Boolean) && !choice.areas.has(id);
    visible ||= !row.hidden;
    if (!row.hidden) drawArea(button, articles, numbers, most);
  }
  group.hidden = !visible;
}

function drawArea(button, articles, numbers, most) {
  const name = nameOf(button.dataset.area, pageLanguage());
  button.setAttribute("aria-pressed", choice.areas.has(button.dataset.area));
  const alone = numbers.length > 1 && numbers.filter(Boolean).length === 1 ? articles[numbers.findIndex(Boolean)].name : null;
  const label = word(numbers.length > 1 ? "countOfBoth" : "countOf", name, ...numbers);
  button.setAttribute("aria-label", alone ? `${label}, ${word("only", alone)}` : label);
  find(".only", button).textContent = alone ? word("only", alone) : "";
  find(".count", button).textContent = numbers.map((n) => number(n)).join(" · ");
  find(".bar", button).style.width = `${(100 * Math.max(...numbers)) / most}%`;
}

/** Which areas two articles share, and which only one has. */
function drawComparison(articles, counts) {
  find("#comparison").hidden = counts.length < 2;
  if (counts.length < 2) return;
  const [a, b] = counts;
  const ids = [...areas.keys()];
  const rows = [
    [word("inBoth"), ids.filter((id) => a.has(id) && b.has(id))],
    [word("onlyIn", "A"), ids.filter((id) => a.has(id) && !b.has(id))],
    [word("onlyIn", "B"), ids.filter((id) => b.has(id) && !a.has(id))],
  ];
  find("#comparison dl").replaceChildren(...rows.flatMap(comparisonRow));
}

function comparisonRow([title, ids]) {
  const names = ids.length ? ids.map(areaLabel) : [word("noArea")];
  return [element("dt", {}, `${title} (${number(ids.length)})`), element("dd", {}, ...names)];
}
