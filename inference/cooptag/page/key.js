/** The question for the server's API key. */

import { find, openDialog } from "./dom.js";

let asked = null;

/**
 * Asks for the key, once at a time.
 * @param {boolean} refused whether the server turned an earlier key away
 * @returns {Promise<string|null>} null where nobody gave one
 */
export function askKey(refused) {
  asked ??= ask(refused).finally(() => (asked = null));
  return asked;
}

function ask(refused) {
  const dialog = find("#key");
  const input = find("#key-value");
  find("#key-refused").hidden = !refused;
  input.value = "";
  let given = null;
  find("form", dialog).onsubmit = (event) => {
    event.preventDefault();
    given = input.value.trim();
    dialog.close();
  };
  openDialog(dialog);
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(given || null), { once: true }));
}
