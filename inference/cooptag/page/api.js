/** What the page asks of the server. Nothing here touches the page but the question for a key. */

import { askKey } from "./key.js";

const PATIENCE = 60; // seconds for which a server is asked again that is busy, or loads its model
let key = null; // in memory only

/** A fault that the page tells in its own words: `key` and `details` are those of `word`, `said` the server's own line. */
export class Problem extends Error {
  constructor(key, details = [], said = "") {
    super(said || key);
    Object.assign(this, { key, details, said });
  }
}

/** @returns {Promise<object[]>} the areas, as GET /areas gives them */
export const areas = async () => (await request("/areas")).json().catch(broken);

/** @returns {Promise<object>} what is loaded and its limits, as GET /info gives them */
export const info = async () => (await request("/info")).json().catch(broken);

/**
 * Tags a text, sentence by sentence as the server computes them.
 * @param {string} text
 * @param {AbortSignal} signal
 * @param {(seconds: number) => void} onWait called when the server is busy and is asked again later
 * @yields {object} a sentence with all its scores
 * @throws {Problem}
 */
export async function* tag(text, signal, onWait) {
  const response = await request("/tag", { ...json({ text, all_scores: true }, "application/x-ndjson"), signal }, onWait);
  for await (const row of rows(response.body)) {
    if (row.error_type) throw problemOf(row.error_type === "deadline" ? 504 : 500, row.error);
    yield row;
  }
}

/**
 * One sentence with an area among its areas, explained.
 * @param {object} row the sentence as the server gave it
 * @param {string} area
 * @param {AbortSignal} signal
 * @returns {Promise<object|undefined>} the area with its evidence; none where the sentence cannot name it
 * @throws {Problem}
 */
export async function explain(row, area, signal) {
  const lang = row.unsupported || row.lang === "und" ? {} : { lang: row.lang };
  const body = { sentences: [row.text], ...lang, explain: true, thresholds: { [area]: 0 } };
  const response = await request("/tag", { ...json(body, "application/json"), signal });
  const [sentence] = await response.json().catch(broken);
  return sentence.areas.find((found) => found.id === area);
}

/**
 * The text of a file.
 * @param {Blob} file
 * @param {string} type its content type
 * @param {AbortSignal} signal
 * @param {(seconds: number) => void} onWait
 * @returns {Promise<string>}
 * @throws {Problem}
 */
export async function textOf(file, type, signal, onWait) {
  const response = await request("/text", { method: "POST", headers: { "Content-Type": type }, body: file, signal }, onWait);
  return (await response.json().catch(broken)).text;
}

const json = (body, accept) => ({
  method: "POST",
  headers: { "Content-Type": "application/json", Accept: accept },
  body: JSON.stringify(body),
});

/** A response that is well; asks for a key where one is missing, and waits and tries again where the server is busy. */
async function request(path, options = {}, onWait = () => {}) {
  for (let waited = 0; ; ) {
    const sent = key;
    const response = await send(path, options, sent);
    if (response.ok) return response;
    if (response.status === 401) await newKey(sent);
    else if (response.headers.has("Retry-After") && waited < PATIENCE) waited += await pause(response, options.signal, onWait);
    else throw problemOf(response.status, await saidBy(response));
  }
}

async function send(path, options, sent) {
  const headers = sent === null ? options.headers : { ...options.headers, Authorization: `Bearer ${sent}` };
  try {
    return await fetch(path, { ...options, headers });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem("offline");
  }
}

async function newKey(refused) {
  if (key !== refused) return; // another request was refused too, and its key has been given since
  const given = await askKey(refused !== null);
  if (given === null) throw new Problem("status401");
  key = given;
}

/** Waits as long as the response says. @returns {Promise<number>} so many seconds */
function pause(response, signal, onWait) {
  const seconds = Math.max(1, Number(response.headers.get("Retry-After")) || 1);
  onWait(seconds);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(seconds), 1000 * seconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

async function saidBy(response) {
  try {
    return (await response.json()).error;
  } catch {
    return ""; // a proxy's page, not the server's
  }
}

function problemOf(status, said) {
  const known = [401, 413, 415, 422, 429, 503, 504].includes(status);
  return known ? new Problem(`status${status}`, [], said) : new Problem("statusOther", [status], said);
}

/** What the lines of a body hold. */
async function* rows(body) {
  let rest = "";
  try {
    for await (const piece of pieces(body.pipeThrough(new TextDecoderStream()))) {
      const whole = (rest + piece).split("\n");
      rest = whole.pop();
      yield* whole.filter(Boolean).map((line) => JSON.parse(line));
    }
  } catch (error) {
    broken(error);
  }
  if (rest.trim()) throw new Problem("broken"); // every line ends with a line break
}

/** An answer that broke off, or came from something else than the server; that somebody stopped it is no fault. */
function broken(error) {
  throw error.name === "AbortError" ? error : new Problem("broken");
}

/** A stream's chunks; browsers that cannot iterate over a stream itself are still in use. */
async function* pieces(stream) {
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}
