// The events of an execution in order, and its state after any of them, for the view and for the replay.
import { copyExecution, newExecution } from "./execution-state.js";
import { applyWithGap } from "./gap-state.js";

const BETWEEN = 2000; // events between two saved states
const FAILURES = new Set(["step_error", "step_retry", "pipeline_error", "pipeline_cancelled"]);
const MOST_FAILURES = 1000;
const MOST_EVENTS = 200_000;

export class Recording {
  events = [];
  dropped = 0; // how many events at the beginning were forgotten
  latest = newExecution(); // the state after the last event
  failures = []; // positions of the first events that report one
  #saved = [{ position: 0, execution: newExecution() }];
  #ofStep = new Map(); // positions of the events of each step
  #seen = null; // the state at the position that was looked at last

  #between;
  #most;

  /** Above `most` events the oldest half is forgotten, as a browser has limited memory. */
  constructor(most = MOST_EVENTS, between = BETWEEN) {
    this.#most = most;
    this.#between = between;
  }

  get length() {
    return this.events.length;
  }

  /** Adds events that follow those before. */
  add(events) {
    for (const event of events) {
      applyWithGap(this.latest, event);
      this.#index(event, this.events.length);
      this.events.push(event);
      if (this.events.length % this.#between === 0) {
        this.#saved.push({ position: this.events.length, execution: copyExecution(this.latest) });
      }
    }
    if (this.events.length > this.#most) this.#forget();
  }

  /** The state after the first `position` events; it may change when it is asked for another position. */
  at(position) {
    if (position >= this.length) return this.latest;
    if (this.#seen === null || this.#seen.position > position || position - this.#seen.position > this.#between) {
      const saved = this.#saved.findLast((each) => each.position <= position);
      this.#seen = { position: saved.position, execution: copyExecution(saved.execution) };
    }
    while (this.#seen.position < position) {
      applyWithGap(this.#seen.execution, this.events[this.#seen.position]);
      this.#seen.position += 1;
    }
    return this.#seen.execution;
  }

  /** The events of a step, up to a position: all, those after `from`, the `first` or the last `most`. */
  ofStep(stepId, position = this.length, { from = 0, first = Infinity, most = Infinity } = {}) {
    const positions = this.#ofStep.get(stepId) ?? [];
    const end = Math.min(firstAbove(positions, position - 1), first);
    return positions.slice(Math.max(from, end - most), end).map((each) => this.events[each]);
  }

  /** The number of events that had happened by a moment. */
  positionAt(timeS) {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.events[middle].timeS <= timeS) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #forget() {
    const cut = this.#saved.find((each) => each.position >= this.#most / 2);
    this.dropped += cut.position;
    this.events = this.events.slice(cut.position);
    this.#saved = this.#saved
      .filter((each) => each.position >= cut.position)
      .map((each) => ({ ...each, position: each.position - cut.position }));
    this.#ofStep.clear();
    this.failures = [];
    this.events.forEach((event, position) => this.#index(event, position));
    this.#seen = null;
  }

  #index(event, position) {
    if (FAILURES.has(event.event_type) && this.failures.length < MOST_FAILURES) this.failures.push(position);
    if (event.step_id === null) return;
    const positions = this.#ofStep.get(event.step_id);
    if (positions === undefined) this.#ofStep.set(event.step_id, [position]);
    else positions.push(position);
  }
}

/** The first index whose number is above a limit, in numbers that rise. */
function firstAbove(numbers, limit) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The events of a file of JSON lines; a damaged line is an error with its number. */
export function eventsOfLines(text) {
  const events = [];
  text.split("\n").forEach((line, index) => {
    if (!line.trim()) return;
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      throw new Error(`Line ${index + 1} is not JSON.`);
    }
    if (event === null || typeof event !== "object" || typeof event.event_type !== "string" || !event.timestamp) {
      throw new Error(`Line ${index + 1} is not an event of an execution.`);
    }
    events.push(event);
  });
  if (!events.length) throw new Error("The file has no events.");
  return events;
}
