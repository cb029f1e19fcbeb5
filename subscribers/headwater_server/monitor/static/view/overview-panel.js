// The execution as a whole, in the place of a step while none is chosen.
import { bottleneckOf, leftOf } from "../data/estimates.js";
import { clock, count, day, duration } from "../lib/format.js";
import { html } from "../lib/html.js";
import { stateBadge } from "./icons.js";

const STATES = ["running", "done", "failed", "stopped", "skipped", "waiting"];

/** How many steps are in each state. */
function tallies(execution) {
  const counts = new Map();
  for (const { state } of execution.steps.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return STATES.filter((state) => counts.has(state)).map((state) => html`
    <li>${stateBadge(state)} ${count(counts.get(state))}</li>`);
}

export const OverviewPanel = {
  props: ["store", "form", "onChoose"],
  setup: (props) => () => {
    const { store, form } = props;
    void store.version.value;
    const execution = store.state.value;
    const nowS = store.nowS.value;
    const bottleneck = bottleneckOf(execution, nowS);
    const leftS = leftOf(execution, nowS);
    const parameters = Object.entries(form?.parameters ?? {});
    return html`
      <div class="step-panel">
        <header><h2>Overview</h2>
          ${form && html`<p class="muted">Started ${day(form.created)} at ${clock(form.created)}</p>`}</header>
        <ul class="tallies" aria-label="Steps by state">${tallies(execution)}</ul>
        ${leftS !== null && html`<p>About ${duration(leftS)} left.</p>`}
        ${bottleneck !== null && html`
          <p>Other steps wait for <button type="button" class="link" onClick=${() => props.onChoose(bottleneck)}>${bottleneck}</button>.</p>`}
        ${parameters.length ? html`
          <section class="part"><h3>Parameters</h3>
            <dl class="parameters">${parameters.map(([name, value]) => html`
              <dt>${name}</dt><dd class="mono">${typeof value === "string" ? value : JSON.stringify(value)}</dd>`)}</dl></section>` : null}
        <p class="muted">Choose a step to see its counts, items and errors.</p>
      </div>`;
  },
};
