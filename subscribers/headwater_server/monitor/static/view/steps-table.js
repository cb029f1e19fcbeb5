// The steps as rows: everything that the graph shows, for those who read rather than look.
import { busyShare, perSecond } from "../data/step-state.js";
import { count, duration, percent, rate } from "../lib/format.js";
import { html } from "../lib/html.js";
import { VirtualList } from "../lib/virtual-list.js";
import { elapsedOf } from "../data/step-state.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";
import { stateBadge } from "./icons.js";

const ROW = 30;

function row(step, nowS) {
  const depth = step.stepId.split("/").length - 1;
  const busy = busyShare(step, nowS);
  return html`
    <div class="steps-row">
      <span class="cut mono" style=${{ paddingLeft: `${depth * 14}px` }} title=${step.stepId}>${step.stepId.split("/").at(-1)}</span>
      <span>${stateBadge(step.state)}</span>
      <span class="number">${count(step.itemsIn)}</span>
      <span class="number">${count(step.itemsOut)}</span>
      <span class="number">${step.itemsIn == null && step.itemsOut == null ? "" : rate(perSecond(step, nowS))}</span>
      <span class="number extra">${percent(busy)}</span>
      <span class="extra">${step.state === "running" && step.waitsFor ? (step.waitsFor === "input" ? "input" : "its readers") : ""}</span>
      <span class="number">${duration(elapsedOf(step, nowS))}</span>
    </div>`;
}

export const StepsTable = {
  props: ["store", "chosen", "onChoose"],
  setup: (props) => () => {
    void props.store.version.value;
    const steps = [...props.store.state.value.steps.values()];
    const nowS = props.store.nowS.value;
    return html`
      <div class="steps">
        <div class="steps-row steps-head" aria-hidden="true">
          <span>Step</span><span>State</span><span class="number">Read</span><span class="number">Written</span>
          <span class="number">Rate</span><span class="number extra">Busy</span><span class="extra">Waits for</span><span class="number">Time</span>
        </div>
        ${h(VirtualList, {
          count: steps.length,
          rowHeight: ROW,
          label: "Steps",
          idBase: "step",
          version: props.store.version.value,
          chosen: steps.findIndex((step) => step.stepId === props.chosen),
          onChoose: (index) => props.onChoose(steps[index].stepId),
          row: (index) => row(steps[index], nowS),
        })}
      </div>`;
  },
};
