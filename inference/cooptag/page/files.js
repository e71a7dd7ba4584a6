/** Files that somebody chooses or drops: which are taken, and where they go. */

import { Problem, textOf } from "./api.js";

const TYPES = {
  txt: "text/plain",
  html: "text/html",
  htm: "text/html",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  pdf: "application/pdf",
};

/**
 * The text of a file, as the server reads it.
 * @param {File} file
 * @param {number} most bytes
 * @param {AbortSignal} signal
 * @param {(seconds: number) => void} onWait
 * @returns {Promise<string>}
 * @throws {Problem}
 */
export async function read(file, most, signal, onWait) {
  const type = TYPES[file.name.split(".").pop().toLowerCase()];
  if (!type) throw new Problem("wrongFile", [file.name]);
  if (file.size > most) throw new Problem("tooLarge", [file.name, most]);
  const text = await textOf(file, type, signal, onWait).catch((error) => {
    throw error.key === "status422" ? new Problem("badFile", [], error.said) : error.key === "status504" ? new Problem("slowFile") : error;
  });
  if (!text.trim()) throw new Problem("emptyFile", [file.name]);
  return text;
}

/**
 * Lets files and pieces of text be dropped anywhere on the page.
 * @param {(place: Element) => object} articleAt the article that a place of the page belongs to
 */
export function takeDrops(articleAt) {
  let depth = 0; // dragging from an element onto a child leaves the one after entering the other
  const mark = (change) => document.body.classList.toggle("dragging", (depth = Math.max(0, depth + change)) > 0);
  addEventListener("dragenter", (event) => holdsFiles(event) && mark(1));
  addEventListener("dragleave", (event) => holdsFiles(event) && mark(-1));
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    articleAt(event.target).takeFile(event.dataTransfer.files[0]);
  });
}

const holdsFiles = (event) => event.dataTransfer.types.includes("Files") && !document.querySelector("dialog[open]");
