/// <reference lib="webworker" />
/**
 * Makes the page work without a network: stores every file on the device on the first visit, and refuses
 * requests to other hosts. Adds the headers that a plain file server lacks: the policy that keeps the
 * page to its own server, and the isolation that threads need.
 */
declare const self: ServiceWorkerGlobalScope & { PAGE: { version: string; files: string[] } };

importScripts("files.js");

export {}; // makes this a module, with a scope of its own

const NAME = `tiny-audio ${self.registration.scope}`;
const CACHE = `${NAME} ${self.PAGE.version}`;
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "style-src 'self'; img-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

self.addEventListener("install", (event) => {
  event.waitUntil(keepAll());
});

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([self.clients.claim(), forgetOthers()]));
});

self.addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(self.PAGE.files.map((file) => new Request(file, { cache: "reload" })));
  await self.skipWaiting();
}

async function forgetOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(NAME) && name !== CACHE).map((name) => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return Response.error();
  const asked = url.pathname === new URL(self.registration.scope).pathname ? "index.html" : request;
  const kept = await caches.match(asked, { cacheName: CACHE, ignoreSearch: true });
  const found = kept ?? (await fetch(request));
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}
