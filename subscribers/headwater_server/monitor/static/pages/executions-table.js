// Executions as rows.
import { clock, count, day, duration, shortId } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../router.js";
import { stateBadge } from "../view/icons.js";

const row = (execution, brief) => html`
  <tr>
    <td>
      <a class=${brief ? "mono" : "name"} href=${link("executions", execution.id)} title=${execution.id}>
        ${brief ? shortId(execution.id) : execution.pipeline}</a>
      ${!brief && html`<p class="muted mono">${shortId(execution.id)}</p>`}
    </td>
    <td>${stateBadge(execution.state)}
      ${!brief && execution.error ? html`<p class="muted error-line">${execution.error.message}</p>` : null}</td>
    <td class="number">${duration(execution.duration_s)}</td>
    ${!brief && html`<td class="number only-wide">${count(execution.last_seq)}</td>`}
    <td class="number only-wide">
      ${day(execution.created) !== "today" ? html`<span class="muted">${day(execution.created)} </span>` : null}
      ${clock(execution.created)}</td>
  </tr>`;

export const executionsTable = (executions, { brief = false } = {}) => html`
  <table class="table">
    <thead>
      <tr>
        <th>Execution</th>
        <th>State</th>
        <th class="number">Took</th>
        ${!brief && html`<th class="number only-wide">Events</th>`}
        <th class="number only-wide">Started</th>
      </tr>
    </thead>
    <tbody>${executions.map((execution) => row(execution, brief))}</tbody>
  </table>`;
