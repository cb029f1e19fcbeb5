// Applies lists of events, which are the lines of standard input, to the state that the monitor keeps, and prints the
// state after each event.
import { createInterface } from "node:readline";

const { bottleneckOf, leftOf } = await import(`${process.argv[2]}/estimates.js`);
const { busyShare, countOf, elapsedOf, perSecond } = await import(`${process.argv[2]}/step-state.js`);
const { applyEvent, copyExecution, elapsedTotal, newExecution } = await import(`${process.argv[2]}/execution-state.js`);

function plain(execution) {
  const steps = [...execution.steps].map(([id, { version, ...step }]) => [id, step]);
  const { edges, ...rest } = execution;
  return { ...rest, steps, readers: [...execution.readers] };
}

// What the views show that follows from the state, some time after the last event.
function derived(execution) {
  const nowS = execution.endedS + 0.5;
  const of = (step) => [countOf(step), elapsedOf(step, nowS), perSecond(step, nowS), busyShare(step, nowS)];
  return {
    elapsedS: elapsedTotal(execution, nowS),
    leftS: leftOf(execution, nowS),
    bottleneck: bottleneckOf(execution, nowS),
    steps: [...execution.steps.values()].map(of),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const execution = newExecution();
  const states = [];
  for (const event of JSON.parse(line)) {
    applyEvent(execution, event);
    states.push([plain(copyExecution(execution)), derived(execution)]);
  }
  process.stdout.write(`${JSON.stringify(states)}\n`);
}
