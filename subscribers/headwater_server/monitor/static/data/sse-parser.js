// Server-sent events as the HTML standard parses them: https://html.spec.whatwg.org/multipage/server-sent-events.html

/** Takes the text of a stream in pieces of any size, and returns the messages that each piece completes. */
export class SseParser {
  #rest = "";
  #started = false;
  #data = [];
  #type = "";
  lastId = "";
  retryMs = null;

  push(text) {
    text = this.#rest + text;
    if (!this.#started && text) {
      this.#started = true;
      if (text.startsWith("\ufeff")) text = text.slice(1);
    }
    // A CR at the end may be half of a CRLF, so it waits for what follows.
    const kept = text.endsWith("\r") ? text.length - 1 : text.length;
    const lines = text.slice(0, kept).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() + text.slice(kept);
    const messages = [];
    for (const line of lines) this.#line(line, messages);
    return messages;
  }

  #line(line, messages) {
    if (line === "") {
      if (this.#data.length) messages.push({ type: this.#type || "message", data: this.#data.join("\n"), id: this.lastId });
      this.#data = [];
      this.#type = "";
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}
