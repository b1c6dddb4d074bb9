// The tree of imagined futures as a picture that grows, and that keys can walk. Knows nodes, no questions.

import { drawn, grow, place } from "./layout.js";
import { el, percent, short, value } from "./words.js";

const MOST = 40; // nodes drawn until more are opened
const RADIUS = 7;
const LETTER = 6.1, BOLD = 6.7; // px of a character on an edge

/** Return {node, show(nodes, probability), size()}; `picked(node, nodes)` is called when another node is looked at. */
export function futures(picked) {
  const edges = el("g", {});
  const dots = el("g", {});
  const svg = el("svg", { role: "tree", "aria-label": "Imagined futures", class: "tree" }, edges, dots);
  const box = el("div", { class: "wide" }, svg);
  const parts = new Map(); // key → {edge, dot}
  const opened = new Set();
  let nodes = [], layout = null, current = "now";

  function show(given, probability) {
    nodes = grow(given);
    if (nodes.length) nodes[0].value = probability; // the plan's own number is finer than the tree's
    if (!nodes.some((node) => node.key === current)) current = "now";
    draw();
    look(find(current), false);
  }

  function find(key) {
    return nodes.find((node) => node.key === key);
  }

  function draw() {
    layout = place(nodes, drawn(nodes, opened, MOST), box.clientWidth);
    for (const [name, length] of [["width", layout.width], ["height", layout.height]]) svg.setAttribute(name, length);
    svg.setAttribute("viewBox", `0 0 ${layout.width} ${layout.height}`);
    const shown = new Set(layout.rows.map((index) => nodes[index].key));
    for (const [key, part] of parts) {
      if (!shown.has(key)) {
        part.edge?.remove();
        part.dot.remove();
        parts.delete(key);
      }
    }
    for (const index of layout.rows) {
      const node = nodes[index];
      const part = parts.get(node.key) ?? added(node);
      update(node, part);
      dots.append(part.dot); // in reading order
    }
  }

  function added(node) {
    const part = { dot: el("g", { role: "treeitem", class: "fresh" }), edge: null };
    part.dot.addEventListener("click", () => {
      const here = find(node.key);
      if (current === node.key) toggle(here);
      look(here, true);
    });
    if (node.parent >= 0) {
      part.edge = el("g", { class: "fresh", "aria-hidden": "true" }, el("path", {}), el("text", {}), el("text", { class: "chance" }));
      edges.append(part.edge);
    }
    parts.set(node.key, part);
    return part;
  }

  function update(node, { dot, edge }) {
    const at = layout.places.get(node.index);
    const kind = `${node.chosen ? " chosen" : ""}${node.goal ? " goal" : ""}`;
    const attributes = {
      "aria-label": label(node, at.hidden), "aria-level": node.depth + 1, tabindex: node.key === current ? 0 : -1,
      "aria-selected": node.key === current, class: `node${kind}`, "data-action": node.action,
    };
    for (const [name, text] of Object.entries(attributes)) dot.setAttribute(name, text);
    if (node.children.length) dot.setAttribute("aria-expanded", at.hidden === 0);
    dot.style.transform = `translate(${at.x}px, ${at.y}px)`;
    const inside = (RADIUS - 2) * Math.sqrt(Math.min(1, node.value));
    dot.replaceChildren(
      el("circle", { class: "ring", r: RADIUS + 5 }),
      el("circle", { class: "body", r: RADIUS }),
      node.goal ? el("path", { class: "tick", d: "M-3.2 0.2 L-0.8 2.8 L3.4 -2.6" })
        : el("circle", { class: "worth", r: inside.toFixed(2) }),
    );
    if (at.hidden) dot.append(el("text", { class: "more", y: RADIUS + 13, "text-anchor": "middle" }, `+${at.hidden}`));
    if (!edge) return;
    const from = layout.places.get(node.parent);
    const turn = from.x + RADIUS + 20;
    const [path, text, chance] = edge.children;
    edge.setAttribute("class", `edge${kind}`);
    path.setAttribute("d", `M${from.x + RADIUS} ${from.y} C${turn} ${from.y} ${from.x + RADIUS + 2} ${at.y} ${turn} ${at.y} `
      + `L${at.x - RADIUS} ${at.y}`);
    path.setAttribute("stroke-width", (1 + 2.5 * Math.sqrt(node.reach)).toFixed(2));
    const fits = Math.floor((at.x - RADIUS - 4 - turn) / (node.chosen ? BOLD : LETTER));
    text.replaceChildren(node.action.length > fits ? `${node.action.slice(0, fits - 1)}…` : node.action);
    chance.replaceChildren(node.probability > 0.9995 ? "" : short(node.probability));
    for (const [label, below] of [[text, -5], [chance, 13]]) {
      label.setAttribute("x", turn);
      label.setAttribute("y", at.y + below);
    }
  }

  function toggle(node) {
    if (!node.children.length) return;
    if (layout.places.get(node.index).hidden) opened.add(node.key);
    else opened.delete(node.key);
    draw();
  }

  function look(node, focus) {
    if (!node) return;
    const before = parts.get(current)?.dot;
    before?.setAttribute("tabindex", -1);
    before?.setAttribute("aria-selected", false);
    current = node.key;
    const dot = parts.get(current).dot;
    dot.setAttribute("tabindex", 0);
    dot.setAttribute("aria-selected", true);
    if (focus) {
      dot.focus({ preventScroll: true });
      const at = layout.places.get(node.index);
      const [left, top] = [at.x - layout.layer - 20, at.y - 60];
      if (left < box.scrollLeft || at.x + 60 > box.scrollLeft + box.clientWidth) box.scrollLeft = left;
      if (top < box.scrollTop || at.y + 40 > box.scrollTop + box.clientHeight) box.scrollTop = top;
    }
    picked(node, nodes);
  }

  svg.addEventListener("keydown", (event) => {
    const node = find(current);
    const rows = layout.rows;
    const row = rows.indexOf(node.index);
    const shown = node.children.filter((child) => layout.places.has(child.index));
    const to = {
      ArrowDown: () => nodes[rows[row + 1]],
      ArrowUp: () => nodes[rows[row - 1]],
      ArrowLeft: () => nodes[node.parent],
      ArrowRight: () => {
        if (!shown.length) toggle(node);
        return node.children.find((child) => layout.places.has(child.index));
      },
      Home: () => nodes[0],
      End: () => nodes[rows.at(-1)],
      Escape: () => nodes[0],
      Enter: () => (toggle(node), node),
      " ": () => (toggle(node), node),
    }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    look(to(), true);
  });

  return { node: box, show, size: () => nodes.length };
}

function label(node, hidden) {
  if (node.parent < 0) return `now, P(goal) ${percent(node.value)}${hidden ? `, ${hidden} more` : ""}`;
  const changes = node.changes.map((one) => `${one.fact} becomes ${value(one.after)}`).join(", ") || "nothing changes";
  const end = node.goal ? "the goal holds" : `P(goal) ${percent(node.value)}`;
  return `${node.action}, ${percent(node.probability)}: ${changes}; ${end}${node.chosen ? "; on the plan" : ""}`
    + (hidden ? `; ${hidden} more` : "");
}
