// The events of one execution over `fetch`, which can send a key where `EventSource` cannot. It reconnects with the
// number of the last event that has arrived, so that nothing is lost and nothing arrives twice.
import { ProblemError } from "./api.js";
import { isTerminal } from "./execution-state.js";
import { SseParser } from "./sse-parser.js";

const SILENT_MS = 40_000; // the server sends a comment every 15 s, so a silent connection is dead
const LONGEST_MS = 30_000;
const FINAL = new Set([400, 401, 403, 404, 410]);

/**
 * Follows an execution to its end. `onEvents(events)` gets them in order, and `onConnection(name, details)` hears of
 * `connecting`, `live`, `waiting` (with `delayMs` and `reason`), `ended` and `refused` (with `error`).
 */
export async function followEvents(api, executionId, { after = 0, signal, onEvents, onConnection }) {
  let failures = 0;
  let retryMs = 1000;
  while (!signal.aborted) {
    const before = after;
    onConnection("connecting");
    try {
      const ended = await readOnce(api, executionId, after, signal, onConnection, (events) => {
        const fresh = events.filter((event) => event.seq > after);
        if (!fresh.length) return false;
        after = fresh.at(-1).seq;
        onEvents(fresh);
        return isTerminal(fresh.at(-1));
      }, (ms) => (retryMs = ms));
      if (ended) return onConnection("ended");
      if (after > before) failures = 0;
      await pause("the server closed the stream");
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ProblemError && FINAL.has(error.status)) return onConnection("refused", { error });
      if (after > before) failures = 0;
      await pause(error instanceof ProblemError ? error.message : "the server cannot be reached");
    }
  }

  async function pause(reason) {
    failures += 1;
    const backoffMs = Math.min(retryMs * 2 ** (failures - 1), LONGEST_MS);
    const delayMs = backoffMs * (0.75 + Math.random() / 2); // spread, so that clients do not return all at once
    onConnection("waiting", { delayMs, reason });
    await sleep(delayMs, signal);
  }
}

async function readOnce(api, executionId, after, signal, onConnection, onBatch, onRetry) {
  const silence = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENT_MS);
  };
  heard();
  const query = after ? `?after=${after}` : "";
  try {
    const response = await api.fetch(`executions/${encodeURIComponent(executionId)}/events${query}`, {
      headers: { accept: "text/event-stream" },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (response.status === 204) return true;
    onConnection("live");
    const parser = new SseParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      heard();
      const messages = parser.push(value);
      if (parser.retryMs !== null) onRetry(parser.retryMs);
      if (messages.length && onBatch(messages.map((message) => JSON.parse(message.data)))) return true;
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Waits; being online again ends it early. */
function sleep(delayMs, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
