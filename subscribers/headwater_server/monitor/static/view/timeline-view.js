// When each step ran, and what it did with its time: work, waiting for input, waiting for its readers.
import { duration, offset } from "../lib/format.js";
import { html } from "../lib/html.js";
import { VirtualList } from "../lib/virtual-list.js";
import { h } from "../vendor/vue.runtime.esm-browser.prod.js";

const ROW = 26;
const HEIGHT = 14;

/** Round moments between 0 and the length, at most seven. */
function ticksOf(lengthS) {
  const rough = lengthS / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const every = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const ticks = [];
  for (let timeS = 0; timeS <= lengthS * 1.0001; timeS += every) ticks.push(timeS);
  return ticks;
}

/** The stretches between the reported waits: where each begins and ends, and the shares of waiting in it. */
function stretchesOf(step, endS) {
  const stretches = [];
  for (let index = 1; index < step.waits.length; index += 1) {
    const [fromS, input, output] = step.waits[index - 1];
    const [toS, laterInput, laterOutput] = step.waits[index];
    const lengthS = toS - fromS;
    if (lengthS <= 0) continue;
    const share = (value) => Math.min(Math.max(value / lengthS, 0), 1);
    stretches.push({ fromS, toS, input: share(laterInput - input), output: share(laterOutput - output) });
  }
  const lastS = step.waits.at(-1)?.[0];
  if (lastS !== undefined && endS > lastS) {
    const waits = step.state === "running" ? step.waitsFor : null;
    stretches.push({ fromS: lastS, toS: endS, input: waits === "input" ? 1 : 0, output: waits === "output" ? 1 : 0 });
  }
  return stretches;
}

function bar(step, startS, lengthS, nowS) {
  if (step.startedS === null) return null;
  const endS = step.endedS ?? nowS;
  const x = (timeS) => ((timeS - startS) / lengthS) * 1000;
  const shape = (className, fromS, toS, top, height) =>
    height > 0.2 && html`<rect class=${className} x=${x(fromS)} y=${top} width=${Math.max(x(toS) - x(fromS), 0.5)} height=${height} />`;
  return html`
    <svg class="lane" viewBox=${`0 0 1000 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <rect class="span" x=${x(step.startedS)} y="0" width=${Math.max(x(endS) - x(step.startedS), 1.5)} height=${HEIGHT} />
      ${stretchesOf(step, endS).map(({ fromS, toS, input, output }) => [
        shape("waits-input", fromS, toS, 0, input * HEIGHT),
        shape("waits-output", fromS, toS, input * HEIGHT, output * HEIGHT),
      ])}
    </svg>
    ${step.retries.map((timeS) => html`<i class="tick retry" style=${{ left: `${x(timeS) / 10}%` }}></i>`)}
    ${step.state === "failed" && html`<i class="tick failure" style=${{ left: `${x(endS) / 10}%` }}></i>`}
    ${step.firstItemS !== null && html`<i class="tick first" style=${{ left: `${x(step.firstItemS) / 10}%` }}></i>`}`;
}

export const TimelineView = {
  props: ["store", "chosen", "onChoose"],
  setup: (props) => () => {
    const { store } = props;
    void store.version.value;
    const execution = store.state.value;
    const nowS = store.nowS.value;
    const steps = [...execution.steps.values()];
    const lengthS = Math.max(Math.max(execution.endedS, nowS) - execution.startedS, 0.001);
    const row = (step) => html`
      <div class=${`timeline-row is-${step.state}`}>
        <span class="cut mono" title=${step.stepId}>${step.stepId}</span>
        <div class="lane-space">${bar(step, execution.startedS, lengthS, nowS)}</div>
        <span class="number">${step.startedS === null ? "" : duration((step.endedS ?? nowS) - step.startedS)}</span>
        <span class="hidden">${step.state}${step.startedS === null ? "" : `, started ${offset(step.startedS - execution.startedS)}`}</span>
      </div>`;
    return html`
      <div class="timeline">
        <ul class="legend">
          <li><i class="works"></i>works</li><li><i class="waits-input"></i>waits for input</li>
          <li><i class="waits-output"></i>waits for its readers</li><li><i class="retries"></i>retry or failure</li>
        </ul>
        <div class="timeline-row timeline-head" aria-hidden="true">
          <span></span>
          <div class="lane-space">
            ${ticksOf(lengthS).map((timeS) => html`<i class="moment" style=${{ left: `${(timeS / lengthS) * 100}%` }}>${timeS ? duration(timeS) : "0"}</i>`)}
          </div>
          <span></span>
        </div>
        ${h(VirtualList, {
          count: steps.length,
          rowHeight: ROW,
          label: "Timeline of the steps",
          idBase: "lane",
          version: `${store.version.value} ${nowS}`,
          chosen: steps.findIndex((step) => step.stepId === props.chosen),
          onChoose: (index) => props.onChoose(steps[index].stepId),
          row: (index) => row(steps[index]),
        })}
      </div>`;
  },
};
