import { hasSimd } from "./browser.js";
import { Ear } from "./ear.js";
import { byId, make, say, showProblem } from "./elements.js";
import { recall } from "./storage.js";
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
const places = { folder: here("encoder/"), runtime: here("runtime/") };

start();

function start(): void {
  speak(recall()?.language ?? currentLanguage());
  byId("status", HTMLParagraphElement).textContent = text("opening");
  connectTabs();
  void keepOffline();
  if (!hasSimd()) return showProblem(text("no_simd"));
  open().catch((error: unknown) => {
    byId("status", HTMLParagraphElement).textContent = "";
    showProblem(text("encoder_refused", error instanceof Error ? error.message : String(error)));
  });
  connectLanguage();
}

async function open(): Promise<void> {
  const worker = new WorkerClient();
  const opened = await worker.ask("open", places);
  const ear = new Ear(opened, worker, () => listen.stopped(text("microphone_unplugged")));
  worker.onBehind = () => say(text("behind"));
  const listen = new ListenView(ear);
  const sounds = new SoundsView(ear, () => {
    listen.show();
    files.show();
  });
  const files = new FilesView(ear, worker, (file) => sounds.read(file));
  const speed = new SpeedView(opened, places, PAGE.model, () => ear.stop().then(() => listen.show()));
  views.push(listen, sounds, files, speed);
  const language = byId("language", HTMLSelectElement);
  language.addEventListener("change", () => sounds.store());
  showAll();
  document.documentElement.dataset.ready = "yes";
}

function showAll(): void {
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

/** Where the browser lets the page do so: on secure pages whose certificate it trusts. */
async function keepOffline(): Promise<void> {
  if (!navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register("service.js");
    await navigator.serviceWorker.ready;
    byId("offline", HTMLSpanElement).textContent = text("offline");
  } catch {
    // The page works all the same, as long as there is a network.
  }
}

function here(path: string): string {
  return new URL(path, document.baseURI).href;
}
