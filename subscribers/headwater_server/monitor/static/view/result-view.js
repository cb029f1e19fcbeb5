// The result of an execution that has ended.
import { html } from "../lib/html.js";
import { shallowReactive, watch } from "../vendor/vue.runtime.esm-browser.prod.js";
import { icon } from "./icons.js";

const MOST_CHARACTERS = 200_000;

export const ResultView = {
  props: ["api", "execution", "ended"],
  setup(props) {
    const state = shallowReactive({ data: null, error: null, isCopied: false });
    async function load() {
      try {
        const result = await props.api.result(props.execution);
        if ("output" in result) state.data = result;
        state.error = null;
      } catch (error) {
        state.error = error;
      }
    }
    watch(() => props.ended, (ended) => ended && load(), { immediate: true });

    const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
    // Browsers offer the clipboard only over HTTPS and on the own machine.
    async function copy(text) {
      await navigator.clipboard.writeText(text);
      state.isCopied = true;
    }
    const part = (title, value) => {
      if (value == null) return null;
      const text = asText(value);
      return html`
        <section class="part">
          <div class="row"><h3 class="grow">${title}</h3>
            ${navigator.clipboard && html`
              <button type="button" class="button small" onClick=${() => copy(text)}>${icon("copy")}Copy</button>`}</div>
          <pre class="result scrolls" tabindex="0" role="region" aria-label=${title}>${text.slice(0, MOST_CHARACTERS)}</pre>
          ${text.length > MOST_CHARACTERS && html`<p class="muted">The rest is left out here.</p>`}
        </section>`;
    };
    return () => {
      if (state.error) return html`<div class="notice bad" role="alert">${icon("warning", "is-failed")}<p>${state.error.message}</p></div>`;
      if (!state.data) return html`<p class="empty">${props.ended ? "Loading the result" : "The result comes with the end of the execution."}</p>`;
      const { output, header, footer } = state.data;
      return html`
        <div class="result-view">
          <span class="hidden" role="status">${state.isCopied ? "Copied" : ""}</span>
          ${part("Header", header)}${part("Output", output)}${part("Footer", footer)}
          ${output == null && html`<p class="empty">The execution has no output.</p>`}
        </div>`;
    };
  },
};
