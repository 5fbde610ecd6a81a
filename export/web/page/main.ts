import { hasSimd } from "./browser.js";
import { askDeleteAll } from "./dialogs.js";
import { Ear } from "./ear.js";
import { byId, make, say, showProblem, translateProblem } from "./elements.js";
import { deleteAll, recall } from "./storage.js";
import { currentLanguage, isLanguage, LANGUAGES, speak, text } from "./texts/index.js";
import { FilesView } from "./view-files.js";
import { ListenView } from "./view-listen.js";
import { SoundsView } from "./view-sounds.js";
import { SpeedView } from "./view-speed.js";
import { WorkerClient } from "./worker-client.js";

declare const PAGE: { readonly model: string }; // files.js

interface View {
  show(): void;
}

const views: View[] = [];
let sounds: SoundsView | undefined;
const places = { folder: here("encoder/"), runtime: here("runtime/") };

start();

function start(): void {
  speak(recall()?.language ?? currentLanguage());
  byId("status", HTMLParagraphElement).textContent = text("opening");
  connectTabs();
  connectLanguage();
  byId("delete-all", HTMLButtonElement).addEventListener("click", () => void deleteEverything());
  void keepOffline();
  if (!hasSimd()) return refuse(() => text("no_simd"));
  open().catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    refuse(() => text("encoder_refused", message));
  });
}

/** Shows why there is no encoder, and nothing else of the page. */
function refuse(why: () => string): void {
  document.body.classList.add("refused");
  showProblem(why);
}

/** Also works without an encoder, because the stored copy of the page may be the problem. */
async function deleteEverything(): Promise<void> {
  if (!(await askDeleteAll())) return;
  sounds?.clear();
  await deleteAll();
  say(text("deleted"));
}

async function open(): Promise<void> {
  const worker = new WorkerClient();
  const opened = await worker.ask("open", places);
  const ear = new Ear(opened, worker, () => listen.stopped(() => text("microphone_unplugged")));
  worker.onBehind = () => say(text("behind"));
  const listen = new ListenView(ear);
  const taught = new SoundsView(ear, () => {
    listen.show();
    files.show();
  });
  const files = new FilesView(ear, worker, (file) => taught.read(file));
  const speed = new SpeedView(opened, places, PAGE.model, () => ear.stop().then(() => listen.show()));
  views.push(listen, taught, files, speed);
  sounds = taught;
  const language = byId("language", HTMLSelectElement);
  language.addEventListener("change", () => taught.store());
  showAll();
  document.documentElement.dataset.ready = "yes";
}

function showAll(): void {
  translateProblem();
  for (const view of views) view.show();
}

function connectLanguage(): void {
  const language = byId("language", HTMLSelectElement);
  language.append(...Object.entries(LANGUAGES).map(([value, name]) => make("option", { value }, name)));
  language.value = currentLanguage();
  language.addEventListener("change", () => {
    if (isLanguage(language.value)) speak(language.value);
    showAll();
  });
}

function connectTabs(): void {
  const tabs = [...document.querySelectorAll<HTMLButtonElement>("[data-tab]")];
  const choose = (chosen: HTMLButtonElement) => {
    for (const tab of tabs) {
      if (tab === chosen) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
      byId(tab.dataset.tab!, HTMLElement).classList.toggle("shown", tab === chosen);
    }
  };
  for (const tab of tabs) tab.addEventListener("click", () => choose(tab));
  choose(tabs[0]!);
}

/** Keeps the page on the device. Browsers allow it on secure pages whose certificate they trust. */
async function keepOffline(): Promise<void> {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("service.js");
    await navigator.serviceWorker.ready;
    const place = byId("offline", HTMLSpanElement);
    place.dataset.text = "offline";
    place.textContent = text("offline");
  } catch {
    // Without it, the page works as long as there is a network.
  }
}

function here(path: string): string {
  return new URL(path, document.baseURI).href;
}
