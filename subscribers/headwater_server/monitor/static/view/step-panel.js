// What there is to know about one step: its counts, its time, its failures, its messages and some of its items.
import { busyShare, elapsedOf, perSecond } from "../data/step-state.js";
import { count, duration, line, offset, percent, rate } from "../lib/format.js";
import { html } from "../lib/html.js";
import { icon, stateBadge } from "./icons.js";

const MOST_SHOWN = 20;
const MOST_EVENTS = 2000; // that are looked through each time something new is drawn

const fact = (name, value) => (value === "" || value == null ? null : html`<div><dt>${name}</dt><dd>${value}</dd></div>`);

function facts(step, nowS) {
  const aside = Object.entries(step.itemsAside).filter(([, items]) => items);
  const elapsedS = elapsedOf(step, nowS);
  return html`
    <dl class="facts">
      ${fact("Read", step.itemsIn === 0 && !step.sources.length ? "" : count(step.itemsIn))}
      ${fact("Written", count(step.itemsOut))}
      ${aside.map(([name, items]) => fact(`To ${name}`, count(items)))}
      ${fact("Rate", step.itemsIn == null && step.itemsOut == null ? "" : rate(perSecond(step, nowS)))}
      ${fact("Time", duration(elapsedS))}
      ${fact("First item", step.firstItemS !== null && step.startedS !== null ? `after ${duration(step.firstItemS - step.startedS)}` : "")}
      ${fact("Progress", percent(step.fraction))}
      ${fact("Attempt", step.attempt > 1 ? step.attempt : "")}
      ${fact("Runs", step.runs > 1 ? `${count(step.runs)}${step.running ? `, ${step.running} now` : ""}` : "")}
      ${Object.entries(step.result?.policies ?? {}).map(([name, times]) => fact(name.replaceAll("_", " "), count(times)))}
    </dl>`;
}

/** How the time of the step was spent: work, waiting for input, waiting for its readers. */
function timeShares(step, nowS) {
  const elapsedS = elapsedOf(step, nowS);
  const busy = busyShare(step, nowS);
  if (busy === null || !elapsedS) return null;
  const output = Math.min(step.outputWaitS / elapsedS, 1 - busy);
  const parts = [["works", busy, "working"], ["waits-input", 1 - busy - output, "waiting for input"], ["waits-output", output, "waiting for its readers"]];
  return html`
    <div class="shares">
      <div class="shares-bar" role="img" aria-label=${parts.map(([, share, name]) => `${percent(share)} ${name}`).join(", ")}>
        ${parts.map(([name, share]) => html`<i class=${name} style=${{ width: `${share * 100}%` }}></i>`)}
      </div>
      <ul class="shares-legend">
        ${parts.filter(([, share]) => share >= 0.005).map(([name, share, label]) => html`
          <li><i class=${name}></i>${percent(share)} ${label}</li>`)}
      </ul>
    </div>`;
}

/** The error of a step with the errors that led to it, which only the end of the execution has. */
export function errorChain(failure, execution, stepId, onChoose) {
  const { end } = execution;
  const causes = end?.step_id === stepId ? end?.error?.causes ?? [] : [];
  if (failure.cause_step_id !== null) {
    return html`
      <div class="notice warning">${icon("stopped", "is-stopped")}
        <p class="grow">Stopped, as step <button type="button" class="link" onClick=${() => onChoose(failure.cause_step_id)}>
          ${failure.cause_step_id}</button> failed.</p>
      </div>`;
  }
  const isOver = ["done", "running"].includes(execution.steps.get(stepId)?.state); // others of its runs went on
  // The first cause is the error of the step itself.
  const rest = causes[0]?.type === failure.error_type ? causes.slice(1) : causes;
  return html`
    <div class=${`notice ${isOver ? "warning" : "bad"}`}>${icon(isOver ? "warning" : "failed", isOver ? "is-stopped" : "is-failed")}
      <div class="grow">
        ${isOver && html`<p>At least one of its runs failed.</p>`}
        <p><strong>${failure.error_type}</strong></p>
        <p class="message">${failure.message}</p>
        ${rest.length ? html`
          <ol class="causes" aria-label="Causes">
            ${rest.map((cause) => html`<li><span class="muted">caused by</span> <strong>${cause.type}</strong>: ${cause.message}</li>`)}
          </ol>` : null}
      </div>
    </div>`;
}

const section = (title, content) => html`<section class="part"><h3>${title}</h3>${content}</section>`;

function retriesOf(events, startS) {
  const retries = events.filter((event) => event.event_type === "step_retry");
  if (!retries.length) return null;
  return section(`Retries: ${retries.length}`, html`
    <ul class="log">
      ${retries.slice(-MOST_SHOWN).map(({ timeS, data }) => html`
        <li><time>${offset(timeS - startS)}</time><span class="grow">${data.index === null ? "" : `item ${count(data.index)}: `}
          ${data.error_type}: ${data.message}</span></li>`)}
    </ul>`);
}

function messagesOf(events, startS) {
  let last = "";
  const said = events.filter(({ event_type: type, data }) => {
    const message = type === "step_progress" ? data?.message : type === "step_skipped" ? data?.reason : "";
    const isNew = Boolean(message) && message !== last;
    last = message || last;
    return isNew;
  });
  if (!said.length) return null;
  return section("Messages", html`
    <ul class="log">
      ${said.slice(-MOST_SHOWN).map(({ timeS, data }) => html`
        <li><time>${offset(timeS - startS)}</time><span class="grow">${data.message ?? data.reason}</span></li>`)}
    </ul>`);
}

function itemsOf(events) {
  const items = events.filter((event) => event.event_type === "step_output" && event.data !== null);
  if (!items.length) return null;
  const shown = items.slice(-MOST_SHOWN).reverse();
  const port = ({ data }) => (data.port === "out" || data.port === "output" ? "" : `${data.port} `);
  return section(items.length > MOST_SHOWN ? `The last ${MOST_SHOWN} items shown` : "Items shown", html`
    <ul class="log items">
      ${shown.map((event) => html`
        <li><time>${port(event)}${count(event.data.index)}</time>
          <details class="grow"><summary class="cut mono">${line(event.data.value)}</summary>
            <pre>${typeof event.data.value === "string" ? event.data.value : JSON.stringify(event.data.value, null, 2)}</pre>
            ${event.data.truncated && html`<p class="muted">Cut; the whole item has ${count(event.data.size_bytes) || "more"} bytes.</p>`}
          </details></li>`)}
    </ul>`);
}

export const StepPanel = {
  props: ["store", "stepId", "onChoose"],
  setup: (props) => () => {
    const { store, stepId } = props;
    void store.version.value;
    const execution = store.state.value;
    const step = execution.steps.get(stepId);
    if (step === undefined) return null;
    const events = store.recording.ofStep(stepId, store.shown.value, { most: MOST_EVENTS });
    const nowS = store.nowS.value;
    return html`
      <div class="step-panel">
        <header>
          <div class="row">
            <h2 class="grow cut" title=${stepId}>${stepId}</h2>${stateBadge(step.state)}
            <button type="button" class="button small icon-only quiet" title="Show the overview" aria-label="Show the overview"
              onClick=${() => props.onChoose(null)}>${icon("close")}</button>
          </div>
          <p class="muted mono cut">${step.kind}</p>
        </header>
        ${step.failure && errorChain(step.failure, execution, stepId, props.onChoose)}
        ${step.skipReason && html`<div class="notice">${icon("skipped")}<p>Skipped: ${step.skipReason}</p></div>`}
        ${step.fraction !== null && step.state === "running" && html`
          <progress class="progress" max="1" value=${step.fraction} aria-label="Progress of the step"></progress>`}
        ${facts(step, nowS)}
        ${timeShares(step, nowS)}
        ${retriesOf(events, execution.startedS)}
        ${messagesOf(events, execution.startedS)}
        ${itemsOf(events)}
      </div>`;
  },
};
