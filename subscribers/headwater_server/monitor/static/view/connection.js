// What the reader should know of the connection; nothing while it works.
import { html } from "../lib/html.js";
import { icon } from "./icons.js";

export function connectionNotice({ name, reason, error }) {
  if (name === "waiting" || (name === "connecting" && reason)) {
    return html`
      <div class="notice warning connection" role="status">${icon("offline", "is-stopped")}
        <p class="grow">Reconnecting: ${reason}. Nothing is lost; the events continue where they stopped.</p></div>`;
  }
  if (name === "refused") {
    return html`
      <div class="notice bad connection" role="alert">${icon("warning", "is-failed")}<p class="grow">${error.message}</p></div>`;
  }
  return null;
}
