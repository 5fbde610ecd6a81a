"use strict";
// Whatever comes from files gets into the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);

// --- small helpers ---------------------------------------------------------------------------

function made(parent, tag, attributes = {}, text = "") {
  const svg = ["svg", "path", "line", "g"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== "") element.textContent = text;
  parent.append(element);
  return element;
}

function selector(form, name, options, changed) {
  if (options.length < 2) return;
  const label = made(form, "label", {}, name);
  const select = made(label, "select");
  options.forEach((option, index) => made(select, "option", { value: index }, option));
  select.addEventListener("change", () => changed(Number(select.value)));
}

const unique = (values) => [...new Set(values)];

// --- symbols: the colors of the style sheet, then other shapes ---------------------------------

const COLORS = 9;
const SHAPES = [
  "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
  "M-4.5 -4.5h9v9h-9z",
  "M0 -6L5.6 4.2H-5.6z",
  "M0 -6.4L6.4 0L0 6.4L-6.4 0z",
  "M-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
  "M0 6L5.6 -4.2H-5.6z",
  "M-6 -6L0 -2.4L6 -6L2.4 0L6 6L0 2.4L-6 6L-2.4 0z",
];
const symbol = (index) => ({
  d: SHAPES[Math.floor(index / COLORS) % SHAPES.length],
  style: `fill: var(--symbol-${index % COLORS})`,
});

// --- map -----------------------------------------------------------------------------------

const SIZE = 640;
const MARGIN = 24;
const REACH = 20; // pixels of the screen

function startMap() {
  const state = { map: data.maps[0], run: 0, label: null };
  const controls = document.getElementById("map-controls");
  selector(controls, "task", data.maps.map((map) => map.task), (index) => {
    state.map = data.maps[index];
    state.label = null;
    draw(state);
  });
  selector(controls, "run", data.maps[0].views.map((view) => view.run), (index) => {
    state.run = index;
    draw(state);
  });
  draw(state);
}

function draw(state) {
  const { map } = state;
  const view = map.views[state.run];
  const plot = document.getElementById("plot");
  plot.replaceChildren();
  const svg = made(plot, "svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group", "aria-label": `Map of ${map.clips.length} sounds` });
  const links = made(svg, "g");
  const tip = made(plot, "div", { class: "tip", hidden: "" });
  const places = view.places.map(([x, y]) => [MARGIN + x * (SIZE - 2 * MARGIN), MARGIN + (1 - y) * (SIZE - 2 * MARGIN)]);
  const points = map.clips.map((clip, index) => {
    const [x, y] = places[index];
    return made(svg, "path", {
      ...symbol(clip.label),
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
      class: "point",
      role: "button",
      tabindex: index ? -1 : 0,
      "aria-label": `${map.classes[clip.label]}, ${clip.file}`,
    });
  });
  const shown = { state, view, points, places, links, tip };
  points.forEach((point, index) => listenTo(shown, point, index));
  svg.addEventListener("click", (event) => chooseNearest(shown, svg, event));
  drawLegend(shown);
  dim(shown);
  document.getElementById("listen").replaceChildren();
  made(document.getElementById("listen"), "p", { class: "absent" }, "Choose a point to hear it and its nearest neighbors. Arrow keys move from point to point.");
  document.getElementById("map-note").textContent = `${view.how}. ${map.note}`;
}

function listenTo(shown, point, index) {
  point.addEventListener("pointerenter", () => showTip(shown, index));
  point.addEventListener("pointerleave", () => { shown.tip.hidden = true; });
  point.addEventListener("focus", () => showTip(shown, index));
  point.addEventListener("blur", () => { shown.tip.hidden = true; });
  point.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) moveFocus(shown, index, step);
    else if (event.key === "Enter" || event.key === " ") choose(shown, index);
    else return;
    event.preventDefault();
  });
}

// A finger is wider than a point: what counts is which point is nearest.
function chooseNearest(shown, svg, event) {
  const box = svg.getBoundingClientRect();
  const scale = SIZE / box.width;
  const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const distances = shown.places.map(([px, py]) => Math.hypot(px - x, py - y));
  const nearest = distances.indexOf(Math.min(...distances));
  if (distances[nearest] < REACH * scale) choose(shown, nearest);
}

function showTip({ state, tip, places }, index) {
  const clip = state.map.clips[index];
  const [x, y] = places[index];
  tip.replaceChildren();
  made(tip, "b", {}, state.map.classes[clip.label]);
  made(tip, "small", {}, clip.file);
  tip.hidden = false;
  const right = x > SIZE / 2;
  const below = y < SIZE / 4;
  tip.style.left = right ? "auto" : `${(100 * (x + 12)) / SIZE}%`;
  tip.style.right = right ? `${100 - (100 * (x - 12)) / SIZE}%` : "auto";
  tip.style.top = below ? `${(100 * (y + 8)) / SIZE}%` : "auto";
  tip.style.bottom = below ? "auto" : `${100 - (100 * (y - 8)) / SIZE}%`;
}

// The nearest point in the arrow's direction; sideways counts double.
function moveFocus({ points, places }, from, [dx, dy]) {
  let best = from;
  let least = Infinity;
  places.forEach(([x, y], index) => {
    const ahead = (x - places[from][0]) * dx + (y - places[from][1]) * dy;
    const aside = Math.abs((x - places[from][0]) * dy) + Math.abs((y - places[from][1]) * dx);
    if (index !== from && ahead > 0 && ahead + 2 * aside < least) {
      least = ahead + 2 * aside;
      best = index;
    }
  });
  points[from].setAttribute("tabindex", -1);
  points[best].setAttribute("tabindex", 0);
  points[best].focus();
}

function choose(shown, index) {
  const { state, view, points, places, links } = shown;
  const near = view.neighbors[index];
  points.forEach((point) => point.classList.remove("chosen", "near"));
  points[index].classList.add("chosen");
  links.replaceChildren();
  for (const [other] of near) {
    points[other].classList.add("near");
    made(links, "line", { class: "link", x1: places[index][0], y1: places[index][1], x2: places[other][0], y2: places[other][1] });
  }
  const panel = document.getElementById("listen");
  panel.replaceChildren();
  const { map } = state;
  const clip = map.clips[index];
  made(panel, "h3", {}, map.classes[clip.label]);
  made(panel, "div", { class: "file" }, clip.file);
  const audio = made(panel, "audio", { controls: "", preload: "auto" });
  const table = made(panel, "table");
  made(table, "caption", {}, "Nearest neighbors, with their cosine to it");
  const body = made(table, "tbody");
  const buttons = [];
  const row = (other, cosine) => {
    const line = made(body, "tr");
    const button = made(made(line, "td"), "button", { type: "button", class: "play" }, map.classes[map.clips[other].label]);
    made(button, "small", {}, map.clips[other].file);
    made(line, "td", {}, cosine);
    button.disabled = map.clips[other].sound === null;
    button.addEventListener("click", () => play(audio, map.clips[other], buttons, button));
    buttons.push(button);
  };
  row(index, "itself");
  for (const [other, cosine] of near) row(other, cosine.toFixed(3));
  if (clip.sound === null) {
    audio.remove();
    made(panel, "p", { class: "absent" }, "This sound was left out to keep the page small.");
    if (near.every(([other]) => map.clips[other].sound === null)) return;
    table.before(audio);
  } else {
    play(audio, clip, buttons, buttons[0]);
  }
}

function play(audio, clip, buttons, current) {
  buttons.forEach((button) => button.setAttribute("aria-current", button === current));
  audio.src = `data:audio/mpeg;base64,${data.sounds[clip.sound]}`;
  audio.play().catch((error) => {
    if (error.name !== "AbortError" && error.name !== "NotAllowedError") throw error;
  });
}

function drawLegend(shown) {
  const { state } = shown;
  const legend = document.getElementById("legend");
  legend.replaceChildren();
  state.map.classes.forEach((name, index) => {
    const count = state.map.clips.filter((clip) => clip.label === index).length;
    if (!count) return;
    const button = made(legend, "button", { type: "button", "aria-pressed": state.label === index });
    made(made(button, "svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true" }), "path", symbol(index));
    made(button, "span", {}, `${name} (${count})`);
    button.addEventListener("click", () => {
      state.label = state.label === index ? null : index;
      for (const other of legend.children) other.setAttribute("aria-pressed", other === button && state.label !== null);
      dim(shown);
    });
  });
}

function dim({ state, points }) {
  points.forEach((point, index) => {
    point.classList.toggle("dim", state.label !== null && state.map.clips[index].label !== state.label);
  });
}

// --- mistakes --------------------------------------------------------------------------------

const MANY = 24; // classes: from here on cells are too small for figures

function startMistakes() {
  const chosen = { task: data.mistakes[0].task, method: data.mistakes[0].method };
  const controls = document.getElementById("mistakes-controls");
  const show = () => {
    const found = data.mistakes.find((one) => one.task === chosen.task && one.method === chosen.method);
    drawMistakes(found, chosen);
  };
  for (const name of ["task", "method"]) {
    const options = unique(data.mistakes.map((one) => one[name]));
    selector(controls, name, options, (index) => {
      chosen[name] = options[index];
      show();
    });
  }
  show();
}

function drawMistakes(found, chosen) {
  const note = document.getElementById("mistakes-note");
  const confusion = document.getElementById("confusion");
  const perClass = document.getElementById("per-class");
  confusion.replaceChildren();
  perClass.replaceChildren();
  if (!found) {
    note.textContent = `${chosen.method} was not measured on ${chosen.task}.`;
    return;
  }
  note.textContent = `${found.task}, ${found.method}. ${worst(found)}`;
  drawConfusion(confusion, found);
  drawPerClass(perClass, found);
}

function worst({ classes, counts }) {
  const pairs = [];
  counts.forEach((row, truth) => row.forEach((count, said) => {
    if (count && truth !== said) pairs.push([count, `${classes[truth]} taken for ${classes[said]} (${count})`]);
  }));
  if (!pairs.length) return "No mistakes.";
  pairs.sort((one, other) => other[0] - one[0]);
  return `Most often: ${pairs.slice(0, 3).map(([, text]) => text).join(", ")}.`;
}

function drawConfusion(parent, { classes, counts }) {
  const table = made(parent, "table", { class: classes.length > MANY ? "confusion many" : "confusion" });
  made(table, "caption", {}, "Rows: true label. Columns: predicted label. Shade: share of the row.");
  const head = made(made(table, "thead"), "tr");
  made(head, "th");
  for (const name of classes) made(made(head, "th", { scope: "col" }), "span", {}, name);
  const body = made(table, "tbody");
  counts.forEach((row, truth) => {
    const line = made(body, "tr");
    made(line, "th", { scope: "row" }, classes[truth]);
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    row.forEach((count, said) => {
      const share = count / total;
      const cell = made(line, "td", { title: `${classes[truth]} taken for ${classes[said]}: ${count}` }, count || "");
      cell.style.backgroundColor = count ? `rgb(var(--heat) / calc(var(--least) + (1 - var(--least)) * ${share}))` : "var(--faint)";
      cell.style.color = share > 0.65 ? "#fff" : "inherit";
      if (truth === said) cell.className = "right";
    });
  });
}

function drawPerClass(parent, found) {
  const table = made(parent, "table");
  made(table, "caption", {}, "Figures of each label, over all folds and seeds.");
  const head = made(made(table, "thead"), "tr");
  for (const name of ["label", "precision", "recall", "F1", "tested"]) made(head, "th", { scope: "col" }, name);
  const body = made(table, "tbody");
  for (const { name, precision, recall, f1, support } of found.per_class) {
    const line = made(body, "tr");
    made(line, "th", { scope: "row" }, name);
    for (const value of [precision, recall, f1]) made(line, "td", {}, value === null ? "not tested" : value.toFixed(2));
    made(line, "td", {}, support);
  }
}

if (data.maps.length) startMap();
if (data.mistakes.length) startMistakes();
