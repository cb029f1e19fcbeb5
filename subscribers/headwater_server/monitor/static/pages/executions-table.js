// Executions as rows.
import { clock, day, duration, shortId } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../router.js";
import { stateBadge } from "../view/icons.js";

const row = (execution, brief) => html`
  <tr>
    <td><a class="mono" href=${link("executions", execution.id)} title=${execution.id}>${shortId(execution.id)}</a></td>
    ${!brief && html`<td><a href=${link("pipelines", execution.pipeline)}>${execution.pipeline}</a></td>`}
    <td>${stateBadge(execution.state)}
      ${!brief && execution.error ? html`<p class="muted error-line">${execution.error.message}</p>` : null}</td>
    <td class="number">${duration(execution.duration_s)}</td>
    ${!brief && html`<td class="number only-wide">${execution.last_seq}</td>`}
    <td class=${`number ${brief ? "only-wide" : ""}`}>
      ${day(execution.created) !== "today" ? html`<span class="muted">${day(execution.created)} </span>` : null}
      ${clock(execution.created)}</td>
  </tr>`;

export const executionsTable = (executions, { brief = false } = {}) => html`
  <table class="table">
    <thead>
      <tr>
        <th>Execution</th>
        ${!brief && html`<th>Pipeline</th>`}
        <th>State</th>
        <th class="number">Took</th>
        ${!brief && html`<th class="number only-wide">Events</th>`}
        <th class=${`number ${brief ? "only-wide" : ""}`}>Started</th>
      </tr>
    </thead>
    <tbody>${executions.map((execution) => row(execution, brief))}</tbody>
  </table>`;
