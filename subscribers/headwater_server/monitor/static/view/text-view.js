// The text that steps write piece by piece, such as the tokens of a model, put together.
import { count } from "../lib/format.js";
import { html } from "../lib/html.js";
import { nextTick, shallowReactive, shallowRef, watch } from "../vendor/vue.runtime.esm-browser.prod.js";

const MOST_CHARACTERS = 200_000;

const PIECES = 4;

/** Whether a step has shown several strings one after the other, as one that writes tokens does. */
export function streamsText(recording) {
  const isPiece = ({ event_type: type, data }) => type === "step_output" && data !== null && data.index < PIECES;
  return textSteps(recording.latest).some((stepId) =>
    recording.ofStep(stepId, undefined, { first: 100 }).filter(isPiece).length === PIECES);
}

/** Ids of the steps whose items are strings. */
function textSteps(execution) {
  return [...execution.steps.values()].filter((step) => typeof step.output?.value === "string").map((step) => step.stepId);
}

/** Puts the pieces of a step together; what was read before is kept, so that each piece is read once. */
function reader(store) {
  let kept = null;
  return (stepId) => {
    const { recording } = store;
    const end = store.shown.value;
    if (kept?.stepId !== stepId || kept.end > end || kept.dropped !== recording.dropped) {
      kept = { stepId, dropped: recording.dropped, read: 0, text: "", next: 0, missing: 0 };
    }
    for (const { event_type: type, data } of recording.ofStep(stepId, end, { from: kept.read })) {
      kept.read += 1;
      if (type !== "step_output" || typeof data?.value !== "string") continue;
      if (data.index > kept.next) {
        kept.missing += data.index - kept.next;
        kept.text += " … ";
      }
      kept.text += data.value;
      kept.next = data.index + 1;
    }
    kept.end = end;
    const itemsOut = store.state.value.steps.get(stepId)?.itemsOut ?? 0;
    return { text: kept.text.slice(-MOST_CHARACTERS), missing: kept.missing + Math.max(itemsOut - kept.next, 0) };
  };
}

export const TextView = {
  props: ["store", "chosen", "api", "execution", "ended"],
  setup(props) {
    const whole = shallowReactive({}); // the text of outputs, which the result has when the execution has ended
    const picked = shallowRef("");
    const written = reader(props.store);
    const box = shallowRef(null);
    let isAtEnd = true;
    watch(() => props.store.version.value, () => {
      if (isAtEnd) void nextTick(() => box.value && (box.value.scrollTop = box.value.scrollHeight));
    });
    // An output is not followed while it is written, as a viewer that reads slowly would hold the execution up.
    async function load() {
      const { output } = await props.api.result(props.execution).catch(() => ({}));
      const names = Object.keys((await props.api.execution(props.execution).catch(() => ({ outputs: {} }))).outputs);
      for (const name of names) {
        const items = names.length === 1 ? output : output?.[name];
        const isText = Array.isArray(items) && items.every((item) => typeof item === "string");
        if (isText) whole[name] = { text: items.join("").slice(-MOST_CHARACTERS), pieces: items.length };
      }
    }
    watch(() => props.ended, (ended) => ended && props.api && load(), { immediate: true });

    const scrolled = ({ target }) => (isAtEnd = target.scrollTop + target.clientHeight >= target.scrollHeight - 20);

    return () => {
      void props.store.version.value;
      const execution = props.store.state.value;
      const steps = textSteps(execution);
      const stepId = [picked.value, props.chosen, steps.at(-1)].find((each) => steps.includes(each));
      if (stepId === undefined) return html`<p class="empty">No step has written text yet.</p>`;
      const step = execution.steps.get(stepId);
      const isComplete = props.store.position.value === null && whole[stepId]?.pieces === step.itemsOut;
      const { text, missing } = isComplete ? { text: whole[stepId].text, missing: 0 } : written(stepId);
      const runs = step.state === "running" && props.store.position.value === null;
      return html`
        <div class="text-view">
          <div class="row wrap filters">
            <select class="field small-field" aria-label="Step that writes the text" value=${stepId}
              onChange=${(event) => (picked.value = event.target.value)}>
              ${steps.map((id) => html`<option value=${id}>${id}</option>`)}
            </select>
            ${missing
              ? html`<span class="muted">The events left out ${count(missing)} items; with <code>"emit_items": "all"</code> the
                  document shows every one.</span>`
              : null}
          </div>
          <div class="text-box scrolls" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label=${`Text of ${stepId}`}>
            ${text}${runs && html`<i class="caret" aria-hidden="true"></i>`}
          </div>
        </div>`;
    };
  },
};
