// Records the events of standard input, in parts, and prints the states at positions in any order, and what was dropped.
const { Recording } = await import(`${process.argv[2]}/recording.js`);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { events, positions, most, between } = JSON.parse(Buffer.concat(chunks));
const recording = new Recording(most, between);
for (let from = 0; from < events.length; from += 7) recording.add(events.slice(from, from + 7));

function plain(execution) {
  const steps = [...execution.steps].map(([id, { version, ...step }]) => [id, step]);
  return { ...execution, steps, readers: [...execution.readers] };
}
const states = positions.map((position) => JSON.parse(JSON.stringify(plain(recording.at(position)))));
const ofStep = recording.ofStep("sum", positions[0]).map((event) => event.seq);
const timeS = recording.events[Math.floor(recording.length / 2)]?.timeS ?? 0;
process.stdout.write(JSON.stringify({
  states,
  ofStep,
  dropped: recording.dropped,
  seqs: recording.events.map((event) => event.seq),
  atTime: recording.positionAt(timeS),
  byTime: recording.events.filter((event) => event.timeS <= timeS).length,
}));
