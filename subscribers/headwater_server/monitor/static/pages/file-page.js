// A file of events, which was dropped on the page or chosen, as a replay.
import { eventsOfLines } from "../data/recording.js";
import { html } from "../lib/html.js";
import { h, shallowReactive } from "../vendor/vue.runtime.esm-browser.prod.js";
import { ExecutionView } from "../view/execution-view.js";
import { icon } from "../view/icons.js";
import { errorNotice } from "./problem-list.js";

const opened = shallowReactive({ name: "", executions: null, chosen: "", error: null, number: 0 });

export async function openFile(file) {
  opened.number += 1;
  opened.name = file.name;
  opened.executions = opened.error = null;
  try {
    opened.executions = Map.groupBy(eventsOfLines(await file.text()), (event) => event.execution_id);
    opened.chosen = [...opened.executions.keys()].at(-1);
  } catch (error) {
    opened.error = error;
  }
}

export const FilePage = {
  setup() {
    document.title = "Events of a file · Headwater";
    const chooser = html`
      <label class="button">${icon("upload")}Choose a file
        <input class="hidden" type="file" accept=".jsonl,.json,.ndjson" onChange=${(event) => openFile(event.target.files[0])} />
      </label>`;
    return () => html`
      ${opened.error && errorNotice(new Error(`${opened.name}: ${opened.error.message}`))}
      ${opened.executions?.size > 1 && html`
        <p class="head">
          <label class="row">The file has ${opened.executions.size} executions:
            <select class="field" value=${opened.chosen} onChange=${(event) => (opened.chosen = event.target.value)}>
              ${[...opened.executions.keys()].map((id) => html`<option value=${id}>${id}</option>`)}
            </select></label>
        </p>`}
      ${opened.executions
        ? h(ExecutionView, {
            key: `${opened.number} ${opened.chosen}`, events: opened.executions.get(opened.chosen), source: opened.name,
            heading: 1,
          })
        : html`
          <div class="panel empty tall">
            <h1>Replay a file of events</h1>
            <p>Drop a file of events anywhere on this page. It is read in the browser, and sent nowhere.</p>
            <p><code>headwater run pipeline.json --events run.jsonl</code> writes one.</p>
            <p>${chooser}</p>
          </div>`}`;
  },
};
