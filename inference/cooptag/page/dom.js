/** Building the page's nodes. Data only ever becomes text and attributes, never markup. */

/** @returns {HTMLElement} the only element that matches the selector, below `root` */
export const find = (selector, root = document) => root.querySelector(selector);

/**
 * A new element. Attributes that are null, undefined or false are left out, true ones are empty.
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** Shows a line in an element, or hides the element where there is none. */
export function showLine(node, line) {
  node.textContent = line ?? "";
  node.hidden = !line;
}

/** Opens a dialog; its Cancel button and Escape close it. */
export function openDialog(dialog) {
  find("[data-do=cancel]", dialog).onclick = () => dialog.close();
  dialog.showModal();
}
