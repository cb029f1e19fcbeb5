// One execution: its state, its graph, its steps, its events and its replay. It is used by the page and by the
// component for other pages, so it knows nothing of the page around it.
import { hasEnded, elapsedTotal } from "../data/execution-state.js";
import { liveStore, recordedStore, replayer } from "../data/execution-store.js";
import { count, duration, shortId } from "../lib/format.js";
import { html } from "../lib/html.js";
import { computed, h, shallowReactive, shallowRef, watch } from "../vendor/vue.runtime.esm-browser.prod.js";
import { connectionNotice } from "./connection.js";
import { EventList } from "./event-list.js";
import { GraphView } from "./graph-view.js";
import { icon, stateBadge } from "./icons.js";
import { layOut } from "./own-layout.js";
import { OverviewPanel } from "./overview-panel.js";
import { ReplayBar } from "./replay-bar.js";
import { ResultView } from "./result-view.js";
import { errorChain, StepPanel } from "./step-panel.js";
import { StepsTable } from "./steps-table.js";
import { Tabs } from "./tabs.js";
import { streamsText, TextView } from "./text-view.js";
import { TimelineView } from "./timeline-view.js";

const WORDS = { done: "completed", stopped: "cancelled", waiting: "starting" };

export const ExecutionView = {
  props: {
    api: Object, // requests to the server of the execution
    execution: String, // its id
    events: Array, // or its recorded events
    source: String, // where these come from
    heading: { type: Number, default: 2 },
    pipelineLink: Function, // returns the address of the view of a pipeline, where there is one
    inputOf: Function, // returns the input that was given to an execution, where that is known
  },
  emits: ["started", "edit"],
  setup(props, { emit }) {
    const store = props.events ? recordedStore(props.events) : liveStore(props.api, props.execution);
    const player = replayer(store);
    const about = shallowReactive({ form: null, drawing: null, takesInput: true, error: null, actionError: null, isBusy: false });
    const chosen = shallowRef(null);
    const tab = shallowRef("timeline");

    const ended = computed(() => (void store.tick.value, hasEnded(store.recording.latest)));
    const choose = (stepId) => (chosen.value = stepId);
    const drawing = computed(() => {
      if (about.drawing) return about.drawing;
      void store.tick.value;
      return store.recording.latest.steps.size && (props.events || about.error) ? layOut(store.recording.latest) : null;
    });

    async function load() {
      try {
        about.form = await props.api.execution(props.execution);
        const pipeline = await props.api.pipeline(about.form.pipeline);
        about.takesInput = Object.keys(pipeline.inputs ?? {}).length > 0;
        about.drawing = pipeline.drawing;
        if (!about.drawing) about.error = "not drawn";
      } catch (error) {
        about.error = error; // the events alone are enough to draw
      }
    }
    if (props.api) void load();
    watch(ended, async (now) => {
      if (now && props.api) about.form = await props.api.execution(props.execution).catch(() => about.form);
    });
    // What failed first is what a reader looks for.
    watch(() => (void store.tick.value, store.recording.latest.end?.step_id), (stepId) => {
      if (stepId && chosen.value === null) chosen.value = stepId;
    }, { immediate: true });
    // A step that writes text piece by piece is what a reader wants to see.
    let isTextShown = false;
    watch(() => store.tick.value, () => {
      if (isTextShown) return;
      isTextShown = streamsText(store.recording);
      if (isTextShown && tab.value === "timeline") tab.value = "text";
    });

    async function act(action) {
      about.isBusy = true;
      about.actionError = null;
      try {
        return await action();
      } catch (error) {
        about.actionError = error;
        return null;
      } finally {
        about.isBusy = false;
      }
    }
    const cancel = () => act(() => props.api.cancel(props.execution, "cancelled in the monitor"));
    async function runAgain() {
      const { pipeline, parameters } = about.form;
      const given = props.inputOf?.(props.execution);
      if (about.takesInput && !given) {
        emit("edit", about.form);
        return;
      }
      const body = { parameters, ...(about.takesInput ? given : {}) };
      const again = await act(() => props.api.start(pipeline, body));
      if (again) emit("started", again);
    }
    function download() {
      const lines = store.recording.events.map(({ timeS, ...event }) => `${JSON.stringify(event)}\n`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(lines, { type: "application/jsonl" }));
      link.download = `${store.recording.latest.executionId || "events"}.jsonl`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }

    function head(execution) {
      const state = WORDS[execution.state] ?? execution.state;
      const name = execution.name || about.form?.pipeline || "Execution";
      const pipelineLink = about.form && props.pipelineLink?.(about.form.pipeline);
      const canRunAgain = props.api && about.form && (!about.takesInput || props.inputOf);
      return html`
        <header class="view-head">
          <div class="grow">
            <p class="crumbs">${props.source
              ? html`Events of ${props.source}`
              : html`Execution <span class="mono" title=${execution.executionId}>${shortId(execution.executionId || props.execution)}</span>`}
              ${pipelineLink && html` of <a href=${pipelineLink}>${name}</a>`}</p>
            ${h(`h${props.heading}`, { class: "view-title cut" }, name)}
          </div>
          <div class="view-facts">
            <span role="status">${stateBadge(state)}</span>
            <span>${duration(elapsedTotal(execution, store.nowS.value))}</span>
            <span class="muted">${count(store.shown.value)} events</span>
            ${execution.missed ? html`<span class="is-stopped">${count(execution.missed)} missing</span>` : null}
          </div>
          <div class="row wrap">
            ${props.api && !ended.value && html`
              <button type="button" class="button" disabled=${about.isBusy} onClick=${cancel}>${icon("stopped")}Cancel</button>`}
            ${canRunAgain && html`
              <button type="button" class="button" disabled=${about.isBusy} onClick=${runAgain}>${icon("again")}Run again</button>`}
            <button type="button" class="button icon-only" title="Download the events" aria-label="Download the events"
              onClick=${download}>${icon("download")}</button>
          </div>
        </header>`;
    }

    /** Why the execution failed, unless the panel of the chosen step shows it already. */
    function failure(execution) {
      const { end } = execution;
      if (execution.state !== "failed" || end === null || (end.step_id !== null && end.step_id === chosen.value)) return null;
      const place = end.step_id === null ? null : html`
        <p class="muted">in step <button type="button" class="link" onClick=${() => choose(end.step_id)}>${end.step_id}</button></p>`;
      return html`<div>${errorChain({ ...end, cause_step_id: null }, execution, end.step_id, choose)}${place}</div>`;
    }

    function tabs() {
      const source = { api: props.api, execution: props.execution };
      const shared = { store, player, chosen: chosen.value, onChoose: choose };
      const views = [
        { id: "timeline", label: "Timeline", content: () => h(TimelineView, shared) },
        { id: "steps", label: "Steps", content: () => h(StepsTable, shared) },
        { id: "events", label: "Events", content: () => h(EventList, { store, player }) },
        { id: "text", label: "Text", content: () => h(TextView, { ...shared, ...source, ended: ended.value }) },
      ];
      if (props.api) {
        const result = () => h(ResultView, { ...source, ended: ended.value });
        views.push({ id: "result", label: "Result", content: result });
      }
      return h(Tabs, { views, label: "Views of the execution", chosen: tab.value, onChoose: (id) => (tab.value = id) });
    }

    return () => {
      void store.version.value;
      const execution = store.state.value;
      return html`
        <div class="execution-view">
          ${head(execution)}
          ${connectionNotice(store.connection)}
          ${about.actionError && html`
            <div class="notice bad" role="alert">${icon("warning", "is-failed")}<p>${about.actionError.message}</p></div>`}
          ${failure(execution)}
          <div class="panel">${h(ReplayBar, { store, player, isLive: !props.events })}</div>
          <div class="view-main">
            <div class="panel graph-panel">
              ${drawing.value
                ? h(GraphView, { drawing: drawing.value, execution, version: store.version.value, chosen: chosen.value, onChoose: choose })
                : html`<p class="empty">Waiting for the first events</p>`}
            </div>
            <aside class="panel side-panel scrolls" aria-label="Details" tabindex="0">
              ${execution.steps.has(chosen.value)
                ? h(StepPanel, { store, stepId: chosen.value, onChoose: choose })
                : h(OverviewPanel, { store, form: about.form, onChoose: choose })}
            </aside>
          </div>
          ${tabs()}
        </div>`;
    };
  },
};
