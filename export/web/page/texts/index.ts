import { de } from "./de.js";
import { en, type Texts } from "./en.js";
import { es } from "./es.js";

export type TextKey = keyof Texts;
export const LANGUAGES = { en: "English", de: "Deutsch", es: "Español" } as const;
export type Language = keyof typeof LANGUAGES;

const ALL: Record<Language, Texts> = { en, de, es };
let language: Language = preferred();

/** Returns a text in the user's language, with {0} and {1} filled in. */
export function text(key: TextKey, ...values: (string | number)[]): string {
  return values.reduce<string>((filled, value, i) => filled.replaceAll(`{${i}}`, String(value)), ALL[language][key]);
}

/** Formats a number with this many digits behind the decimal mark of the user's language. */
export function decimal(value: number, digits: number): string {
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function currentLanguage(): Language {
  return language;
}

/** Chooses a language, and writes all fixed texts of the page in it. */
export function speak(chosen: Language): void {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const element of document.querySelectorAll<HTMLElement>("[data-text]")) {
    element.textContent = text(element.dataset.text as TextKey);
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label as TextKey));
  }
}

export function isLanguage(value: unknown): value is Language {
  return typeof value === "string" && value in LANGUAGES;
}

function preferred(): Language {
  const wanted = navigator.languages.map((one) => one.slice(0, 2));
  return wanted.find(isLanguage) ?? "en";
}
