/** The browser and the device, as far as browsers reveal them to a page. */
export interface BrowserFacts {
  readonly browser: string; // "Chromium 156"
  readonly device: string; // "Pixel 8" or "Linux x86 64-bit"
  readonly system: string; // "Android 15"
  readonly processor: string; // class of the processor: "arm 64-bit", or "unknown"
  readonly cores: number;
}

interface UserAgentData {
  readonly brands: readonly { brand: string; version: string }[];
  readonly platform: string;
  getHighEntropyValues(hints: string[]): Promise<Record<string, string>>;
}

/** `(module (func (drop (i8x16.popcnt (v128.const ...)))))`: valid where there is SIMD. */
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(SIMD));
}

export async function browserFacts(): Promise<BrowserFacts> {
  const cores = navigator.hardwareConcurrency || 1;
  const data = (navigator as { userAgentData?: UserAgentData }).userAgentData;
  if (!data) return { ...fromUserAgent(navigator.userAgent), cores };
  const hints = ["architecture", "bitness", "model", "platformVersion"];
  const { architecture, bitness, model, platformVersion } = await data.getHighEntropyValues(hints);
  const processor = architecture ? `${architecture} ${bitness ?? "?"}-bit` : "unknown";
  const brand = data.brands.find((one) => !/not.?a.?brand/i.test(one.brand.replace(/[^a-z]/gi, "")));
  return {
    browser: brand ? `${brand.brand} ${brand.version}` : "unknown",
    device: model || `${data.platform} ${processor}`,
    system: `${data.platform} ${platformVersion ?? ""}`.trim(),
    processor,
    cores,
  };
}

/** Reads the user agent of browsers that have nothing better: Safari and Firefox. */
export function fromUserAgent(agent: string): Omit<BrowserFacts, "cores"> {
  const first = (pattern: RegExp) => pattern.exec(agent)?.slice(1).join(" ");
  const safari = first(/Version\/(\d+)\S* .*Safari/);
  const browser = first(/(Firefox|FxiOS|CriOS|EdgiOS)\/(\d+)/) ?? (safari ? `Safari ${safari}` : "unknown");
  const inside = first(/\(([^)]*)\)/)?.split(";").map((part) => part.trim()) ?? [];
  const device = inside[0] || "unknown";
  const ios = first(/OS (\d+)[_.]\d+.* like Mac/);
  return {
    browser,
    device,
    system: ios ? `iOS ${ios}` : (inside[1] ?? device),
    processor: /iPhone|iPad|arm|aarch64/i.test(agent) ? "arm" : /x86_64|x64|Win64/i.test(agent) ? "x86" : "unknown",
  };
}
