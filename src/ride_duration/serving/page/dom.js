/** The page's element of this id. */
export const part = (id) => document.getElementById(id);

/** A span of text. */
export function span(text = "") {
  const element = document.createElement("span");
  element.textContent = text;
  return element;
}

/** One SVG element with its attributes and children. */
export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
