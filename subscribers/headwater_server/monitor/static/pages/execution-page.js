// One execution of the server.
import { go, link } from "../router.js";
import { api, givenInput, rememberInput } from "../session.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";
import { ExecutionView } from "../view/execution-view.js";

export const ExecutionPage = {
  props: ["id"],
  setup({ id }) {
    document.title = `Execution ${id.slice(0, 8)} · Headwater`;
    return () => h(ExecutionView, {
      api,
      execution: id,
      heading: 1,
      pipelineLink: (name) => link("pipelines", name),
      inputOf: givenInput,
      onStarted(execution) {
        rememberInput(execution.id, givenInput(id));
        go("executions", execution.id);
      },
      // Its input is not known here, so the form asks for it again.
      onEdit: ({ pipeline, parameters }) => go("pipelines", pipeline, { parameters: JSON.stringify(parameters) }),
    });
  },
};
