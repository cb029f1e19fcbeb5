// One pipeline: the form that runs it, its graph, its document and its executions.
import { RunForm } from "../forms/run-form.js";
import { html } from "../lib/html.js";
import { loading } from "../lib/loading.js";
import { go, link, route } from "../router.js";
import { api } from "../session.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";
import { GraphView } from "../view/graph-view.js";
import { executionsTable } from "./executions-table.js";
import { errorNotice, problemList } from "./problem-list.js";

const RELOAD_MS = 3000;

/** The parameters in the address, which "run again" puts there. */
function givenParameters() {
  try {
    return JSON.parse(route.value.query.get("parameters") ?? "{}");
  } catch {
    return {};
  }
}

export const PipelinePage = {
  props: ["name"],
  setup({ name }) {
    document.title = `${name} · Headwater`;
    const pipeline = loading(() => api.pipeline(name));
    const recent = loading(() => api.executions({ pipeline: name, limit: 8 }), RELOAD_MS);
    const parameters = givenParameters();

    return () => {
      const { data, error } = pipeline;
      return html`
        <div class="head">
          <div class="grow">
            <p class="crumbs"><a href=${link("pipelines")}>Pipelines</a></p>
            <h1>${name}</h1>
            <p class="about">${data?.description}</p>
          </div>
        </div>
        ${error && errorNotice(error)}
        ${data && html`
          ${data.problems.length ? problemList(data.problems) : null}
          <div class="grid-two">
            <div class="panel">
              ${data.state === "ready" && html`
                <section class="section" aria-label="Run">
                  ${h(RunForm, { pipeline: data, parameters, onStarted: (execution) => go("executions", execution.id) })}
                </section>`}
              <section class="section" aria-labelledby="recent">
                <h2 id="recent">Executions</h2>
                ${recent.data?.executions.length
                  ? executionsTable(recent.data.executions, { brief: true })
                  : html`<p class="muted">There are none yet.</p>`}
              </section>
            </div>
            <div class="panel">
              ${data.drawing && html`
                <section aria-label="Graph" class="graph-frame">${h(GraphView, { drawing: data.drawing })}</section>`}
              <details class="section">
                <summary>Document</summary>
                <pre class="scrolls">${JSON.stringify(data.document, null, 2)}</pre>
              </details>
            </div>
          </div>`}`;
    };
  },
};
