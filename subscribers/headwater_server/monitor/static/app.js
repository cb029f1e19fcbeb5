// The page: its bar, the view that the address names, the dialog for a key, and files of events that are dropped.
import { html } from "./lib/html.js";
import { ExecutionPage } from "./pages/execution-page.js";
import { ExecutionsPage } from "./pages/executions-page.js";
import { FilePage, openFile } from "./pages/file-page.js";
import { KeyDialog } from "./pages/key-dialog.js";
import { PipelinePage } from "./pages/pipeline-page.js";
import { PipelinesPage } from "./pages/pipelines-page.js";
import { go, link, route } from "./router.js";
import { isDark, session, setTheme } from "./session.js";
import { createApp, h, nextTick, onMounted, shallowRef, watch } from "./vendor/vue.runtime.esm-browser.prod.js";
import { icon } from "./view/icons.js";

const mark = () => html`
  <svg viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" fill="var(--accent)" />
    <path d="M6 10c4 0 4 4 8 4M6 22c4 0 4-4 8-4M14 14c4 0 6 2 12 2M14 18c4 0 6-2 12-2" fill="none"
      stroke="var(--on-accent)" stroke-width="2.6" stroke-linecap="round" />
  </svg>`;

/** The view of the present address; a key makes Vue begin anew when its subject changes. */
function view({ parts: [place, name] }) {
  const key = `${place}/${name ?? ""}/${session.key}`;
  if (place === "pipelines") return name ? h(PipelinePage, { key, name }) : h(PipelinesPage, { key });
  if (place === "executions") return name ? h(ExecutionPage, { key, id: name }) : h(ExecutionsPage, { key });
  if (place === "file") return h(FilePage, { key });
  return html`<p class="empty">There is no such view. <a href=${link("pipelines")}>Show the pipelines</a></p>`;
}

const App = {
  setup() {
    const dropping = shallowRef(false);
    const main = shallowRef(null);
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

    onMounted(() => {
      addEventListener("dragover", (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        dropping.value = true;
      });
      addEventListener("dragleave", (event) => {
        if (event.relatedTarget === null) dropping.value = false;
      });
      addEventListener("drop", async (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        dropping.value = false;
        await openFile(event.dataTransfer.files[0]);
        go("file");
      });
    });
    watch(() => route.value.parts.join("/"), () => {
      scrollTo(0, 0);
      void nextTick(() => main.value?.focus({ preventScroll: true })); // a screen reader then reads the new view
    });

    const tab = (name, label) => html`
      <a href=${link(name)} aria-current=${route.value.parts[0] === name ? "page" : null}>${label}</a>`;

    return () => html`
      <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.value.focus())}>Skip to content</a>
      <header class="bar">
        <a class="brand" href=${link("pipelines")} aria-label="Headwater">${mark()}<span>Headwater</span></a>
        <nav aria-label="Views">${tab("pipelines", "Pipelines")}${tab("executions", "Executions")}</nav>
        <span class="grow"></span>
        <a class="button quiet small" href=${link("file")} title="Open a file of events">
          ${icon("upload")}<span class="only-wide">Open events</span></a>
        <button class="button quiet icon-only" title="Key" aria-label="Enter a key" onClick=${() => (session.asksKey = true)}>
          ${icon("key")}</button>
        <button class="button quiet icon-only" aria-label=${isDark() ? "Use light colors" : "Use dark colors"}
          title="Light or dark" onClick=${() => setTheme(isDark() ? "light" : "dark")}>
          ${icon(isDark() ? "sun" : "moon")}</button>
      </header>
      <main id="main" tabindex="-1" ref=${main}>${view(route.value)}</main>
      ${dropping.value && html`<div class="drop-target">Drop a file of events to replay it</div>`}
      ${session.asksKey && html`<${KeyDialog} />`}`;
  },
};

createApp(App).mount("#app");
