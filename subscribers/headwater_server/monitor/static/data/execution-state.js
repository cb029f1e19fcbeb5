// The state of an execution, computed from its events alone: the same rules as `headwater/events/state.py`.
// A test applies the events of real executions to both and compares the results.
import { addPace, addRetry, addWaits, copyStep, countOf, elapsedOf, endStep, newPace, newStep, totalOf } from "./step-state.js";

const SEPARATOR = "/"; // in the paths of steps of nested pipelines, such as `outer/inner`
const ENDS = { pipeline_complete: "done", pipeline_error: "failed", pipeline_cancelled: "stopped" };

export const isTerminal = (event) => event.event_type in ENDS;

export function newExecution() {
  return {
    name: "",
    executionId: "",
    state: "waiting",
    steps: new Map(),
    readers: new Map(),
    edges: [],
    startedS: 0,
    endedS: 0,
    missed: 0,
    end: null,
  };
}

/** A copy that later events do not change. */
export function copyExecution(execution) {
  const steps = new Map();
  for (const [id, step] of execution.steps) steps.set(id, copyStep(step));
  return { ...execution, steps };
}

export const hasEnded = (execution) => execution.end !== null || ["done", "failed", "stopped"].includes(execution.state);

export const elapsedTotal = (execution, nowS) =>
  execution.executionId ? Math.max((hasEnded(execution) ? execution.endedS : nowS) - execution.startedS, 0) : 0;

/** Seconds since 1970, to the microsecond, which `Date` would cut off. */
export function secondsOf(timestamp) {
  const [, whole, fraction = "", zone] = /^([^.Z+]+)(?:\.(\d{1,6}))?(.*)$/.exec(timestamp);
  return (Date.parse(whole + (zone || "Z")) * 1000 + Number(fraction.padEnd(6, "0"))) / 1e6;
}

/** Takes one event into account, which changes the execution. */
export function applyEvent(execution, event) {
  const timeS = event.timeS ?? (event.timeS = secondsOf(event.timestamp));
  if (!execution.executionId) {
    execution.executionId = event.execution_id;
    execution.state = "running";
    execution.startedS = execution.endedS = timeS;
  }
  execution.endedS = Math.max(execution.endedS, timeS);
  const isNested = event.step_id !== null && event.step_id.includes(SEPARATOR);
  const change = (isNested ? NESTED_CHANGES[event.event_type] : undefined) ?? CHANGES[event.event_type];
  change?.(execution, event, timeS);
}

/** The step that an event is about, which is a new one if no earlier event named it. */
function stepOf(execution, event) {
  const stepId = event.step_id ?? "?";
  let step = execution.steps.get(stepId);
  if (step === undefined) {
    step = newStep(stepId);
    execution.steps.set(stepId, step);
    if (stepId.includes(SEPARATOR)) execution.steps = inOrder(execution.steps);
  }
  step.version += 1;
  return step;
}

const around = (stepId) => stepId.slice(0, Math.max(stepId.lastIndexOf(SEPARATOR), 0));

/** The steps, with those of nested pipelines after the step that holds the pipeline. */
function inOrder(steps) {
  const inside = new Map();
  for (const stepId of steps.keys()) {
    const outer = steps.has(around(stepId)) ? around(stepId) : "";
    if (!inside.has(outer)) inside.set(outer, []);
    inside.get(outer).push(stepId);
  }
  const ordered = new Map();
  const pending = (inside.get("") ?? []).toReversed();
  while (pending.length) {
    const stepId = pending.pop();
    ordered.set(stepId, steps.get(stepId));
    pending.push(...(inside.get(stepId) ?? []).toReversed());
  }
  return ordered;
}

function stopSteps(steps, timeS) {
  for (const step of steps) {
    if (step.state === "running") {
      step.durationS = elapsedOf(step, timeS);
      step.running = 0;
      step.version += 1;
      endStep(step, "stopped", timeS);
    }
  }
}

/** Stops the steps of a nested pipeline that still run when the step that holds it has ended. */
function endInside(execution, step, timeS) {
  if (step.isOuter && !step.running) {
    const path = step.stepId + SEPARATOR;
    stopSteps([...execution.steps.values()].filter((inner) => inner.stepId.startsWith(path)), timeS);
  }
}

function pipelineStart(execution, { data }, timeS) {
  execution.state = "running";
  execution.startedS = timeS;
  if (data === null) return;
  execution.name = data.name;
  const sources = new Map(data.steps.map((step) => [step.id, []]));
  execution.readers = new Map(data.steps.map((step) => [step.id, []]));
  const stepOfPort = (place) => place.slice(0, Math.max(place.lastIndexOf("."), 0));
  execution.edges = data.edges.map(({ source, target }) => ({
    source: stepOfPort(source),
    target: stepOfPort(target),
    name: `${source} -> ${target}`,
  }));
  for (const { source, target } of execution.edges) {
    if (sources.has(source) && sources.has(target)) { // and not an end of the pipeline itself
      sources.get(target).push(source);
      execution.readers.get(source).push(target);
    }
  }
  execution.steps = new Map(data.steps.map((step) => [step.id, newStep(step.id, step.kind, sources.get(step.id))]));
}

function stepStart(execution, event, timeS) {
  const step = stepOf(execution, event);
  step.state = "running";
  step.attempt = event.attempt;
  step.attemptS = timeS;
  step.endedS = step.durationS = step.failure = null;
  step.pace = newPace(timeS);
  if (step.startedS === null) {
    step.startedS = timeS;
    addWaits(step, timeS);
  }
  if (event.data !== null) step.kind = event.data.kind;
}

function stepProgress(execution, event, timeS) {
  const step = stepOf(execution, event);
  const data = event.data;
  if (data === null) return;
  if (data.fraction !== null) {
    step.fraction = data.fraction;
    step.fractionS = timeS;
  }
  step.message = data.message || step.message;
  step.itemsIn = data.items_in ?? step.itemsIn;
  step.itemsOut = data.items_out ?? step.itemsOut;
  step.itemsAside = data.items_aside ?? step.itemsAside;
  step.waiting = data.waiting ?? step.waiting;
  if (data.input_wait_s !== null) {
    step.inputWaitS = data.input_wait_s;
    step.outputWaitS = data.output_wait_s ?? 0;
    step.waitsFor = data.waits_for;
    addWaits(step, timeS, step.inputWaitS, step.outputWaitS);
  }
  // else the step reported without being counted
  if (data.input_wait_s !== null || countOf(step) > step.pace.count) addPace(step.pace, countOf(step), timeS);
}

function stepOutput(execution, event, timeS) {
  const step = stepOf(execution, event);
  step.firstItemS ??= timeS;
  step.output = event.data;
}

function stepComplete(execution, event, timeS, result = event.data) {
  const step = stepOf(execution, event);
  endStep(step, "done", timeS);
  endInside(execution, step, timeS);
  step.waitsFor = null;
  if (result === null) return;
  step.result = result;
  step.itemsIn = result.items_in;
  step.itemsOut = result.items_out;
  step.durationS = result.duration_s;
  step.itemsAside = result.items_aside;
  if (step.startedS === null) {
    step.startedS = timeS - result.duration_s;
    addWaits(step, step.startedS);
  }
  if (result.first_item_s !== null) step.firstItemS = Math.min(step.startedS + result.first_item_s, timeS);
  addWaits(step, timeS, result.input_wait_s, result.output_wait_s);
  if (step.inputWaitS !== null || result.input_wait_s + result.output_wait_s > 0) {
    step.inputWaitS = result.input_wait_s;
    step.outputWaitS = result.output_wait_s;
  }
}

function stepError(execution, event, timeS) {
  const step = stepOf(execution, event);
  step.durationS = elapsedOf(step, timeS);
  endStep(step, "failed", timeS);
  endInside(execution, step, timeS);
  if (event.data !== null) {
    step.failure = event.data;
    step.state = event.data.cause_step_id === null ? "failed" : "stopped";
  }
}

function stepSkipped(execution, event, timeS) {
  if (event.data !== null && event.data.index !== null) return; // an item, which the counts of the step show
  const step = stepOf(execution, event);
  endStep(step, "skipped", timeS);
  step.skipReason = event.data === null ? "" : event.data.reason;
}

function innerStart(execution, event, timeS) {
  const step = stepOf(execution, event);
  if (event.attempt === 1) {
    step.runs += 1;
    step.running += 1;
  }
  if (step.runs <= 1) {
    stepStart(execution, event, timeS);
    const outer = execution.steps.get(around(step.stepId));
    if (outer !== undefined) outer.isOuter = true;
  } else {
    step.state = "running";
    step.attempt = event.attempt;
    step.endedS = step.durationS = null;
  }
}

function innerProgress(execution, event, timeS) {
  const step = stepOf(execution, event);
  if (step.runs <= 1) stepProgress(execution, event, timeS);
  else if (event.data !== null) step.message = event.data.message || step.message; // its counts are of one run among many
}

function innerComplete(execution, event, timeS) {
  const step = stepOf(execution, event);
  step.running = Math.max(step.running - 1, 0);
  if (event.data !== null && step.runs > 1) {
    stepComplete(execution, event, timeS, totalOf(step.result, event.data));
    step.durationS = step.attemptS === null ? null : timeS - step.attemptS;
  } else {
    stepComplete(execution, event, timeS);
  }
  if (step.running) {
    step.state = "running";
    step.endedS = step.durationS = null;
  }
}

function innerError(execution, event, timeS) {
  const step = stepOf(execution, event);
  step.running = Math.max(step.running - 1, 0);
  stepError(execution, event, timeS);
}

function innerSkipped(execution, event, timeS) {
  if (!stepOf(execution, event).runs) stepSkipped(execution, event, timeS); // else other runs say more about it
}

function pipelineEnd(execution, event, timeS) {
  execution.state = ENDS[event.event_type];
  execution.end = event.data;
  stopSteps(execution.steps.values(), timeS);
}

const CHANGES = {
  pipeline_start: pipelineStart,
  step_start: stepStart,
  step_progress: stepProgress,
  step_output: stepOutput,
  step_complete: stepComplete,
  step_error: stepError,
  step_retry: (execution, event, timeS) => addRetry(stepOf(execution, event), timeS, event.data),
  step_skipped: stepSkipped,
  stream_gap: (execution, event) => (execution.missed += event.data?.missed ?? 0),
  pipeline_complete: pipelineEnd,
  pipeline_error: pipelineEnd,
  pipeline_cancelled: pipelineEnd,
};

// What events of steps in nested pipelines change: such a step may run many times, also several times at once.
const NESTED_CHANGES = {
  step_start: innerStart,
  step_progress: innerProgress,
  step_complete: innerComplete,
  step_error: innerError,
  step_skipped: innerSkipped,
};
