// The view of one execution for other people's pages: the custom element <headwater-monitor> and a Vue component.
import { Api, HOME } from "./data/api.js";
import { createApp, h } from "./vendor/vue.runtime.esm-browser.prod.js";
import { ExecutionView } from "./view/execution-view.js";

/**
 * A Vue component with the props `execution` (its id), `src` (address of the server; by default the one that this file
 * comes from) and `authorization` (value of the header, such as `Bearer KEY`). The page must use the same Vue as this
 * file; a page with another one uses the custom element.
 */
export const StreamingMonitor = {
  props: { execution: String, src: String, authorization: String },
  emits: ["started"],
  setup(props, { emit }) {
    const api = () => new Api(props.src || HOME, () => props.authorization ?? "");
    return () => {
      const { execution, src = "" } = props;
      if (!execution) return null;
      return h(ExecutionView, { key: `${src} ${execution}`, api: api(), execution, onStarted: (form) => emit("started", form) });
    };
  },
};

// Constructed style sheets, as the security policy of a page may forbid inline styles.
const sheets = await Promise.all(["base", "view", "graph", "lists"].map(async (name) => {
  const sheet = new CSSStyleSheet();
  const response = await fetch(new URL(`styles/${name}.css`, import.meta.url));
  sheet.replaceSync(await response.text());
  return sheet;
}));

/**
 * <headwater-monitor execution="ID" src="https://host/">. A key is set as a property, so that it is not in the document:
 * `element.authorization = "Bearer KEY"`. "Run again" sends a `started` event with the new execution, and shows it.
 */
export class HeadwaterMonitor extends HTMLElement {
  static observedAttributes = ["execution", "src"];
  #app = null;
  #authorization = "";

  get authorization() {
    return this.#authorization;
  }

  set authorization(value) {
    this.#authorization = value;
    this.#show();
  }

  connectedCallback() {
    this.#show();
  }

  disconnectedCallback() {
    this.#hide();
  }

  attributeChangedCallback() {
    this.#show();
  }

  #hide() {
    this.#app?.unmount();
    this.#app = null;
  }

  #show() {
    if (!this.isConnected) return;
    this.#hide();
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets;
    const place = document.createElement("div");
    root.replaceChildren(place);
    const props = {
      execution: this.getAttribute("execution") ?? "",
      src: this.getAttribute("src") ?? "",
      authorization: this.#authorization,
      onStarted: (execution) => {
        this.dispatchEvent(new CustomEvent("started", { detail: execution }));
        this.setAttribute("execution", execution.id);
      },
    };
    this.#app = createApp(StreamingMonitor, props);
    this.#app.mount(place);
  }
}

if (!customElements.get("headwater-monitor")) customElements.define("headwater-monitor", HeadwaterMonitor);
