// The state of one step, as its events have it so far: the same rules as `headwater/events/step_state.py`.
// Times are in seconds since 1970-01-01 UTC; what no event reported is null.

const MOST_WAITS = 64;
const MOST_RETRIES = 64;
const PACE_S = 0.4; // a rate that is measured over less time jumps about

export function newStep(stepId, kind = "", sources = []) {
  return {
    stepId,
    kind,
    sources,
    state: "waiting",
    attempt: 1,
    itemsIn: null,
    itemsOut: null,
    itemsAside: {},
    fraction: null,
    fractionS: 0,
    message: "",
    startedS: null,
    attemptS: null,
    firstItemS: null,
    endedS: null,
    durationS: null,
    inputWaitS: null,
    outputWaitS: 0,
    waitsFor: null,
    waiting: {}, // [items that wait, most that may] by edges such as `words.out -> upper.text`
    waits: [], // [time, waited for input, waited for readers]
    retries: [],
    pace: newPace(0),
    output: null,
    retry: null,
    failure: null,
    skipReason: "",
    result: null,
    runs: 0,
    running: 0,
    isOuter: false,
    version: 0, // counts the changes, so that only what has changed is drawn again
  };
}

export const newPace = (timeS) => ({ timeS, count: 0, perS: null });

/** A copy that later events do not change. */
export const copyStep = (step) => ({
  ...step,
  waits: step.waits.slice(),
  retries: step.retries.slice(),
  pace: { ...step.pace },
});

export function addPace(pace, count, timeS) {
  const elapsedS = timeS - pace.timeS;
  if (elapsedS >= PACE_S) {
    const perS = (count - pace.count) / elapsedS;
    pace.perS = pace.perS === null ? perS : (pace.perS + perS) / 2;
    pace.timeS = timeS;
    pace.count = count;
  }
}

const sum = (counts) => Object.values(counts).reduce((total, each) => total + each, 0);

/** Items written, or read when those are more. */
export const countOf = (step) => Math.max(step.itemsIn ?? 0, (step.itemsOut ?? 0) + sum(step.itemsAside));

export function elapsedOf(step, nowS) {
  if (step.durationS !== null || step.attemptS === null) return step.durationS;
  return Math.max(nowS - step.attemptS, 0);
}

/** The present rate while the step runs, and the overall rate afterwards. */
export function perSecond(step, nowS) {
  if (step.state === "running" && step.pace.perS !== null) return step.pace.perS;
  const elapsedS = elapsedOf(step, nowS);
  return elapsedS ? countOf(step) / elapsedS : 0;
}

/** The share of its time that the step worked rather than waited for its neighbors; null if unknown. */
export function busyShare(step, nowS) {
  const elapsedS = elapsedOf(step, nowS);
  if (step.inputWaitS === null || !elapsedS) return null;
  let waitedS = step.inputWaitS + step.outputWaitS;
  if (step.waitsFor !== null && step.attemptS !== null && step.waits.length) {
    waitedS += Math.max(step.attemptS + elapsedS - step.waits.at(-1)[0], 0);
  }
  return Math.min(Math.max(1 - waitedS / elapsedS, 0), 1);
}

export function addRetry(step, timeS, retry) {
  if (step.retries.length < MOST_RETRIES) step.retries.push(timeS);
  if (retry !== null) {
    step.retry = retry;
    step.message = "";
  }
}

export function endStep(step, state, timeS) {
  step.state = state;
  step.endedS = timeS;
  step.waiting = {};
}

export function addWaits(step, timeS, inputWaitS = 0, outputWaitS = 0) {
  step.waits.push([timeS, inputWaitS, outputWaitS]);
  if (step.waits.length > MOST_WAITS) {
    step.waits = step.waits.filter((_, index) => index % 2 === 0); // every second one still shows how it went
  }
}

const ADDED = ["items_in", "items_out", "duration_s", "input_wait_s", "output_wait_s", "compensations"];

/** The results of several runs of a step in a nested pipeline as one: sums, and the times of the last. */
export function totalOf(before, run) {
  if (before === null) return run;
  const total = { ...run, attempts: Math.max(before.attempts, run.attempts) };
  for (const name of ADDED) total[name] = before[name] + run[name];
  for (const name of ["items_aside", "policies"]) total[name] = addCounts(before[name], run[name]);
  return total;
}

function addCounts(left, right) {
  const added = { ...left };
  for (const [name, count] of Object.entries(right)) added[name] = (added[name] ?? 0) + count;
  return added;
}
