// Step by step with approval: a session of the server where it keeps some, else a rehearsal with what `predict` says.

import { ask, look } from "./asking.js";
import { el, fill, percent } from "./words.js";

/**
 * Return {begin(told), reset()}: it offers the plan's next step to be approved or rejected. `asked` returns the goal and
 * state that the plan is for, whatever the form says by now; `write` puts a state into the form, `plan(without, from)`
 * plans again without rejected actions, from a goal and state.
 */
export function steps(section, { asked, write, plan, failed }) {
  let rejected = [], log = [], session = null;
  let kept = null; // whether the server keeps sessions: null before it was asked

  async function begin(told) {
    kept ??= (await look("/v1/sessions")) !== null;
    if (session) {
      const end = session.question ? null : `The session ended: ${session.status}. ${session.note ?? ""}`;
      show(session.question, end);
      return;
    }
    if (told.decision !== "act") {
      if (told.decision === "done" && log.length) show(null, "The goal is reached.");
      else section.hidden = true;
      return;
    }
    show({ action: told.action, text: `Shall ${told.action} be done?` });
  }

  function show(question, end = null) {
    const done = log.map((one) => el("li", {}, el("b", {}, one.action), `: ${one.outcome}`));
    const how = kept ? "Kept by the server as a session." : "A rehearsal: nothing is done; the likeliest outcome is assumed.";
    fill(section, el("h2", { id: "steps-head" }, "Step by step"),
      el("p", { class: "soft" }, how),
      done.length ? el("ol", { class: "log" }, done) : null,
      rejected.length ? el("p", { class: "soft" }, `Left out: ${rejected.join(", ")}`) : null,
      end && el("p", { class: "because" }, end),
      question && el("p", { class: "because" }, question.text),
      question && el("div", { class: "row" },
        el("button", { type: "button", class: "main", id: "approve", onclick: () => decided(question, true) }, "Approve"),
        el("button", { type: "button", id: "reject", onclick: () => decided(question, false) }, "Reject")));
  }

  async function decided(question, approve) {
    for (const button of section.querySelectorAll("button")) button.disabled = true;
    try {
      if (kept) await answered(question, approve);
      else if (approve) await rehearsed(question.action);
      else await plan(rejected = [...rejected, question.action], asked());
    } catch (error) {
      if (!approve) rejected = rejected.filter((action) => action !== question.action);
      failed(error);
      show(question);
    }
    section.querySelector("#approve")?.focus();
  }

  async function rehearsed(action) {
    const facts = { ...asked().state };
    const told = await ask("predict", { state: facts, action });
    const likeliest = told.actions[0]?.outcomes[0];
    if (!likeliest) throw new Error(told.because);
    for (const [fact, after] of Object.entries(likeliest.facts)) {
      if (after === null) delete facts[fact];
      else facts[fact] = after;
    }
    write(facts);
    log.push({ action, outcome: `${likeliest.changes.join(", ") || "nothing changes"} (${percent(likeliest.probability)})` });
    if (likeliest.ends_the_case) show(null, "The case ends here.");
    else await plan(rejected, { goal: asked().goal, state: facts });
  }

  async function answered(question, approve) {
    session ??= await ask("sessions", { goal: asked().goal, state: asked().state });
    const same = session.question?.action === question.action; // what was not seen is not agreed to
    if (session.question && (same || !approve)) {
      session = await ask(`sessions/${encodeURIComponent(session.id)}/answer`, { approve, to: session.question.id });
    }
    log = session.steps.map((one) => ({ action: one.action, outcome: one.error ?? (one.changes.join(", ") || "nothing changes") }));
    write(session.facts);
    await plan([], { goal: session.goal, state: session.facts });
  }

  function reset() {
    [rejected, log, session] = [[], [], null];
    section.hidden = true;
  }

  return { begin, reset };
}
