// Applies the events of standard input, and prints the number of missed events and the steps.
const { newExecution } = await import(`${process.argv[2]}/execution-state.js`);
const { applyWithGap } = await import(`${process.argv[2]}/gap-state.js`);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const execution = newExecution();
for (const event of JSON.parse(Buffer.concat(chunks))) applyWithGap(execution, event);
const steps = [...execution.steps.values()].map(({ stepId, state, itemsIn, itemsOut }) => [stepId, state, itemsIn, itemsOut]);
process.stdout.write(JSON.stringify({ missed: execution.missed, steps }));
