// The form for models of event logs: a case, what should become of it, what comes next. Knows no tree.

import { ask } from "./asking.js";
import { bar, choice, el, field, fill, hours, percent } from "./words.js";

/** Return {node, question()} for a log's cases. */
export function caseForm(examples) {
  const known = examples.cases;
  const list = el("datalist", { id: "case-list" }, known.map((one) => el("option", { value: one.case })));
  const input = el("input", {
    id: "case", list: "case-list", required: true, maxlength: 300, autocomplete: "off", value: known[0]?.case ?? "",
    oninput: told,
  });
  const about = el("p", { class: "soft", role: "status" });
  const reach = choice("reach", [["the end of the case", ""], ...examples.activities.map((name) => [name, name])]);
  const within = el("input", { id: "within", type: "number", min: 0.1, step: "any" });
  const after = el("input", { id: "after", type: "number", min: 1, step: 1 });

  function told() {
    const one = known.find((other) => other.case === input.value);
    about.textContent = one ? `${one.events} events, ${one.over ? "over" : "open"}` : "";
  }

  function question() {
    return {
      case: input.value,
      ...(reach.value && { reach: reach.value }),
      ...(within.value && { within: Number(within.value) }),
      ...(after.value && { after: Number(after.value) }),
    };
  }

  told();
  const node = el("fieldset", {}, el("legend", {}, "Which case"), field("Case", input), list, about,
    field("Reach", reach), field("Within hours", within, "empty: whenever"),
    field("As after so many events", after, "empty: all of them"));
  return { node, question };
}

/** Show what comes next in a case. */
export async function forecast(section, id) {
  const told = await ask("predict", { case: id });
  const rows = told.next.map(([name, p]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, bar(p, null)),
    el("td", { class: "n" }, percent(p))));
  const left = told.remaining_hours;
  fill(section, el("h2", { id: "futures-head" }, "What comes next"), el("p", {}, told.because),
    rows.length ? el("table", {}, el("thead", {}, el("tr", {}, ["next", "", "P"].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows)) : null,
    told.likely.length ? el("p", { class: "soft" }, `in 90 % of cases one of: ${told.likely.join(", ")}`) : null,
    left ? el("p", {}, `It remains ${hours(left[1])}, in 80 % of cases ${hours(left[0])} to ${hours(left[2])}.`) : null);
}
