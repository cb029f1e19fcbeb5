// The executions of the caller, newest first.
import { html } from "../lib/html.js";
import { loading } from "../lib/loading.js";
import { replaceQuery, route } from "../router.js";
import { api } from "../session.js";
import { shallowReactive, watch } from "../vendor/vue.runtime.esm-browser.prod.js";
import { executionsTable } from "./executions-table.js";
import { errorNotice } from "./problem-list.js";

const RELOAD_MS = 2000;
const STATES = ["running", "completed", "failed", "cancelled"];

export const ExecutionsPage = {
  setup() {
    document.title = "Executions · Headwater";
    const filters = shallowReactive({
      pipeline: route.value.query.get("pipeline") ?? "",
      state: route.value.query.get("state") ?? "",
      limit: 50,
    });
    const query = () => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
    const list = loading(() => api.executions(query()), RELOAD_MS);
    const names = loading(async () => (await api.pipelines()).map(({ name }) => name));
    watch(filters, () => {
      replaceQuery({ pipeline: filters.pipeline, state: filters.state });
      void list.reload();
    });

    const choice = (name, label, values) => html`
      <select class="field" aria-label=${label} value=${filters[name]}
        onChange=${(event) => (filters[name] = event.target.value)}>
        <option value="">${label}</option>
        ${values.map((value) => html`<option value=${value}>${value}</option>`)}
      </select>`;

    return () => html`
      <div class="head">
        <div class="grow"><h1>Executions</h1></div>
        ${choice("pipeline", "All pipelines", names.data ?? [])}
        ${choice("state", "All states", STATES)}
      </div>
      ${list.error && errorNotice(list.error)}
      ${list.data && html`
        <div class="panel scrolls">
          ${list.data.executions.length
            ? executionsTable(list.data.executions)
            : html`<p class="empty">No execution matches. Start one from <a href="#/pipelines">a pipeline</a>.</p>`}
        </div>
        ${list.data.next && html`
          <p class="empty"><button class="button" onClick=${() => (filters.limit += 50)}>Show more</button></p>`}`}`;
  },
};
