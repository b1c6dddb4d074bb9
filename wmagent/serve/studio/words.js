// How things are written and put on the page. Data becomes text nodes only; nothing here reads or writes HTML.

const SVG = "http://www.w3.org/2000/svg";
const PICTURE = new Set(["svg", "g", "path", "circle", "rect", "line", "text", "title"]);

/** Return an element. Attributes starting with "on" are listeners; null ones are left out; children are text or nodes. */
export function el(name, attributes = {}, ...children) {
  const made = PICTURE.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** Put children in place of what an element holds, and show it. */
export function fill(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  place.hidden = false;
  return place;
}

export function percent(p) {
  if (p === null || p === undefined) return "no number";
  if (p > 0 && p < 0.001) return "< 0.1 %";
  if (p > 0.999 && p < 1) return "> 99.9 %";
  return `${(100 * p).toFixed(1)} %`;
}

/** Return a probability without digits after the point, for crowded places. */
export function short(p) {
  const rounded = Math.round(100 * p);
  if (rounded === 100 && p < 0.9995) return "> 99 %";
  if (rounded === 0 && p > 0) return "< 1 %";
  return `${rounded} %`;
}

export function hours(h) {
  if (h === null || h === undefined) return "—";
  if (h > 0 && h < 1) return `${Math.round(60 * h)} min`;
  if (h < 48) return `${h.toFixed(1).replace(/\.0$/, "")} h`;
  return `${(h / 24).toFixed(1).replace(/\.0$/, "")} days`;
}

export function amount(cost) {
  return cost.toLocaleString("en", { maximumFractionDigits: cost >= 100 ? 0 : 2 });
}

export function points(difference) {
  const text = (100 * difference).toFixed(1);
  if (Number(text) === 0) return "± 0 points";
  return `${difference > 0 ? "+" : ""}${text.replace("-", "−")} points`;
}

export function value(one) {
  if (one === null || one === undefined) return "(none)";
  return typeof one === "string" ? one : JSON.stringify(one);
}

/** Tell people who hear the page what has changed. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

/** Return a bar from 0 to 100 % with the interval around its end and a mark where the baseline is. */
export function bar(p, interval, baseline = null) {
  const at = (x) => `${(100 * Math.min(1, Math.max(0, x))).toFixed(2)}%`;
  const says = `${percent(p)}${interval ? `, 90 % interval ${percent(interval[0])} to ${percent(interval[1])}` : ""}`;
  const shapes = [
    el("rect", { class: "track", x: 0, y: 5, width: "100%", height: 8, rx: 4 }),
    el("rect", { class: "amount", x: 0, y: 5, width: at(p ?? 0), height: 8, rx: 4 }),
  ];
  if (interval) {
    const width = at(Math.max(interval[1] - interval[0], 0.004));
    shapes.push(el("rect", { class: "span", x: at(interval[0]), y: 1, width, height: 16, rx: 2 }));
  }
  if (baseline !== null) {
    shapes.push(el("line", { class: "mark", x1: at(baseline), x2: at(baseline), y1: 0, y2: 18 }));
  }
  return el("svg", { class: "bar", height: 18, role: "img", "aria-label": says }, shapes);
}

/** Return a select with options given as [text, value]. */
export function choice(id, options, attributes = {}) {
  return el("select", { id, ...attributes }, options.map(([text, given]) => el("option", { value: given }, text)));
}

/** Return a label above its control. */
export function field(text, control, hint = null) {
  const help = hint && el("span", { class: "soft", id: `${control.id}-hint` }, hint);
  if (help) control.setAttribute("aria-describedby", help.id);
  return el("div", { class: "field" }, el("label", { for: control.id }, text), control, help);
}
