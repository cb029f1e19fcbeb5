// All pipelines of the server, with the problems of those that are broken.
import { html } from "../lib/html.js";
import { loading } from "../lib/loading.js";
import { link } from "../router.js";
import { api } from "../session.js";
import { shallowRef } from "../vendor/vue.runtime.esm-browser.prod.js";
import { icon } from "../view/icons.js";
import { errorNotice, problemList } from "./problem-list.js";

const RELOAD_MS = 10_000;

const row = (pipeline) => html`
  <li>
    <div class="list-row">
      <div class="grow">
        <a class="name" href=${link("pipelines", pipeline.name)}>${pipeline.name}</a>
        <p class="muted">${pipeline.description}</p>
      </div>
      ${pipeline.state === "broken"
        ? html`<span class="state is-failed">${icon("failed")}broken</span>`
        : html`<a class="button small" href=${link("pipelines", pipeline.name)} aria-label=${`Run ${pipeline.name}`}>
            ${icon("play")}Run</a>`}
    </div>
    ${pipeline.problems.length ? problemList(pipeline.problems) : null}
  </li>`;

export const PipelinesPage = {
  setup() {
    document.title = "Pipelines · Headwater";
    const search = shallowRef("");
    const list = loading(() => api.pipelines(), RELOAD_MS);
    const found = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const has = ({ name, description }) => words.every((word) => `${name} ${description}`.toLowerCase().includes(word));
      return (list.data ?? []).filter(has);
    };
    return () => html`
      <div class="head">
        <div class="grow"><h1>Pipelines</h1></div>
        <input class="field" style=${{ width: "220px" }} type="search" placeholder="Search" aria-label="Search pipelines"
          value=${search.value} onInput=${(event) => (search.value = event.target.value)} />
      </div>
      ${list.error && errorNotice(list.error)}
      ${list.data && html`
        <div class="panel">
          ${found().length
            ? html`<ul class="list">${found().map(row)}</ul>`
            : html`<p class="empty">${list.data.length ? "No pipeline matches." : "The server has no pipelines."}</p>`}
        </div>`}`;
  },
};
