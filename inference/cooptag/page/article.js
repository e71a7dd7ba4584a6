/** One article on the page: the box for its text, and the text with its sentences' chips. */

import { Problem, tag } from "./api.js";
import { drawSentence } from "./chips.js";
import { element, find, showLine } from "./dom.js";
import { EXAMPLES } from "./examples.js";
import { read } from "./files.js";
import { filtering, movedOf, needsReading, passes, standing, tagsOf, undo } from "./tags.js";
import { codePoints, unitsOf } from "./text.js";
import { percent, translate, word } from "./words.js";

/** An article; `page` holds the server's limits and what happens elsewhere on the page. */
export class Article {
  constructor(name, page) {
    Object.assign(this, { name, page, text: "", sentences: [], corrections: new Map(), state: "empty", problem: null, work: null });
    this.node = find("#article-template").content.firstElementChild.cloneNode(true);
    this.node.id = `article-${name.toLowerCase()}`;
    this.node.dataset.article = name;
    this.box = find("textarea", this.node);
    this.view = find(".text", this.node);
    this.#listen();
  }

  #listen() {
    const on = (selector, type, act) => find(selector, this.node).addEventListener(type, act);
    const chosen = find("input[type=file]", this.node);
    on("form", "submit", (event) => (event.preventDefault(), this.tag()));
    on("textarea", "keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.tag());
    on("textarea", "input", () => this.#complain(this.#tooLong(this.box.value)));
    on("[data-do=choose]", "click", () => chosen.click());
    on("input[type=file]", "change", () => chosen.files.length && this.takeFile(chosen.files[0]));
    on("[data-do=stop]", "click", () => this.work.abort());
    on("[data-do=edit-text]", "click", () => this.#showBox(this.#boxHidden));
    for (const button of this.node.querySelectorAll("[data-example]")) {
      button.addEventListener("click", () => this.#take(EXAMPLES[button.dataset.example]));
    }
    this.view.addEventListener("click", (event) => this.#clicked(event.target.closest("button")));
  }

  #clicked(button) {
    if (!button) return;
    const sentence = this.sentences[button.closest(".sentence").dataset.sentence];
    if (button.dataset.area) this.page.open(button, sentence);
    else if (button.dataset.do === "edit") this.page.edit(sentence);
    else if (button.dataset.do === "undo") {
      undo(sentence);
      this.page.corrected();
      sentence.edit.focus();
    }
  }

  /** Whether the article's sentences are on the page, all or as far as they are computed. */
  get tagged() {
    return this.state !== "empty";
  }

  /** What the page calls the article. */
  get title() {
    return word(this.page.comparing ? `article${this.name}` : "article");
  }

  /** Reads a file into the box and tags it. */
  async takeFile(file) {
    this.#begin(word("readingFile", file.name));
    try {
      const text = await read(file, this.page.limits.document_bytes ?? Infinity, this.work.signal, this.#wait);
      this.#end();
      this.#take(text);
    } catch (error) {
      this.#failed(error);
    }
    find("input[type=file]", this.node).value = ""; // or the same file could not be chosen again
  }

  #take(text) {
    this.box.value = text.toWellFormed?.() ?? text;
    this.tag();
  }

  /** Tags the text of the box: it stands there at once, and its sentences' chips as they come. */
  async tag() {
    const text = this.box.value;
    const problem = text.trim() ? this.#tooLong(text) : new Problem("empty");
    this.#complain(problem);
    if (problem) return this.box.focus();
    this.#begin("");
    this.#start(text);
    const signal = this.work.signal;
    try {
      await this.page.load();
      for await (const row of tag(text, signal, this.#wait)) this.#add(row);
      this.state = "done";
      this.#end();
    } catch (error) {
      if (this.work?.signal === signal) this.#failed(error);
    }
    this.page.changed();
  }

  #begin(line) {
    this.work?.abort();
    this.work = new AbortController();
    this.#complain(null);
    find(".running", this.node).hidden = false;
    find("progress", this.node).removeAttribute("value");
    this.#say(line);
  }

  #end() {
    this.work = null;
    find(".running", this.node).hidden = true;
  }

  #failed(error) {
    this.#end();
    this.#say("");
    if (this.state === "running") this.state = "stopped";
    if (this.tagged && !this.sentences.length) this.#showBox(true);
    if (error.name !== "AbortError") this.complain(error);
  }

  /** Takes the article off the page; what is being computed of it is given up. */
  leave() {
    this.work?.abort();
    this.node.remove();
  }

  /** Shows a fault above the text. */
  complain(error) {
    this.#complain(error instanceof Problem ? error : new Problem("statusOther", [error.name]));
  }

  #wait = (seconds) => this.#say(word("waiting", seconds));

  #tooLong(text) {
    const most = this.page.limits.characters ?? Infinity;
    const n = text.length > most ? codePoints(text) : 0;
    return n > most ? new Problem("tooLong", [n, most]) : null;
  }

  #complain(problem) {
    this.problem = problem;
    const line = problem && word(problem.key, ...problem.details);
    const detailed = ["badFile", "status422"].includes(problem?.key) && problem.said; // only the server knows what is wrong with it
    showLine(find(".error", this.node), detailed ? `${line} (${problem.said})` : line);
  }

  #say(line) {
    const status = find(".status", this.node);
    if (status.textContent !== line) status.textContent = line;
  }

  get #boxHidden() {
    return find("form", this.node).hidden;
  }

  #showBox(shown) {
    find("form", this.node).hidden = !shown;
    const button = find("[data-do=edit-text]", this.node);
    button.setAttribute("aria-expanded", shown);
    button.hidden = !this.tagged;
    if (shown) this.box.focus();
  }

  /** Puts the text on the page, a line a paragraph: no sentence goes over the end of a line. */
  #start(text) {
    const boxed = this.node.contains(document.activeElement);
    this.page.forget();
    if (text !== this.text) Object.assign(this, { slug: undefined, year: undefined });
    Object.assign(this, { text, sentences: [], state: "running", line: 0, unit: unitsOf(text), length: codePoints(text) });
    let from = 0;
    this.lines = text.split("\n").map((line) => {
      const tail = document.createTextNode(line);
      const node = element("p", { dir: "auto", class: line.trim() ? null : "blank" }, tail);
      const start = from;
      from += line.length + 1;
      return { node, tail, at: start, end: from };
    });
    this.view.replaceChildren(...this.lines.map(({ node }) => node));
    this.#showBox(false);
    this.page.changed();
    if (boxed) find("h2", this.node).focus();
  }

  /** Makes an element of the sentence's part of the text. */
  #add(row) {
    const [from, to] = [this.unit(row.start), this.unit(row.end)];
    while (this.lines[this.line].end <= from) this.line++;
    const line = this.lines[this.line];
    const text = line.tail.splitText(from - line.at);
    line.tail = text.splitText(to - from);
    line.at = to;
    const sentence = { article: this, index: this.sentences.length, row, line };
    const edit = element("button", { type: "button", class: "edit", "data-do": "edit" });
    const words = element("span", { class: "words", lang: row.unsupported ?? row.lang });
    const tools = element("span", { class: "tools", dir: "ltr", role: "group" }, edit);
    const node = element("span", { class: "sentence", "data-sentence": sentence.index });
    text.replaceWith(node);
    words.append(text);
    node.append(words, tools);
    this.sentences.push(Object.assign(sentence, { node, words, tools, edit, drawn: "" }));
    this.page.changed();
  }

  /**
   * Shows what is decided now: draws the chips that changed, hides what the filters leave out.
   * @param {boolean} anew draw every chip, in the page's language
   * @returns {{counts: Map<string, number>, shown: number, tagged: number, uncertain: number, added: number, lost: number}}
   */
  draw(anew) {
    const found = { counts: new Map(), shown: 0, tagged: 0, uncertain: 0, added: 0, lost: 0 };
    const lines = new Set();
    for (const sentence of this.sentences) {
      const tags = tagsOf(sentence);
      const ids = standing(tags);
      const moved = movedOf(sentence, tags);
      const shown = passes(sentence, ids, moved.length);
      drawSentence(sentence, tags, anew);
      if (sentence.node.hidden === shown) sentence.node.hidden = !shown;
      if (shown) lines.add(sentence.line);
      for (const id of ids) found.counts.set(id, (found.counts.get(id) ?? 0) + 1);
      for (const { change } of moved) found[change]++;
      found.shown += shown;
      found.tagged += ids.length > 0;
      found.uncertain += needsReading(sentence);
    }
    this.#hideLines(lines);
    this.#report(found, anew);
    return found;
  }

  #hideLines(shown) {
    this.view.classList.toggle("filtered", filtering());
    for (const line of this.lines ?? []) {
      const hidden = filtering() && !shown.has(line);
      if (line.node.hidden !== hidden) line.node.hidden = hidden;
    }
  }

  #report({ tagged, uncertain }, anew) {
    if (anew) this.#translate();
    const all = this.sentences.length;
    if (this.state === "running") {
      if (!all) return; // it may be waiting, and says so
      const share = this.sentences[all - 1].row.end / this.length;
      find("progress", this.node).value = share;
      this.#say(word("tagging", percent(Math.floor(10 * share) / 10))); // a screen reader need not hear every step
    } else if (this.state === "done") this.#say(all ? word("done", all, tagged, uncertain) : word("noSentence"));
    else if (this.state === "stopped") this.#say(word("stopped", all));
  }

  #translate() {
    translate(this.node);
    const title = this.title;
    find("h2", this.node).textContent = title;
    for (const node of [this.box, this.node]) node.setAttribute("aria-label", title);
    if (this.problem) this.#complain(this.problem);
  }
}
