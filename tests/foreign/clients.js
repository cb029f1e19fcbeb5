// Clients that others wrote: each function uses one of them, and says what it gets. They run in Chromium and in Node.

/** Follow events; `names` are those of the events. An EventSource that stops is closed. */
export function eventSource({ url, names = ["message"] }, port) {
  const source = new EventSource(url);
  for (const name of names) {
    source.addEventListener(name, ({ type, data, lastEventId }) => port.say({ type, data, id: lastEventId }));
  }
  source.addEventListener("open", () => port.say("open"));
  source.addEventListener("error", () => port.say(source.readyState === EventSource.CLOSED ? "closed" : "again"));
}

/** Read the lines of a response while they come. */
export async function fetchLines({ url, ...options }, port) {
  const response = await fetch(url, options);
  port.say({
    status: response.status,
    type: response.headers.get("content-type"),
    encoding: response.headers.get("content-encoding"),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (rest + part.value).split("\n");
      rest = lines.pop();
      for (const line of lines) port.say(line);
    }
    port.say({ end: rest });
  } catch {
    port.say({ cut: rest });
  }
}

/** Send what the test says as messages, and say what comes. */
export function webSocket({ url, options }, port) {
  const socket = options ? new WebSocket(url, options) : new WebSocket(url);
  port.hear = (message) => socket.send(message);
  socket.onopen = () => port.say({ open: socket.extensions });
  socket.onmessage = ({ data }) => port.say(data);
  socket.onclose = ({ code, reason, wasClean }) => port.say({ code, reason, wasClean });
  socket.onerror = () => {};
}

/** Parse a stream that comes from `fetch`. */
export async function parsedFetch({ url, ...options }, port) {
  const { EventSourceParserStream } = await import("eventsource-parser/stream");
  const response = await fetch(url, options);
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data, id } of events) port.say({ type: event ?? "message", data, id });
  port.say("end");
}

/** Parse streams, each one cut into pieces of some bytes. */
export async function parsed({ streams, size }, port) {
  const { createParser } = await import("eventsource-parser");
  for (const stream of streams) {
    const events = [];
    let retry = null;
    const parser = createParser({
      onEvent: ({ event, data, id }) => events.push([event ?? "message", data, id ?? null]),
      onRetry: (milliseconds) => (retry = milliseconds),
    });
    const bytes = Uint8Array.from(atob(stream), (character) => character.charCodeAt(0));
    const decoder = new TextDecoder();
    for (let start = 0; start < bytes.length; start += size) {
      parser.feed(decoder.decode(bytes.subarray(start, start + size), { stream: true }));
    }
    port.say({ events, retry });
  }
}

/** Call a function of an example of the documentation, which is also given a function that shows something. */
export async function example({ code, name, given }, port) {
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const shown = await module[name](...given, port.say);
  port.hear = (message) => shown.send(message);
}
