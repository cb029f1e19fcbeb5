// The events as they happened, with filters, and one of them in full.
import { duration, line, offset } from "../lib/format.js";
import { html } from "../lib/html.js";
import { VirtualList } from "../lib/virtual-list.js";
import { h, shallowReactive } from "../vendor/vue.runtime.esm-browser.prod.js";

const ROW = 24;

/** What an event says, in one line. */
function summary({ event_type: type, data }) {
  if (data === null) return "";
  switch (type) {
    case "pipeline_start":
      return `${data.name}, ${data.steps.length} steps`;
    case "step_start":
      return `${data.kind} as ${data.flavor}`;
    case "step_progress":
      return [
        data.message,
        data.items_in !== null && `${data.items_in} in`,
        data.items_out !== null && `${data.items_out} out`,
        data.waits_for && `waits for ${data.waits_for === "input" ? "input" : "its readers"}`,
      ].filter(Boolean).join(", ");
    case "step_output":
      return `${data.port} ${data.index}: ${line(data.value, 120)}`;
    case "step_complete":
      return `${data.items_in} in, ${data.items_out} out, ${duration(data.duration_s)}`;
    case "step_retry":
      return `attempt ${data.next_attempt} in ${duration(data.delay_s)}: ${data.error_type}: ${data.message}`;
    case "step_error":
    case "pipeline_error":
      return data.cause_step_id ? `step ${data.cause_step_id} failed` : `${data.error_type}: ${data.message}`;
    case "step_skipped":
    case "pipeline_cancelled":
      return data.reason;
    case "pipeline_complete":
      return duration(data.duration_s);
    case "stream_gap":
      return `${data.missed} events are missing`;
    default:
      return line(data, 120);
  }
}

const tone = (type) =>
  type.endsWith("_error") ? "is-failed" : type === "step_retry" || type.endsWith("cancelled") || type === "stream_gap" ? "is-stopped"
  : type.endsWith("_complete") ? "is-done" : "";

export const EventList = {
  props: ["store", "player"],
  setup({ store, player }) {
    const filter = shallowReactive({ type: "", step: "", text: "" });
    const state = shallowReactive({ chosen: null });
    const kept = { positions: [], read: 0, by: "", recording: null };

    /** The positions of the events that pass the filters; new events are added to those found before. */
    function found() {
      const { recording } = store;
      const by = `${filter.type}\n${filter.step}\n${filter.text}\n${recording.dropped}`;
      if (kept.by !== by) Object.assign(kept, { positions: [], read: 0, by });
      const text = filter.text.toLowerCase();
      for (; kept.read < recording.length; kept.read += 1) {
        const event = recording.events[kept.read];
        if (filter.type && event.event_type !== filter.type) continue;
        if (filter.step && event.step_id !== filter.step && !event.step_id?.startsWith(`${filter.step}/`)) continue;
        if (text && !JSON.stringify(event).toLowerCase().includes(text)) continue;
        kept.positions.push(kept.read);
      }
      const end = store.shown.value; // a replay has not read what follows
      return end >= recording.length ? kept.positions : kept.positions.slice(0, below(kept.positions, end));
    }

    const row = (event, startS) => html`
      <div class="event-row">
        <span class="number muted">${event.seq}</span>
        <span class="number muted">${offset(event.timeS - startS)}</span>
        <span class=${`cut ${tone(event.event_type)}`}>${event.event_type}</span>
        <span class="cut mono">${event.step_id ?? ""}</span>
        <span class="cut summary">${summary(event)}</span>
      </div>`;

    const choice = (name, label, values) => html`
      <select class="field small-field" aria-label=${label} value=${filter[name]}
        onChange=${(event) => ((filter[name] = event.target.value), (state.chosen = null))}>
        <option value="">${label}</option>
        ${values.map((value) => html`<option value=${value}>${value}</option>`)}
      </select>`;

    function details(event) {
      const { timeS, ...envelope } = event;
      const position = store.recording.events.indexOf(event);
      return html`
        <div class="event-details scrolls" tabindex="0" role="region" aria-label="The chosen event">
          <div class="row">
            <h3 class="grow">Event ${event.seq}</h3>
            <button type="button" class="button small" onClick=${() => player.seek(position + 1)}>Replay from here</button>
          </div>
          <pre>${JSON.stringify(envelope, null, 2)}</pre>
        </div>`;
    }

    return () => {
      void store.version.value;
      const { recording } = store;
      const positions = found();
      const startS = recording.latest.startedS;
      const types = [...new Set(recording.events.slice(-5000).map((event) => event.event_type))].sort();
      const chosen = state.chosen === null ? undefined : recording.events[positions[state.chosen]];
      return html`
        <div class="events">
          <div class="row wrap filters">
            ${choice("type", "All types", types)}
            ${choice("step", "All steps", [...recording.latest.steps.keys()].slice(0, 2000))}
            <input class="field small-field search" type="search" placeholder="Search in the events" aria-label="Search in the events"
              value=${filter.text} onInput=${(event) => ((filter.text = event.target.value), (state.chosen = null))} />
            <span class="muted">${positions.length} of ${store.shown.value}</span>
            ${recording.dropped ? html`<span class="muted">The first ${recording.dropped} were forgotten.</span>` : null}
          </div>
          <div class=${chosen ? "events-split" : "events-whole"}>
            ${h(VirtualList, {
              count: positions.length,
              rowHeight: ROW,
              label: "Events",
              idBase: "event",
              follows: true,
              version: store.version.value,
              chosen: state.chosen,
              onChoose: (index) => (state.chosen = index),
              row: (index) => row(recording.events[positions[index]], startS),
            })}
            ${chosen && details(chosen)}
          </div>
        </div>`;
    };
  },
};

/** How many numbers, in numbers that rise, are below a limit. */
function below(numbers, limit) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
