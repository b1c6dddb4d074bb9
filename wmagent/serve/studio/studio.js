// The page: asks what the model knows, builds the form, and shows what is answered. Knows the parts by name.

import { Refused, ask, file, look, stream } from "./asking.js";
import { branchCard, decisionCard, explained, thinkingCard } from "./cards.js";
import { caseForm, forecast } from "./cases.js";
import { factsForm } from "./facts.js";
import { steps } from "./steps.js";
import { futures } from "./tree.js";
import { CASES, WORLD, whatIfs } from "./whatif.js";
import { announce, el, field, fill, percent } from "./words.js";

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const PACE = 550; // milliseconds a tree is shown before the next, so that it can be seen to grow
const COMPARED = "A change is compared with the plan as it stands, followed whatever happens. The plan itself is made anew "
  + "at every step, so its P(goal) may be higher.";
const PARTS = [["evidence", "Recorded cases"], ["steps", "Steps in words"], ["alternatives", "Rejected courses"],
  ["contingencies", "If it turns out differently"]];

async function begin() {
  const world = await ask("describe_world", {});
  const examples = (await look("/v1/documents/examples")) ?? {};
  fill(at("about"), `${world.kind === "event log" ? "A process model" : "A world model"}, learned from ${world.learned_from}.`);
  at("about").title = world.limits;
  if (world.kind === "event log") process(world, examples);
  else imagined(world, examples);
}

/** Build the page of a world model: facts, a goal, a growing tree. */
function imagined(world, examples) {
  const facts = factsForm(world.facts, examples.starts ?? []);
  const goal = el("input", {
    id: "goal", type: "text", required: true, maxlength: 500, autocomplete: "off", "aria-describedby": "goal-hint",
    placeholder: examples.goals?.[0] ?? "",
  });
  const offers = (examples.goals ?? []).map((words) => el("button", {
    type: "button", class: "offer", onclick: () => { goal.value = words; goal.focus(); },
  }, words));
  const hint = el("p", { class: "soft", id: "goal-hint" },
    "In words. A limit may follow: within 10 days, for at most 500, without a hold.");
  const parts = [el("fieldset", {}, el("legend", {}, "Where to get"), el("label", { for: "goal" }, "Goal"), goal, hint,
    offers.length ? el("div", { class: "offers", role: "group", "aria-label": "Examples of goals" }, offers) : null), facts.node];
  const branch = el("div", { class: "branch" });
  const tree = futures((node, nodes) => fill(branch, branchCard(node, nodes)));
  const count = el("p", { class: "soft" });
  let asked = null; // the goal and facts that the shown plan is for

  const compared = whatIfs(at("whatifs"), {
    kinds: WORLD, actions: world.actions, facts: world.facts, failed, note: COMPARED,
    asked: (change) => ask("what_if", { state: asked.state, until: asked.goal, ...change }),
  });
  const stepping = steps(at("steps"), { asked: () => asked, write: facts.write, plan, failed });

  async function plan(without = [], from = { goal: goal.value, state: facts.read() }) {
    const left = world.actions.filter((name) => !without.includes(name));
    if (without.length && (world.actions_left_out || left.length > 50)) {
      throw new Refused("there are too many actions to leave one out here; ask what if it is skipped instead");
    }
    asked = { goal: from.goal, state: from.state, ...(without.length && { actions: left }) };
    fill(at("futures"), el("h2", { id: "futures-head" }, "Imagined futures"), count,
      el("div", { class: "forest" }, tree.node, branch));
    thinking(asked.goal);
    let next = 0, told = null, summary = "";
    await stream("/v1/plan/grow", asked, async (name, data) => {
      if (name === "progress") count.textContent = `${data.imagined.toLocaleString("en")} of at most ${data.of.toLocaleString("en")} steps imagined …`;
      if (name === "answer") told = data;
      if (name !== "tree") return;
      const wait = calm.matches ? 0 : Math.max(0, next - performance.now());
      await new Promise((go) => setTimeout(go, wait));
      next = performance.now() + PACE;
      tree.show(data.nodes, data.probability);
      thinking(asked.goal, data.probability);
      const said = [`${data.imagined.toLocaleString("en")} steps imagined`, `the ${data.nodes.length} likeliest futures`,
        `P(goal) ${percent(data.probability)}`];
      summary = said.join(" · ");
    });
    count.textContent = summary;
    if (!tree.size()) at("futures").hidden = true;
    show(told, asked.goal, compared);
    await stepping.begin(told);
  }

  form(parts, async () => {
    stepping.reset();
    await plan();
  }, "Plan");
}

/** Build the page of a process model: a case and what should become of it. */
function process(world, examples) {
  const cases = caseForm(examples);
  let asked = null;
  const compared = whatIfs(at("whatifs"), {
    kinds: CASES, actions: examples.activities, facts: {}, failed, asked: (change) => ask("what_if", { ...asked, ...change }),
  });
  form([cases.node], async () => {
    asked = cases.question();
    const goal = `reach ${asked.reach ?? "the end"}`;
    thinking(goal);
    await forecast(at("futures"), asked.case);
    show(await ask("plan", asked), goal, compared);
    fill(at("steps"), el("h2", { id: "steps-head" }, "Step by step"), el("p", { class: "soft" },
      "Plans for cases of an event log cannot be stepped through, and have no report. wmagent case plan --json tells all of one."));
  }, "Plan");
}

/** Put the parts into the form, with the button that asks. */
function form(parts, asked, words) {
  const button = el("button", { class: "main" }, words);
  const place = at("ask");
  fill(place, parts, el("div", { class: "go" }, button));
  place.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    at("trouble").hidden = true;
    at("hint").hidden = true;
    announce("Imagining …");
    const results = at("results");
    if (results.getBoundingClientRect().top > innerHeight / 2) results.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth" });
    try {
      await asked();
      const head = at("decision-head");
      if (head && place.contains(document.activeElement)) head.focus({ preventScroll: true }); // go on reading there
    } catch (error) {
      failed(error);
    } finally {
      button.disabled = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) place.requestSubmit();
  });
}

/** Say that it is being thought; what was answered before is no answer to this. */
function thinking(goal, p) {
  fill(at("decision"), thinkingCard(goal, p)).setAttribute("aria-busy", "true");
  for (const id of ["whatifs", "evidence", "steps"]) at(id).setAttribute("inert", "");
}

/** Show a decision with what can be asked about it. */
function show(told, goal, compared) {
  const download = el("button", { type: "button", onclick: () => downloaded(told, compared).catch(failed) }, "Download the report");
  idle();
  fill(at("decision"), decisionCard(told), told.interval && at("ask").querySelector("#goal") ? download : null);
  announce(`${told.decision}${told.action ? `: ${told.action}` : ""}. ${told.because}`);
  if (told.interval) {
    compared.begin(told, goal);
    evidence(told);
  } else {
    at("whatifs").hidden = at("evidence").hidden = true;
  }
}

function idle() {
  at("decision").removeAttribute("aria-busy");
  for (const id of ["whatifs", "evidence", "steps"]) at(id).removeAttribute("inert");
}

/** Offer what stands behind a decision; it is asked for when it is opened. */
function evidence(told) {
  const said = el("div", { class: "said", "aria-live": "polite" });
  const radios = PARTS.map(([name, words], i) => el("label", {},
    el("input", { type: "radio", name: "part", value: name, checked: i === 0, onchange: () => tell(name) }), el("span", {}, words)));
  const choices = el("fieldset", { class: "tabs" }, el("legend", { class: "unseen" }, "What to read"), radios);
  async function tell(about) {
    try {
      fill(said, explained((await ask("explain", { id: told.id, about })).text));
    } catch (error) {
      failed(error);
    }
  }
  const simple = !at("ask").querySelector("#goal"); // cases have one kind of evidence only
  fill(at("evidence"), el("h2", { id: "evidence-head" }, "Why?"), simple ? null : choices, said);
  tell(simple ? "all" : "evidence");
}

async function downloaded(told, compared) {
  const beside = compared.ids().map((id) => `what_if=${encodeURIComponent(id)}`).join("&");
  const link = URL.createObjectURL(await file(`/v1/report/${encodeURIComponent(told.id)}?${beside}`));
  el("a", { href: link, download: "plan.html" }).click();
  setTimeout(() => URL.revokeObjectURL(link), 60_000);
  announce("The report is downloaded.");
}

function failed(error) {
  if (at("decision").hasAttribute("aria-busy")) {
    idle();
    for (const id of ["decision", "futures", "whatifs", "evidence", "steps"]) at(id).hidden = true;
  }
  fill(at("trouble"), error.message);
  at("trouble").scrollIntoView({ block: "nearest" });
  if (!(error instanceof Refused)) throw error;
}

// what went wrong with the last question is no longer true of the next
document.addEventListener("click", (event) => {
  if (event.target.closest("button")) at("trouble").hidden = true;
}, true);
begin().catch(failed);
