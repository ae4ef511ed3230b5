"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  // A picture of more boxes than this helps nobody; the list and the search have them all.
  const MAX_DRAWN = 400;
  const BOX_H = 22, GAP_Y = 8, GAP_X = 90, CHAR = 6.7, MAX_CHARS = 34;
  const search = byId("search"), pick = byId("package"), leaves = byId("leaves"), cycles = byId("cycles");
  let chosen = -1;

  for (const name of [...new Set(data.nodes.map((n) => n.package))].sort()) {
    const option = document.createElement("option");
    option.value = option.textContent = name;
    pick.append(option);
  }

  const matching = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return data.nodes.map((node, i) => {
      if (chosen >= 0) return near(i);
      if (pick.value && node.package !== pick.value) return false;
      if (leaves.checked && node.is_leaf) return false;
      if (cycles.checked && !node.in_cycle) return false;
      const text = (node.label + " " + node.site).toLowerCase();
      return words.every((word) => text.includes(word));
    });
  };
  const near = (i) => i === chosen || data.edges.some((e) => (e.from === chosen && e.to === i) || (e.to === chosen && e.from === i));
  const clip = (s) => (s.length > MAX_CHARS ? s.slice(0, MAX_CHARS - 1) + "…" : s);
  const make = (parent, name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };

  // Layers come from the page's writer; within a layer each class moves towards the middle of its neighbours.
  const place = (shown) => {
    const columns = new Map();
    for (const i of shown) {
      const layer = data.nodes[i].layer;
      if (!columns.has(layer)) columns.set(layer, []);
      columns.get(layer).push(i);
    }
    const order = [...columns.keys()].sort((a, b) => a - b);
    const set = new Set(shown), row = new Map();
    for (const layer of order) columns.get(layer).forEach((i, y) => row.set(i, y));
    const around = new Map(shown.map((i) => [i, []]));
    for (const e of data.edges) {
      if (set.has(e.from) && set.has(e.to)) { around.get(e.from).push(e.to); around.get(e.to).push(e.from); }
    }
    for (let pass = 0; pass < 6; pass++) {
      for (const layer of pass % 2 ? [...order].reverse() : order) {
        const middle = (i) => {
          const rows = around.get(i).map((j) => row.get(j));
          return rows.length ? rows.reduce((a, b) => a + b, 0) / rows.length : row.get(i);
        };
        const column = columns.get(layer);
        const key = new Map(column.map((i) => [i, middle(i)]));
        column.sort((a, b) => key.get(a) - key.get(b) || a - b).forEach((i, y) => row.set(i, y));
      }
    }
    const at = new Map();
    let x = 12;
    for (const layer of order) {
      const column = columns.get(layer);
      const width = Math.max(...column.map((i) => clip(data.nodes[i].label).length)) * CHAR + 14;
      column.forEach((i, y) => at.set(i, { x, y: 12 + y * (BOX_H + GAP_Y), w: width }));
      x += width + GAP_X;
    }
    return { at, width: x, height: 24 + Math.max(1, ...order.map((l) => columns.get(l).length)) * (BOX_H + GAP_Y) };
  };

  const draw = (shown) => {
    const canvas = byId("canvas");
    canvas.replaceChildren();
    if (shown.length > MAX_DRAWN) {
      const note = document.createElement("p");
      note.textContent = shown.length + " classes are too many for one picture. Search, choose a crate, hide the leaves, or choose a class from the list.";
      note.style.padding = "1rem";
      canvas.append(note);
      return;
    }
    const { at, width, height } = place(shown);
    const svg = make(canvas, "svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    const defs = make(svg, "defs", {});
    const marker = make(defs, "marker", { id: "head", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 6, markerHeight: 6, orient: "auto" });
    make(marker, "path", { d: "M0 0L10 5L0 10z", style: "fill:currentColor;stroke:none" });
    for (const e of data.edges) {
      const a = at.get(e.from), b = at.get(e.to);
      if (!a || !b) continue;
      const forward = b.x > a.x;
      const x1 = forward ? a.x + a.w : a.x, x2 = forward ? b.x : b.x + b.w;
      const y1 = a.y + BOX_H / 2, y2 = b.y + BOX_H / 2, bend = forward ? (x2 - x1) / 2 : -60;
      const path = make(svg, "path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, "marker-end": "url(#head)" });
      const on = chosen >= 0 && (e.from === chosen || e.to === chosen);
      path.setAttribute("class", [e.in_cycle ? "x" : "", on ? "on" : chosen >= 0 ? "faint" : ""].join(" ").trim());
      make(path, "title", {}, `${data.nodes[e.from].label} -> ${data.nodes[e.to].label} (${e.kinds})\n${e.held_site} then ${e.acquire_site}`);
    }
    for (const i of shown) {
      const p = at.get(i), node = data.nodes[i];
      const group = make(svg, "g", { class: "n" + (node.in_cycle ? " x" : "") + (i === chosen ? " on" : "") });
      make(group, "rect", { x: p.x, y: p.y, width: p.w, height: BOX_H, rx: 4 });
      make(group, "text", { x: p.x + 7, y: p.y + 15 }, clip(node.label));
      make(group, "title", {}, `${node.label}\n${node.site}`);
      group.addEventListener("click", () => choose(i));
    }
  };

  const choose = (i) => { chosen = chosen === i ? -1 : i; update(); };

  const list = (shown) => {
    const parent = byId("list");
    const focused = document.activeElement && document.activeElement.dataset.node;
    parent.replaceChildren(...shown.map((i) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = data.nodes[i].label;
      button.dataset.node = i;
      button.className = data.nodes[i].in_cycle ? "x" : "";
      button.setAttribute("aria-pressed", String(i === chosen));
      button.addEventListener("click", () => choose(i));
      item.append(button);
      return item;
    }));
    if (focused !== undefined) {
      const again = parent.querySelector(`[data-node="${focused}"]`);
      if (again) again.focus();
    }
  };

  const detail = () => {
    const parent = byId("detail");
    parent.replaceChildren();
    if (chosen < 0) return;
    const line = (name, text) => { const e = document.createElement(name); e.textContent = text; parent.append(e); return e; };
    const node = data.nodes[chosen];
    line("h3", node.label);
    line("p", `made at ${node.site}`);
    const side = (head, mine, other) => {
      const edges = data.edges.filter((e) => e[mine] === chosen);
      line("h4", `${head} (${edges.length})`);
      const items = document.createElement("ul");
      for (const e of edges) {
        const item = document.createElement("li");
        item.textContent = `${data.nodes[e[other]].label} ${e.kinds}${e.in_cycle ? ", part of a cycle" : ""}: ${e.held_site} then ${e.acquire_site}; ${e.tests.join(", ")}`;
        items.append(item);
      }
      parent.append(items);
    };
    side("Taken while it was held", "from", "to");
    side("Held when it was taken", "to", "from");
  };

  const update = () => {
    const wanted = matching();
    const shown = data.nodes.map((_, i) => i).filter((i) => wanted[i]);
    byId("shown").textContent = `${shown.length} of ${data.nodes.length} classes`;
    draw(shown);
    list(shown);
    detail();
  };
  for (const control of [search, pick, leaves, cycles]) {
    control.addEventListener("input", () => { chosen = -1; update(); });
  }
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", () => {
    chosen = -1; search.value = ""; pick.value = ""; leaves.checked = cycles.checked = false; update();
  });
  update();

  const table = byId("stats");
  if (table) {
    table.querySelectorAll("th button").forEach((button) => button.addEventListener("click", () => {
      const key = Number(button.dataset.key), head = button.parentElement;
      const up = head.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("th").forEach((th) => th.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const value = (tr) => tr.cells[key].dataset.sort;
      const rows = [...body.rows].sort((a, b) => (key === 0 ? value(a).localeCompare(value(b)) : value(a) - value(b)));
      body.append(...(up ? rows : rows.reverse()));
    }));
  }
})();
