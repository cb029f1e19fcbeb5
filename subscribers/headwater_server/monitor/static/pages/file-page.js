// A file of events, which was dropped on the page or chosen, as a replay.
import { eventsOfLines } from "../data/recording.js";
import { html } from "../lib/html.js";
import { h, shallowReactive } from "../vendor/vue.runtime.esm-browser.prod.js";
import { ExecutionView } from "../view/execution-view.js";
import { icon } from "../view/icons.js";
import { errorNotice } from "./problem-list.js";

const opened = shallowReactive({ name: "", events: null, error: null, number: 0 });

export async function openFile(file) {
  opened.number += 1;
  opened.name = file.name;
  opened.events = opened.error = null;
  try {
    opened.events = eventsOfLines(await file.text());
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
      ${opened.events
        ? h(ExecutionView, { key: opened.number, events: opened.events, source: opened.name, heading: 1 })
        : html`
          <div class="panel empty tall">
            <h1>Replay a file of events</h1>
            <p>Drop a file of events anywhere on this page. It is read in the browser and sent to nobody.</p>
            <p><code>headwater run pipeline.json --events run.jsonl</code> writes one.</p>
            <p>${chooser}</p>
          </div>`}`;
  },
};
