/** Returns the element with this id. Throws if it is missing or of another kind. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is not there`);
  return found;
}

type Attributes = Readonly<Record<string, string>>;

/** Makes an element with attributes and children; text is never read as markup. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Makes a small button with a picture that its label explains. */
export function iconButton(label: string, path: string, onClick: () => void): HTMLButtonElement {
  const picture = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));
  const button = make("button", { type: "button", class: "icon", "aria-label": label, title: label }, picture);
  button.addEventListener("click", onClick);
  return button;
}

export function svg(name: string, attributes: Attributes, ...children: Node[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const MESSAGE_MS = 6_000;
let ends = 0;

/** Shows a message for a while; screen readers read it. */
export function say(message: string): void {
  const place = byId("message", HTMLDivElement);
  place.textContent = message;
  clearTimeout(ends);
  ends = window.setTimeout(() => (place.textContent = ""), MESSAGE_MS);
}

let problem: (() => string) | null = null;

/** Shows a problem in the current language until another call replaces it; null removes it. */
export function showProblem(message: (() => string) | null): void {
  problem = message;
  translateProblem();
}

/** Shows the problem in a language that was just chosen. */
export function translateProblem(): void {
  const place = byId("problem", HTMLParagraphElement);
  const message = problem?.() ?? "";
  if (place.textContent !== message) place.textContent = message; // else screen readers read it again
  place.hidden = !message;
}

/** Lets the user save a file. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
