// Where boxes stand: layers from left to right, what is taken first comes first.

const SVG = "http://www.w3.org/2000/svg";
const BOX_H = 24, GAP_Y = 10, GAP_X = 90, CHAR = 6.7, MAX_CHARS = 36;

const clip = (s) => (s.length > MAX_CHARS ? s.slice(0, MAX_CHARS - 1) + "…" : s);

/** The strongly connected components, last first, and of each box the number of its own. */
const componentsOf = (n, next) => {
  // Tarjan without recursion: a chain of locks may be deeper than the browser's stack.
  const index = new Array(n).fill(-1), low = new Array(n), component = new Array(n).fill(-1);
  const stack = [], found = [];
  let counter = 0;
  for (let root = 0; root < n; root++) {
    if (index[root] >= 0) continue;
    const work = [[root, 0]];
    while (work.length) {
      const top = work[work.length - 1], v = top[0];
      if (top[1] === 0) { index[v] = low[v] = counter++; stack.push(v); }
      if (top[1] < next[v].length) {
        const w = next[v][top[1]++];
        if (index[w] < 0) work.push([w, 0]);
        else if (component[w] < 0) low[v] = Math.min(low[v], index[w]);
        continue;
      }
      work.pop();
      if (work.length) { const parent = work[work.length - 1][0]; low[parent] = Math.min(low[parent], low[v]); }
      if (low[v] === index[v]) {
        const members = [];
        let w;
        do { w = stack.pop(); component[w] = found.length; members.push(w); } while (w !== v);
        found.push(members);
      }
    }
  }
  return { found, component };
};

/** An order of the members of a cycle that turns few arrows back: what has most arrows out of it first (Eades, Lin and Smyth 1993). */
const unrolled = (members, arrows) => {
  const rest = new Set(members), order = [];
  while (rest.size) {
    const balance = new Map([...rest].map((v) => [v, 0]));
    for (const a of arrows) if (rest.has(a.from) && rest.has(a.to)) {
      balance.set(a.from, balance.get(a.from) + a.edges.length);
      balance.set(a.to, balance.get(a.to) - a.edges.length);
    }
    const best = [...rest].reduce((u, v) => (balance.get(v) > balance.get(u) ? v : u));
    rest.delete(best);
    order.push(best);
  }
  return order;
};

/** The layer of each of `n` boxes: the longest way to it along arrows that point forwards. */
const layersOf = (n, arrows) => {
  const next = Array.from({ length: n }, () => []);
  for (const a of arrows) next[a.from].push(a.to);
  const { found, component } = componentsOf(n, next);
  const position = new Array(n);
  let at = 0;
  for (const members of found.reverse()) {
    const inside = members.length > 1 ? arrows.filter((a) => component[a.from] === component[a.to] && component[a.from] === component[members[0]]) : [];
    for (const v of members.length > 1 ? unrolled(members, inside) : members) position[v] = at++;
  }
  const layer = new Array(n).fill(0), order = position.map((_, v) => v).sort((u, v) => position[u] - position[v]);
  for (const v of order) for (const w of next[v]) {
    if (position[w] > position[v]) layer[w] = Math.max(layer[w], layer[v] + 1);
  }
  return layer;
};

/** Puts boxes into columns; within a column each moves towards the middle of its neighbours, so that fewer arrows cross. */
const place = (boxes, arrows) => {
  const layer = layersOf(boxes.length, arrows);
  const around = boxes.map(() => []);
  for (const a of arrows) { around[a.from].push(a.to); around[a.to].push(a.from); }
  const columns = [];
  // Boxes without any arrow would make the first column endless: they stand last, in columns of their own.
  const alone = [];
  boxes.forEach((_, i) => (around[i].length ? (columns[layer[i]] ||= []).push(i) : alone.push(i)));
  const used = columns.filter(Boolean), row = [];
  for (const column of used) column.forEach((i, y) => { row[i] = y; });
  for (let pass = 0; pass < 6; pass++) {
    for (const column of pass % 2 ? [...used].reverse() : used) {
      const middle = (i) => around[i].reduce((sum, j) => sum + row[j], 0) / around[i].length;
      const key = new Map(column.map((i) => [i, middle(i)]));
      column.sort((a, b) => key.get(a) - key.get(b) || a - b).forEach((i, y) => { row[i] = y; });
    }
  }
  const tallest = Math.max(Math.min(12, alone.length), ...used.map((column) => column.length));
  while (alone.length) used.push(alone.splice(0, tallest));
  let x = 14;
  used.forEach((column, number) => {
    const width = Math.max(...column.map((i) => clip(boxes[i].label).length)) * CHAR + 16;
    const top = 14 + ((tallest - column.length) * (BOX_H + GAP_Y)) / 2;
    column.forEach((i, y) => Object.assign(boxes[i], { x, y: top + y * (BOX_H + GAP_Y), w: width, column: number, row: y }));
    x += width + GAP_X;
  });
  return { columns: used, width: x - GAP_X + 14, height: 28 + tallest * (BOX_H + GAP_Y) };
};
