// Where the nodes of a tree lie: which are drawn, in which row and layer. Knows numbers, no page.

export const ROW = 38;
const MARGIN = 26;
const LAYERS = [160, 200]; // px between a state and what follows it, at least and at most

/** Give every node a key that outlives the next, larger tree, its children in drawing order and its depth. */
export function grow(nodes) {
  const grown = nodes.map((node, index) => ({ ...node, index, children: [], depth: 0, key: "now" }));
  for (const node of grown) {
    if (node.parent < 0) continue;
    const parent = grown[node.parent];
    parent.children.push(node);
    node.depth = parent.depth + 1;
    node.key = JSON.stringify([parent.key, node.action, node.changes.map((one) => [one.fact, one.after])]);
  }
  const order = (a, b) => b.chosen - a.chosen || b.reach - a.reach || a.index - b.index;
  for (const node of grown) node.children.sort(order);
  return grown;
}

/** Return the nodes to draw: the chosen course, the likeliest others, and what was opened, as a set of indices. */
export function drawn(nodes, opened, most) {
  const kept = new Set();
  const order = [...nodes].sort((a, b) => b.chosen - a.chosen || b.reach - a.reach || a.index - b.index);
  for (const node of order) {
    const way = [];
    for (let here = node; here && !kept.has(here.index); here = nodes[here.parent]) way.push(here.index);
    if (kept.size + way.length <= most) way.forEach((index) => kept.add(index));
  }
  for (const node of nodes) {
    if (kept.has(node.index) && opened.has(node.key)) node.children.forEach((child) => kept.add(child.index));
  }
  return kept;
}

/** Return {places: index → {x, y, hidden}, rows: indices from top to bottom, layer, width, height}; no recursion. */
export function place(nodes, kept, room) {
  const places = new Map();
  const rows = [];
  const depth = Math.max(1, ...nodes.filter((node) => kept.has(node.index)).map((node) => node.depth));
  const layer = Math.min(LAYERS[1], Math.max(LAYERS[0], (room - 2 * MARGIN) / depth));
  let row = 0;
  const stack = nodes.length ? [nodes[0]] : [];
  while (stack.length) {
    const node = stack.pop();
    const shown = node.children.filter((child) => kept.has(child.index));
    const parent = places.get(node.parent);
    if (parent && !parent.continued) parent.continued = true; // the first child runs straight on
    else if (parent) row += 1;
    places.set(node.index, {
      x: MARGIN + node.depth * layer,
      y: MARGIN + row * ROW,
      hidden: node.children.length - shown.length,
    });
    rows.push(node.index);
    stack.push(...shown.reverse());
  }
  return { places, rows, layer, width: 2 * MARGIN + depth * layer, height: 2 * MARGIN + row * ROW };
}
