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
    });
    const older = shallowReactive({ executions: [], next: undefined, error: null }); // pages below the first one
    const query = () => Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
    const list = loading(() => api.executions(query()), RELOAD_MS);
    const names = loading(async () => (await api.pipelines()).map(({ name }) => name));
    watch(filters, () => {
      replaceQuery({ ...filters });
      Object.assign(older, { executions: [], next: undefined });
      void list.reload();
    });

    /** All that was loaded, newest first; what was on a later page may have moved. */
    const all = () => [...new Map([...older.executions, ...list.data.executions].map((each) => [each.id, each])).values()]
      .sort((one, other) => other.created.localeCompare(one.created));
    async function showMore() {
      try {
        const page = await api.executions({ ...query(), before: all().at(-1).id });
        Object.assign(older, { executions: [...older.executions, ...page.executions], next: page.next, error: null });
      } catch (error) {
        older.error = error;
      }
    }

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
      ${list.error && errorNotice(list.error)}${older.error && errorNotice(older.error)}
      ${list.data && html`
        <div class="panel scrolls">
          ${list.data.executions.length
            ? executionsTable(all())
            : html`<p class="empty">No execution matches. Start one from <a href="#/pipelines">a pipeline</a>.</p>`}
        </div>
        ${(older.next === undefined ? list.data.next : older.next) && html`
          <p class="empty"><button type="button" class="button" onClick=${showMore}>Show more</button></p>`}`}`;
  },
};
