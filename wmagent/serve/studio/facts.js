// Where things stand: every fact with its known values, a recorded beginning, or JSON. Knows no plan.

import { choice, el, field, fill, value } from "./words.js";

const ABSENT = "";

/** Return the form part and its state: {node, read(), write(facts)}. Values keep their types as JSON in the options. */
export function factsForm(known, starts) {
  const selects = new Map();
  const rows = Object.entries(known).map(([name, values], i) => {
    const options = [["(none)", ABSENT], ...values.map((one) => [value(one), JSON.stringify(one)])];
    const select = choice(`fact-${i}`, options, { onchange: shown });
    selects.set(name, select);
    return el("div", { class: "fact" }, el("label", { for: select.id }, name), select);
  });
  let others = {}; // facts that the model does not know: they are sent as they are, and it says so
  const text = el("textarea", { id: "json", rows: 8, spellcheck: "false", "aria-describedby": "json-wrong" });
  const wrong = el("p", { id: "json-wrong", class: "trouble", role: "alert", hidden: true });
  const begin = choice("start", starts.map((_, i) => [`recorded case ${i + 1}`, i]), {
    onchange: () => write(starts[Number(begin.value)]),
  });

  function read() {
    const facts = { ...others };
    for (const [name, select] of selects) if (select.value !== ABSENT) facts[name] = JSON.parse(select.value);
    return facts;
  }

  function write(facts) {
    others = {};
    for (const select of selects.values()) select.value = ABSENT;
    for (const [name, one] of Object.entries(facts)) {
      const select = selects.get(name);
      if (!select) {
        others[name] = one;
        continue;
      }
      const coded = JSON.stringify(one);
      if (![...select.options].some((option) => option.value === coded)) {
        select.append(el("option", { value: coded }, value(one)));
      }
      select.value = coded;
    }
    shown();
  }

  function shown() {
    text.value = JSON.stringify(read(), null, 2);
    wrong.hidden = true;
  }

  function take() {
    try {
      const given = JSON.parse(text.value);
      if (given === null || typeof given !== "object" || Array.isArray(given)) throw new Error("write {\"fact\": value, …}");
      write(given);
    } catch (error) {
      fill(wrong, `This JSON cannot be read: ${error.message}`);
    }
  }

  const json = el("details", {}, el("summary", {}, "As JSON"), el("label", { for: "json", class: "unseen" }, "Facts as JSON"),
    text, wrong, el("button", { type: "button", onclick: take }, "Use this JSON"));
  const node = el("fieldset", {}, el("legend", {}, "Where things stand"),
    starts.length ? field("Begin with", begin) : null, el("div", { class: "facts" }, rows), json);
  if (starts.length) write(starts[0]);
  else shown();
  return { node, read, write };
}
