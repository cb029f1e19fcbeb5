// What follows from the state of an execution: what takes longest, and when it will end. The rules are the engine's.
import { busyShare } from "./step-state.js";

const TRUSTED_S = 1; // an estimate of the time left that is made before is mostly wrong

/** How long a step will take to its end if it goes on as before; null if unknown, or too early to say. */
function leftOfStep(step, nowS) {
  if (step.state !== "running" || step.attemptS === null || !step.fraction || step.fraction > 1) return null;
  const tookS = step.fractionS - step.attemptS;
  if (tookS < TRUSTED_S) return null;
  return Math.max(tookS * (1 / step.fraction - 1) - Math.max(nowS - step.fractionS, 0), 0);
}

/** How long the execution will take to its end; null when a step that reads its data has no estimate. */
export function leftOf(execution, nowS) {
  if (execution.state !== "running") return null;
  const running = [...execution.steps.values()].filter((step) => !step.sources.length && step.state === "running");
  const left = running.map((step) => leftOfStep(step, nowS));
  return left.length && !left.includes(null) ? Math.max(...left) : null;
}

/** The id of the step that others wait for while it works: of several, that of the busiest; null for none. */
export function bottleneckOf(execution, nowS) {
  const works = (step) => step?.state === "running" && step.inputWaitS !== null && step.waitsFor === null;
  let found = null;
  for (const step of execution.steps.values()) {
    if (step.state !== "running" || step.waitsFor === null) continue;
    const neighbors = step.waitsFor === "input" ? step.sources : execution.readers.get(step.stepId) ?? [];
    for (const id of neighbors) {
      const other = execution.steps.get(id);
      const busy = works(other) ? busyShare(other, nowS) ?? 0 : -1;
      if (busy >= 0 && (found === null || busy > found.busy)) found = { id, busy };
    }
  }
  return found?.id ?? null;
}
