// Answers as cards: a decision, a what-if beside it, a branch of the tree, evidence. Knows answers, asks nothing.

import { amount, bar, el, hours, percent, points, value } from "./words.js";

const VERDICTS = {
  act: "Act", done: "Done", impossible: "No way leads there", abstain: "Abstain: ask a person",
  better: "Better", worse: "Worse", same: "About the same",
};
const SUPPORT = {
  observed: "recorded often", interpolated: "recorded a few times", extrapolated: "beyond what was recorded",
};

/** Return what says of a decision in a word, with a colour and a sign. */
export function verdict(decision) {
  return el("span", { class: `verdict ${decision}` }, VERDICTS[decision] ?? decision);
}

/** Return what stands where the decision will be: how sure the search is so far. */
export function thinkingCard(goal, p = null) {
  return [el("h2", { id: "decision-head" }, el("span", { class: "verdict" }, "Imagining …")), el("p", { class: "because" }, goal),
    p !== null && bar(p, null), p !== null && el("p", { class: "soft" }, `P(goal) so far ${percent(p)}`)];
}

/** Return the big card of a plan. */
export function decisionCard(told) {
  const numbers = [
    told.interval && figure(percent(told.probability), `P(goal), 90 % interval ${between(told.interval)}`, true),
    told.risk !== null && told.interval && figure(percent(told.risk), "risk, at worst"),
    told.support && figure(told.support, SUPPORT[told.support]),
    told.hours > 0 && figure(hours(told.hours), "expected time"),
    told.cost > 0 && figure(amount(told.cost), "expected cost"),
  ].filter(Boolean);
  return [
    el("h2", { id: "decision-head", tabindex: -1 }, verdict(told.decision), told.action && el("span", { class: "what" }, told.action)),
    el("p", { class: "because" }, told.because),
    told.interval && bar(told.probability, told.interval),
    numbers.length ? el("div", { class: "figures" }, numbers) : null,
    told.plan.length ? course(told.plan) : null,
    warnings(told.warnings),
  ];
}

/** Return a small card of a what-if; `remove` takes it away. */
export function whatIfCard(told, question, remove) {
  const difference = told.probability !== null && told.baseline !== null ? told.probability - told.baseline : null;
  const record = [
    told.support && `${told.support}${told.n === null ? "" : `, ${told.n.toLocaleString("en")} such records`}`,
    told.propensity !== null && `recorded behaviour does so with ${percent(told.propensity)}`,
    told.hours !== null && `about ${hours(told.hours)}`,
    told.wording,
  ].filter(Boolean);
  return el("article", { class: "card", "aria-label": question },
    el("header", {}, el("h3", {}, question),
      el("button", { type: "button", class: "quiet", "aria-label": `Remove: ${question}`, onclick: remove }, "×")),
    el("p", {}, verdict(told.decision)),
    el("p", { class: "number" }, percent(told.probability),
      difference === null ? null : el("span", { class: `gain ${told.decision}` }, points(difference))),
    told.interval && bar(told.probability, told.interval, told.baseline),
    told.interval && el("p", { class: "soft" }, `90 % interval ${between(told.interval)}; ${percent(told.baseline)} without it`),
    told.probability === null ? el("p", {}, told.because) : null,
    told.best_under_it !== null && told.best_under_it !== told.probability
      ? el("p", {}, `the best that it leaves: ${percent(told.best_under_it)}`) : null,
    told.actions.length ? el("details", {}, el("summary", {}, "What is done"), course(told.actions)) : null,
    el("p", { class: "soft" }, record.join("; ")), warnings(told.warnings));
}

/** Return the plan as a card to compare with. */
export function planCard(told, goal) {
  return el("article", { class: "card plan", "aria-label": "As planned" },
    el("header", {}, el("h3", {}, "As planned")), el("p", {}, verdict(told.decision)),
    el("p", { class: "number" }, percent(told.probability)), told.interval && bar(told.probability, told.interval),
    told.interval && el("p", { class: "soft" }, `90 % interval ${between(told.interval)}`),
    el("p", { class: "soft" }, goal));
}

/** Return what a node of the tree stands for: its outcome, which facts change, and what else may come. */
export function branchCard(node, nodes) {
  if (node.parent < 0) {
    return [el("h3", {}, "Now"), el("p", { class: "soft" }, "Walk along a branch to see which facts change."),
      el("p", {}, "P(goal) from here: ", el("b", {}, percent(node.value)))];
  }
  const others = nodes[node.parent].children.filter((one) => one.action === node.action && one !== node);
  return [
    el("h3", {}, node.action, node.chosen && el("span", { class: "tag" }, "on the plan"),
      node.goal && el("span", { class: "tag good" }, "goal")),
    node.changes.length
      ? el("table", {}, el("thead", {}, el("tr", {}, ["fact", "before", "after", "P"].map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, node.changes.map(change)))
      : el("p", {}, "Nothing changes."),
    el("dl", {}, pair("this outcome", percent(node.probability)), pair("reached from now", percent(node.reach)),
      pair("P(goal) from there", node.goal ? "the goal holds" : percent(node.value))),
    others.length ? el("p", { class: "soft" }, "It may also turn out: ",
      others.slice(0, 4).map((one) => `${words(one.changes)} (${percent(one.probability)})`).join("; ")) : null,
  ];
}

/** Return the lines of an explanation; recorded cases stand below the step that they bear out. */
export function explained(text) {
  return text.split("\n").filter((line) => line.trim()).map((line) => {
    const [first, ...cases] = line.split("; case ");
    if (!cases.length) return el("p", {}, line);
    return el("div", { class: "witness" }, el("p", {}, first), el("ul", {}, cases.map((one) => el("li", {}, `case ${one}`))));
  });
}

export function course(actions) {
  return el("ol", { class: "course" }, actions.map((action) => el("li", {}, action)));
}

export function warnings(given) {
  return given.map((text) => el("p", { class: "warning" }, text));
}

export function words(changes) {
  return changes.map((one) => `${one.fact}: ${value(one.before)} → ${value(one.after)}`).join(", ") || "nothing changes";
}

function between([low, high]) {
  return `${percent(low)} to ${percent(high)}`;
}

function change(one) {
  return el("tr", {}, el("th", { scope: "row" }, one.fact), el("td", { class: "was" }, value(one.before)),
    el("td", {}, el("b", {}, value(one.after))), el("td", { class: "n" }, percent(one.probability)));
}

function pair(term, said) {
  return el("div", {}, el("dt", {}, term), el("dd", {}, said));
}

function figure(number, meaning, lead = false) {
  return el("div", { class: lead ? "figure lead" : "figure" }, el("b", {}, number), el("span", {}, meaning));
}
