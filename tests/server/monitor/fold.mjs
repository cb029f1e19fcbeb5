// Applies lists of events, which are the lines of standard input, to the state that the monitor keeps, and prints the
// state after each event.
import { createInterface } from "node:readline";

const { applyEvent, copyExecution, newExecution } = await import(`${process.argv[2]}/execution-state.js`);

function plain(execution) {
  const steps = [...execution.steps].map(([id, { version, ...step }]) => [id, step]);
  const { edges, ...rest } = execution;
  return { ...rest, steps, readers: [...execution.readers] };
}

for await (const line of createInterface({ input: process.stdin })) {
  const execution = newExecution();
  const states = [];
  for (const event of JSON.parse(line)) {
    applyEvent(execution, event);
    states.push(plain(copyExecution(execution)));
  }
  process.stdout.write(`${JSON.stringify(states)}\n`);
}
