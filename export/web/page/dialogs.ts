import { byId, make } from "./elements.js";
import { text, type TextKey } from "./texts/index.js";

/** Asks for a name, with the known ones to choose from. Returns null if none was given. */
export function askName(title: TextKey, before: string, known: Iterable<string>): Promise<string | null> {
  const dialog = byId("naming", HTMLDialogElement);
  const field = byId("name", HTMLInputElement);
  byId("naming-title", HTMLHeadingElement).textContent = text(title);
  byId("names", HTMLDataListElement).replaceChildren(...[...known].map((value) => make("option", { value })));
  byId("no-name", HTMLButtonElement).onclick = () => dialog.close("no");
  field.value = before;
  return new Promise((resolve) => {
    dialog.returnValue = "no";
    dialog.onclose = () => resolve(dialog.returnValue === "save" && field.value.trim() ? field.value : null);
    dialog.showModal();
    field.select();
  });
}

/** Asks whether to delete everything. */
export function askDeleteAll(): Promise<boolean> {
  const dialog = byId("asking", HTMLDialogElement);
  byId("question", HTMLParagraphElement).textContent = text("delete_all_ask");
  return new Promise((resolve) => {
    dialog.returnValue = "no";
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.showModal();
  });
}
