/** The page: what its parts have to do with one another. */

import * as api from "./api.js";
import { Article } from "./article.js";
import { edit, listen as listenToDialogs, openExport, readSentences } from "./correct.js";
import * as details from "./details.js";
import { find } from "./dom.js";
import { csvOf, jsonOf, save } from "./exports.js";
import { takeDrops } from "./files.js";
import * as sidebar from "./sidebar.js";
import { areas } from "./tags.js";
import { number, pageLanguage, setPageLanguage, translate, word } from "./words.js";

const page = { limits: {}, comparing: false, load, changed, corrected, open: details.open, forget: details.forget, edit };
const articles = ["A", "B"].map((name) => new Article(name, page));
const compareButton = find("[data-do=compare]", articles[0].node);
let about = null; // GET /info
let drawing = 0;
let unsaved = false; // corrections that were not exported

const tagged = () => articles.filter((article) => article.tagged && article.node.isConnected);
const sentences = () => tagged().flatMap((article) => article.sentences);

/** Draws what changed before the next frame, however often it changed. */
function changed() {
  drawing ||= requestAnimationFrame(() => draw(false));
}

function corrected() {
  unsaved = true;
  draw(false);
}

function draw(anew) {
  drawing = 0;
  const shown = tagged();
  for (const article of articles) if (!shown.includes(article)) article.draw(anew);
  const found = shown.map((article) => article.draw(anew));
  document.body.classList.toggle("landing", !shown.length);
  find("#sidebar").hidden = !shown.length;
  compareButton.hidden = page.comparing || !shown.length;
  sidebar.draw(shown, found);
  const read = readSentences(sentences()).length;
  find("#export-open").disabled = !read;
  find("#export-open").textContent = read ? word("exportN", read) : word("exportCorrections");
}

function speak(lang) {
  setPageLanguage(lang);
  document.documentElement.lang = lang;
  document.title = word("title");
  translate(document);
  for (const button of document.querySelectorAll("[data-lang]")) button.setAttribute("aria-pressed", button.dataset.lang === lang);
  if (about) find("#about").textContent = word("about", about.name, about.cooptag, number(areas.size), number(about.languages.length));
  sidebar.build();
  details.draw();
  draw(true);
}

function compare(on) {
  page.comparing = on;
  document.body.classList.toggle("comparing", on);
  if (on) find("#articles").append(articles[1].node);
  else articles[1].leave();
  details.forget();
  draw(true);
  (on ? articles[1].box : compareButton).focus();
}

function listen() {
  for (const button of document.querySelectorAll("[data-lang]")) button.addEventListener("click", () => speak(button.dataset.lang));
  compareButton.addEventListener("click", () => compare(true));
  const close = find("[data-do=close]", articles[1].node);
  close.hidden = false;
  close.addEventListener("click", () => compare(false));
  find("#download-json").addEventListener("click", () => save(jsonOf(sentences()), "cooptag.json", "application/json"));
  find("#download-csv").addEventListener("click", () => save(csvOf(sentences(), pageLanguage()), "cooptag.csv", "text/csv"));
  find("#export-open").addEventListener("click", () => openExport(sentences(), () => (unsaved = false)));
  addEventListener("keydown", (event) => event.key === "Escape" && !find("dialog[open]") && details.close());
  addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
  sidebar.listen(() => (changed(), details.draw()));
  listenToDialogs(corrected, sentences);
  takeDrops((place) => articles.find(({ node }) => node.contains(place)) ?? articles[0]);
}

/** Gets what the page must know of the model, unless it does already. */
async function load() {
  if (about) return;
  const known = await api.areas();
  about = await api.info();
  for (const area of known) areas.set(area.id, area);
  page.limits = about.limits ?? {};
  speak(pageLanguage());
}

find("#articles").append(articles[0].node);
listen();
speak(pageLanguage());
load().catch((error) => articles[0].complain(error));
