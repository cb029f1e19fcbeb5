// One execution of the server.
import { html } from "../lib/html.js";
import { go } from "../router.js";
import { api } from "../session.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";
import { ExecutionView } from "../view/execution-view.js";

export const ExecutionPage = {
  props: ["id"],
  setup: ({ id }) => () => html`
    ${h(ExecutionView, { api, execution: id, heading: 1, onStarted: (execution) => go("executions", execution.id) })}`,
};
