// Runs a function of clients.js in Node: what it says goes to stdout, and what it hears comes from stdin, as JSON lines.
import { createInterface } from "node:readline";

import { EventSource } from "eventsource";
import WebSocket from "ws";

Object.assign(globalThis, { EventSource, WebSocket });
const [name, options] = process.argv.slice(2);
const port = { say: (value) => process.stdout.write(`${JSON.stringify(value)}\n`), hear: () => {} };
createInterface({ input: process.stdin })
  .on("line", (line) => port.hear(JSON.parse(line)))
  .on("close", () => process.exit());
const clients = await import("./clients.js");
await clients[name](JSON.parse(options), port);
