// What-ifs beside the plan: say one change, see it as a card. Knows how changes are said, not how they are answered.

import { planCard, whatIfCard } from "./cards.js";
import { announce, choice, el, field, fill, percent, value } from "./words.js";

/** The changes that a world model is asked about: what is said, which parts it has, the question's part, its words. */
export const WORLD = {
  do: { text: "do this now", parts: ["first"], make: ({ first }) => ({ do: [first] }), words: (p) => `Do ${p.first} now` },
  skip: { text: "leave this out", parts: ["first"], make: ({ first }) => ({ skip: [first] }), words: (p) => `Without ${p.first}` },
  insert: { text: "do this too", parts: ["first"], make: ({ first }) => ({ insert: first }), words: (p) => `With ${p.first} too` },
  replace: {
    text: "do another thing instead", parts: ["first", "second"], make: (p) => ({ replace: [p.first, p.second] }),
    words: (p) => `${p.second} instead of ${p.first}`,
  },
  swap: {
    text: "exchange two steps", parts: ["first", "second"], make: (p) => ({ swap: [p.first, p.second] }),
    words: (p) => `${p.first} and ${p.second} exchanged`,
  },
  delay: {
    text: "do this later", parts: ["first", "hours"], make: (p) => ({ delay: { action: p.first, hours: p.hours } }),
    words: (p) => `${p.first} ${p.hours} h later`,
  },
  after: {
    text: "do this after another", parts: ["first", "second"],
    make: (p) => ({ delay: { action: p.first, after: p.second } }), words: (p) => `${p.first} only after ${p.second}`,
  },
  facts: {
    text: "change a fact", parts: ["fact", "value"],
    make: (p) => ({ facts: { [p.fact]: JSON.parse(p.value) } }), words: (p) => `Were ${p.fact} ${value(JSON.parse(p.value))}`,
  },
  policy: {
    text: "follow a rule", parts: ["words"], make: (p) => ({ policy: p.words }), words: (p) => p.words,
    hint: "ACTION whenever CONDITION; otherwise as planned",
  },
};

/** The changes that the cases of an event log are asked about. */
export const CASES = {
  do: { ...WORLD.do, make: ({ first }) => ({ do: first }) },
  skip: {
    ...WORLD.skip, text: "the next event is not this", make: ({ first }) => ({ skip: first }), words: (p) => `Next is not ${p.first}`,
  },
  insert: {
    text: "had this come, too", parts: ["first", "place"],
    make: (p) => ({ insert: { activity: p.first, place: p.place } }), words: (p) => `With ${p.first} after event ${p.place}`,
  },
  swap: WORLD.swap,
  wait: { text: "decide nothing for a while", parts: ["hours"], make: (p) => ({ wait: p.hours }), words: (p) => `Wait ${p.hours} h` },
};

/**
 * Return {begin(plan, goal), ids()}. `asked(change)` answers a what-if; the cards show it beside the plan. `note` says what
 * is compared.
 */
export function whatIfs(section, { kinds, actions, facts, note, asked, failed }) {
  const names = actions.map((name) => [name, name]);
  const controls = {
    first: choice("what-first", names),
    second: choice("what-second", names),
    hours: el("input", { id: "what-hours", type: "number", min: 0.1, step: "any", value: 24, required: true }),
    place: el("input", { id: "what-place", type: "number", min: 1, step: 1, value: 1, required: true }),
    fact: choice("what-fact", Object.keys(facts).map((name) => [name, name]), { onchange: valued }),
    value: choice("what-value", []),
    words: el("input", { id: "what-words", type: "text", maxlength: 500, required: true }),
  };
  const labels = {
    first: "what", second: "and", hours: "hours", place: "after event", fact: "fact", value: "value", words: "rule",
  };
  const kind = choice("what-kind", Object.entries(kinds).map(([name, one]) => [one.text, name]), { onchange: offered });
  const fields = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, field(labels[name], control)]));
  const button = el("button", { class: "main" }, "Compare");
  const form = el("form", { class: "row", "aria-label": "A what-if", onsubmit: compare },
    field("What if we …", kind), Object.values(fields), button);
  const cards = el("div", { class: "cards" });
  let plan = null, kept = [];

  function valued() {
    const known = facts[controls.fact.value] ?? [];
    controls.value.replaceChildren(...known.map((one) => el("option", { value: JSON.stringify(one) }, value(one))));
  }

  function offered() {
    const chosen = kinds[kind.value];
    for (const [name, part] of Object.entries(fields)) {
      part.hidden = !chosen.parts.includes(name);
      controls[name].disabled = part.hidden; // what is hidden is not asked for
    }
    controls.words.placeholder = chosen.hint ?? "";
  }

  async function compare(event) {
    event.preventDefault();
    const chosen = kinds[kind.value];
    const parts = Object.fromEntries(chosen.parts.map((name) => {
      const control = controls[name];
      return [name, control.type === "number" ? Number(control.value) : control.value];
    }));
    button.disabled = true;
    try {
      const told = await asked(chosen.make(parts));
      kept = [...kept.filter((one) => one.told.id !== told.id), { told, words: chosen.words(parts) }];
      draw();
      announce(`${chosen.words(parts)}: ${percent(told.probability)}; ${told.because}`);
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
    }
  }

  function draw() {
    const made = kept.map(({ told, words }) => whatIfCard(told, words, () => {
      kept = kept.filter((one) => one.told.id !== told.id);
      draw();
      kind.focus();
    }));
    cards.replaceChildren(planCard(plan.told, plan.goal), ...made);
  }

  valued();
  offered();
  return {
    begin(told, goal) {
      plan = { told, goal };
      kept = [];
      if (told.plan.length && names.some(([name]) => name === told.plan[0])) controls.first.value = told.plan[0];
      fill(section, el("h2", { id: "whatifs-head" }, "What if?"), note && el("p", { class: "soft" }, note), form, cards);
      draw();
    },
    ids: () => kept.map((one) => one.told).filter((told) => told.probability !== null).map((told) => told.id),
  };
}
