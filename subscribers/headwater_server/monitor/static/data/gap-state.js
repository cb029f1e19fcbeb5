// An event that replaces those that were missed may bring the present state of the steps, as servers send it.
import { applyEvent } from "./execution-state.js";
import { newStep } from "./step-state.js";

const ENDED = new Set(["done", "failed", "skipped", "stopped"]);

/** Takes an event into account; after a gap, the steps are those that the server reports. */
export function applyWithGap(execution, event) {
  applyEvent(execution, event);
  const steps = event.event_type === "stream_gap" ? event.metadata?.state?.steps ?? event.metadata?.state : null;
  if (!Array.isArray(steps)) return;
  for (const reported of steps) {
    let step = execution.steps.get(reported.id);
    if (step === undefined) execution.steps.set(reported.id, (step = newStep(reported.id, reported.kind)));
    takeReport(step, reported, event.timeS);
  }
}

function takeReport(step, reported, timeS) {
  step.version += 1;
  step.state = reported.state;
  step.attempt = reported.attempt;
  step.itemsIn = reported.items_in;
  step.itemsOut = reported.items_out;
  step.itemsAside = reported.items_aside ?? {};
  step.fraction = reported.fraction;
  step.message = reported.message || step.message;
  step.waitsFor = reported.waits_for;
  step.pace.perS = reported.state === "running" ? reported.per_s : step.pace.perS;
  if (reported.duration_s !== null && step.startedS === null) {
    step.startedS = step.attemptS = timeS - reported.duration_s;
  }
  if (ENDED.has(reported.state)) {
    step.durationS = reported.duration_s;
    step.endedS ??= timeS;
    step.waiting = {};
  }
}
