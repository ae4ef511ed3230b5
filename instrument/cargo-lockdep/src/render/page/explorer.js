// The lock order to explore: a picture and a list of the same classes, both for mouse and keyboard.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
// A picture of more boxes than this is of no help: classes are drawn together then, by file or by crate.
const MAX_DRAWN = 120;
const search = byId("search"), pick = byId("package"), group = byId("group"), fold = byId("fold"), cycles = byId("cycles");
let chosen = -1;
let zoom = 0;
// The boxes of the picture, and which of them the keyboard is on.
let boxes = [], columns = [], size = { width: 1, height: 1 }, current = 0;

const n = (count, one, many) => `${count} ${count === 1 ? one : many || one + "s"}`;
const outgoing = data.nodes.map(() => []), incoming = data.nodes.map(() => []);
data.edges.forEach((e) => { outgoing[e.from].push(e); incoming[e.to].push(e); });

for (const name of [...new Set(data.nodes.map((node) => node.package))].sort()) {
  const option = document.createElement("option");
  option.value = option.textContent = name;
  pick.append(option);
}

const make = (parent, name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

/** The classes that the controls let through. */
const matching = () => {
  if (chosen >= 0) {
    const near = new Set([chosen, ...outgoing[chosen].map((e) => e.to), ...incoming[chosen].map((e) => e.from)]);
    return [...near].sort((a, b) => a - b);
  }
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  return data.nodes.map((_, i) => i).filter((i) => {
    const node = data.nodes[i];
    if (pick.value && node.package !== pick.value) return false;
    if (cycles.checked && !node.in_cycle) return false;
    const text = (node.label + " " + node.site).toLowerCase();
    return words.every((word) => text.includes(word));
  });
};

/** What is drawn of these classes: boxes and arrows, each class alone or all of a file or crate together. */
const picture = (shown) => {
  const has = new Set(shown), folded = new Map();
  if (fold.checked && chosen < 0) {
    for (const i of shown) {
      const holders = incoming[i].map((e) => e.from).filter((j) => j !== i && has.has(j));
      if (outgoing[i].length === 0 && !data.nodes[i].in_cycle && holders.length) folded.set(i, holders);
    }
  }
  const drawn = shown.filter((i) => !folded.has(i));
  const keys = { class: (i) => i, file: (i) => data.nodes[i].file, crate: (i) => data.nodes[i].package };
  const by = chosen >= 0 ? "class" : group.value || ["class", "file", "crate"].find(
    (kind) => new Set(drawn.map(keys[kind])).size <= MAX_DRAWN) || "crate";
  const key = keys[by], index = new Map(), made = [];
  for (const i of drawn) {
    const k = key(i);
    if (!index.has(k)) {
      index.set(k, made.length);
      made.push({ key: k, members: [], n_leaves: 0, in_cycle: false });
    }
    const box = made[index.get(k)];
    box.members.push(i);
    box.in_cycle ||= data.nodes[i].in_cycle;
  }
  for (const holders of folded.values()) {
    for (const k of new Set(holders.filter((j) => index.has(key(j))).map(key))) made[index.get(k)].n_leaves++;
  }
  for (const box of made) {
    box.label = by === "class" ? data.nodes[box.key].label : `${box.key} (${box.members.length})`;
    if (box.n_leaves) box.label = `${clip(box.label)} +${n(box.n_leaves, "leaf", "leaves")}`;
  }
  const arrows = new Map();
  for (const i of drawn) for (const e of outgoing[i]) {
    if (!has.has(e.to) || folded.has(e.to)) continue;
    const from = index.get(key(i)), to = index.get(key(e.to));
    if (from === to) continue;
    const name = from + " " + to;
    if (!arrows.has(name)) arrows.set(name, { from, to, edges: [], in_cycle: false });
    const arrow = arrows.get(name);
    arrow.edges.push(e);
    arrow.in_cycle ||= e.in_cycle;
  }
  return { by, boxes: made, arrows: [...arrows.values()], n_folded: folded.size };
};

const about = (i) => {
  const node = data.nodes[i];
  return `${node.label}, made at ${node.site}, held around ${outgoing[i].length}, taken under ${incoming[i].length}` +
    (node.in_cycle ? ", part of a cycle" : "");
};

const arrowPath = (a, b) => {
  const forward = b.x > a.x, y1 = a.y + BOX_H / 2, y2 = b.y + BOX_H / 2;
  if (a.column === b.column) {
    // Within a column the arrow goes round on the right.
    const x = a.x + a.w;
    return `M${x} ${y1}C${x + 50} ${y1} ${x + 50} ${y2} ${x} ${y2}`;
  }
  const x1 = forward ? a.x + a.w : a.x, x2 = forward ? b.x : b.x + b.w, bend = forward ? (x2 - x1) / 2 : -60;
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
};

const draw = (shown, drawing) => {
  const canvas = byId("canvas");
  const had = canvas.contains(document.activeElement);
  boxes = drawing.boxes;
  ({ columns, ...size } = place(boxes, drawing.arrows));
  canvas.replaceChildren();
  const svg = make(canvas, "svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "group", "aria-roledescription": "graph",
    "aria-label": "Drawing of the lock order: arrow keys move from box to box, Enter or Space chooses, Escape shows all. The list has the same content" });
  const defs = make(svg, "defs", {});
  for (const kind of ["", "x", "on"]) {
    const marker = make(defs, "marker", { id: "head" + kind, class: kind, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" });
    make(marker, "path", { d: "M0 0L10 5L0 10z" });
  }
  const lines = make(svg, "g", { "aria-hidden": "true" });
  // Those of a cycle last, on top.
  for (const arrow of [...drawing.arrows].sort((a, b) => a.in_cycle - b.in_cycle)) {
    const on = drawing.by === "class" && chosen >= 0 && arrow.edges.some((e) => e.from === chosen || e.to === chosen);
    const kind = arrow.in_cycle ? "x" : on ? "on" : "";
    const path = make(lines, "path", { d: arrowPath(boxes[arrow.from], boxes[arrow.to]), class: kind, "marker-end": `url(#head${kind})` });
    if (arrow.edges.length > 1) path.style.strokeWidth = 1.2 + Math.log2(arrow.edges.length) / 2;
    const e = arrow.edges[0], more = arrow.edges.length > 1 ? `\nand ${arrow.edges.length - 1} more` : "";
    make(path, "title", {}, `${data.nodes[e.from].label} -> ${data.nodes[e.to].label} (${e.kinds})\n${e.held_site} then ${e.acquire_site}${more}`);
  }
  boxes.forEach((box, b) => {
    const single = drawing.by === "class";
    // The name begins with the text that can be read in the box, for those who speak to their computer.
    const text = clip(box.label);
    const name = single && text === data.nodes[box.key].label ? about(box.key) : `${text}: ` + (single ? about(box.key) : `${box.key}, ${drawing.by} of ${n(box.members.length, "class", "classes")}${box.in_cycle ? ", part of a cycle" : ""}`);
    const leaves = box.n_leaves ? `, and ${n(box.n_leaves, "leaf class", "leaf classes")}` : "";
    box.element = make(svg, "g", { class: "box" + (box.in_cycle ? " x" : "") + (single && box.key === chosen ? " on" : ""), role: "button", tabindex: -1, "aria-label": name + leaves });
    if (single) box.element.setAttribute("aria-pressed", String(box.key === chosen));
    make(box.element, "rect", { x: box.x, y: box.y, width: box.w, height: BOX_H, rx: 4 });
    make(box.element, "text", { x: box.x + 8, y: box.y + 16, "aria-hidden": "true" }, text);
    make(box.element, "title", {}, name + leaves);
    box.element.addEventListener("click", () => activate(b));
    box.element.addEventListener("focus", () => stand(b));
  });
  scale();
  const again = boxes.findIndex((box) => drawing.by === "class" && box.key === chosen);
  stand(Math.max(0, again));
  if (had && boxes.length) boxes[current].element.focus();
};

/** One stop of the tab key for the whole picture: the box that the arrow keys were on last. */
const stand = (b) => {
  if (boxes[current] && boxes[current].element) boxes[current].element.setAttribute("tabindex", -1);
  current = b;
  if (boxes[b]) boxes[b].element.setAttribute("tabindex", 0);
};

const activate = (b) => {
  const box = boxes[b], by = last.by;
  if (by === "class") return choose(box.key);
  // A file or crate opens: from here on only its classes are shown.
  if (by === "crate") pick.value = box.key; else search.value = box.key;
  group.value = "";
  update();
};

/** The box to go to from `box`: along an arrow if there is one that way, else the nearest of the next column. */
const towards = (b, key) => {
  const box = boxes[b];
  const column = columns[box.column];
  if (key === "ArrowDown") return column[box.row + 1];
  if (key === "ArrowUp") return column[box.row - 1];
  const step = key === "ArrowRight" ? 1 : -1;
  const linked = last.arrows.filter((a) => (step > 0 ? a.from : a.to) === b).map((a) => (step > 0 ? a.to : a.from));
  const beyond = linked.filter((i) => (boxes[i].column - box.column) * step > 0);
  const candidates = beyond.length ? beyond : columns[box.column + step] || [];
  const distance = (i) => Math.abs(boxes[i].column - box.column) * 1e5 + Math.abs(boxes[i].y - box.y);
  return [...candidates].sort((i, j) => distance(i) - distance(j))[0];
};

byId("canvas").addEventListener("keydown", (event) => {
  if (!boxes.length || event.altKey || event.ctrlKey || event.metaKey) return;
  const goals = { Home: 0, End: boxes.length - 1 };
  if (event.key === "Enter" || event.key === " ") activate(current);
  else if (event.key === "Escape") showAll();
  else if (event.key.startsWith("Arrow") || event.key in goals) {
    const goal = event.key in goals ? goals[event.key] : towards(current, event.key);
    if (goal !== undefined) boxes[goal].element.focus();
  } else return;
  event.preventDefault();
});

/** The picture as large as the reader wants it; at first as wide as there is room for, while it can be read. */
const scale = () => {
  const svg = byId("canvas").querySelector("svg");
  if (!svg) return;
  const fit = (byId("canvas").clientWidth - 4) / size.width;
  const factor = zoom || Math.min(1, Math.max(0.7, fit));
  svg.setAttribute("width", Math.round(size.width * factor));
  svg.setAttribute("height", Math.round(size.height * factor));
  byId("zoom").textContent = `${Math.round(factor * 100)} %`;
  return factor;
};

const choose = (i) => { chosen = chosen === i ? -1 : i; zoom = 0; update(); };

const list = (shown) => {
  const parent = byId("list");
  const had = parent.contains(document.activeElement);
  parent.replaceChildren(...shown.map((i) => {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.textContent = data.nodes[i].label;
    item.dataset.node = i;
    item.className = data.nodes[i].in_cycle ? "x" : "";
    item.setAttribute("aria-selected", String(i === chosen));
    item.title = about(i);
    item.tabIndex = -1;
    return item;
  }));
  byId("empty").hidden = shown.length > 0;
  parent.hidden = shown.length === 0;
  const at = parent.querySelector("[aria-selected=true]") || parent.firstElementChild;
  if (at) at.tabIndex = 0;
  if (had && at) at.focus();
};
const moveTo = (item) => {
  byId("list").querySelectorAll("[tabindex='0']").forEach((one) => { one.tabIndex = -1; });
  item.tabIndex = 0;
  item.focus();
};
byId("list").addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) choose(Number(item.dataset.node));
});
byId("list").addEventListener("keydown", (event) => {
  const item = event.target.closest("li"), parent = byId("list");
  if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
  const goal = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling, Home: parent.firstElementChild, End: parent.lastElementChild }[event.key];
  if (event.key === "Enter" || event.key === " ") choose(Number(item.dataset.node));
  else if (event.key === "Escape") showAll();
  else if (goal) moveTo(goal);
  else if (goal === undefined) return;
  event.preventDefault();
});

const detail = () => {
  const parent = byId("detail");
  parent.replaceChildren();
  parent.hidden = chosen < 0;
  if (chosen < 0) return;
  const line = (name, text) => { const e = document.createElement(name); e.textContent = text; parent.append(e); return e; };
  const node = data.nodes[chosen];
  line("h3", node.label);
  line("p", `Made at ${node.site}.`);
  const side = (head, edges, other) => {
    line("h4", `${head} (${edges.length})`);
    const items = document.createElement("ul");
    for (const e of edges) {
      const item = document.createElement("li");
      item.textContent = `${data.nodes[e[other]].label} ${e.kinds}${e.in_cycle ? ", part of a cycle" : ""}: ${e.held_site} then ${e.acquire_site}; ${e.tests.join(", ")}`;
      items.append(item);
    }
    if (edges.length) parent.append(items);
  };
  side("Taken while it was held", outgoing[chosen], "to");
  side("Held when it was taken", incoming[chosen], "from");
};

let last = picture([]);
const update = () => {
  const shown = matching();
  last = picture(shown);
  const kinds = { class: "", file: `, drawn as ${n(last.boxes.length, "file")}`, crate: `, drawn as ${n(last.boxes.length, "crate")}` };
  const folded = last.n_folded ? `, ${n(last.n_folded, "leaf", "leaves")} folded` : "";
  const what = chosen >= 0 ? `; ${about(chosen)}` : kinds[last.by] + folded;
  byId("shown").textContent = `${shown.length} of ${n(data.nodes.length, "class", "classes")}${what}`;
  draw(shown, last);
  list(shown);
  detail();
};
const showAll = () => {
  chosen = -1; zoom = 0; search.value = ""; pick.value = ""; group.value = ""; cycles.checked = false;
  update();
};
for (const control of [search, pick, group, fold, cycles]) {
  control.addEventListener("input", () => { chosen = -1; zoom = 0; update(); });
}
byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("reset").addEventListener("click", showAll);
byId("larger").addEventListener("click", () => { zoom = Math.min(3, scale() * 1.25); scale(); });
byId("smaller").addEventListener("click", () => { zoom = Math.max(0.1, scale() / 1.25); scale(); });
byId("fit").addEventListener("click", () => {
  const canvas = byId("canvas");
  zoom = Math.min((canvas.clientWidth - 4) / size.width, (canvas.clientHeight - 4) / size.height, 3);
  scale();
});
// With so many leaves that they hide the rest, they start folded.
fold.checked = data.nodes.filter((node) => node.is_leaf).length > 40;
update();
