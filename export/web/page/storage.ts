import { isLanguage, type Language } from "./texts/index.js";

const KEY = "tiny-audio";

/** What is kept on the device if the user asks for it. */
export interface Remembered {
  readonly sounds: string; // as `Prototypes.toJson` writes it
  readonly language: Language;
}

/** Returns null if nothing was remembered, or if the browser forbids storage. */
export function recall(): Remembered | null {
  try {
    const content = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<Remembered> | null;
    return content && typeof content.sounds === "string" && isLanguage(content.language)
      ? { sounds: content.sounds, language: content.language }
      : null;
  } catch {
    return null;
  }
}

/** Returns whether the browser stored it. */
export function remember(content: Remembered): boolean {
  try {
    localStorage.setItem(KEY, JSON.stringify(content));
    return true;
  } catch {
    return false; // full, or forbidden
  }
}

export function forget(): void {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Storage is forbidden, so nothing is stored.
  }
}

/** Deletes everything that this page has put on the device, its own offline copy included. */
export async function deleteAll(): Promise<void> {
  forget();
  const registration = await navigator.serviceWorker?.getRegistration();
  if (!registration) return;
  await registration.unregister();
  const names = (await caches.keys()).filter((name) => name.startsWith(`tiny-audio ${registration.scope} `));
  await Promise.all(names.map((name) => caches.delete(name)));
}
