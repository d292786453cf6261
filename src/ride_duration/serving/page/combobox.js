/** A text field that searches zones (ARIA combobox with a listbox). */

import { span } from "./dom.js";
import { search } from "./zones.js";

/**
 * Makes `input` and its `list` search `zones`; `pick` gets the chosen zone, or null when the field is emptied; `miss` gets
 * a text that was left in the field without choosing.
 * Returns a function that puts a zone into the field; one that is there already leaves what is typed beside it.
 */
export function combobox(input, list, zones, { pick, miss }) {
  let chosen = null;
  let found = [];
  let active = -1;

  const show = (zone) => {
    chosen = zone;
    input.value = zone ? zone.label : "";
    close();
  };
  const take = (zone) => {
    show(zone);
    pick(zone);
  };

  function close() {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function open(typed) {
    found = search(zones, typed);
    list.replaceChildren(...(found.length ? found.map(option) : [nothing()]));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    activate(typed && found.length ? 0 : -1);
  }

  function option(zone, index) {
    const item = document.createElement("li");
    item.id = `${list.id}-${index}`;
    item.setAttribute("role", "option");
    item.append(zone.label, " ", span(zone.borough));
    return item;
  }

  function nothing() {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.setAttribute("aria-disabled", "true");
    item.textContent = "No zone found";
    return item;
  }

  function activate(index) {
    list.children[active]?.removeAttribute("aria-selected");
    active = index;
    const item = index < 0 ? null : list.children[index];
    if (!item) return input.removeAttribute("aria-activedescendant");
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", item.id);
  }

  input.setAttribute("aria-autocomplete", "list");
  input.autocomplete = "off";
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && open(""));
  input.addEventListener("blur", () => {
    const typed = input.value.trim();
    if (!typed && chosen) return take(null);
    show(chosen);
    return typed && typed !== input.value && miss(typed);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      if (list.hidden) open("");
      if (found.length) activate((Math.max(active, step > 0 ? -1 : 0) + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!list.hidden && found[active]) take(found[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      show(chosen);
    }
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const index = [...list.children].indexOf(event.target.closest("li"));
    if (found[index]) take(found[index]);
  });
  if (input.value && document.activeElement === input) open(input.value); // typed before there were zones
  return (zone) => (list.hidden || zone !== chosen) && show(zone);
}
