// What the views share: the key of the caller, the theme, and the requests to the server.
import { Api } from "./data/api.js";
import { reactive } from "./vendor/vue.runtime.esm-browser.prod.js";

const KEY = "headwater.key";
const THEME = "headwater.theme";

function stored(storage, name) {
  try {
    return storage.getItem(name) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

function store(storage, name, value) {
  try {
    if (value) storage.setItem(name, value);
    else storage.removeItem(name);
  } catch {
    // It is forgotten with the page.
  }
}

export const session = reactive({
  key: stored(sessionStorage, KEY), // until the tab is closed
  asksKey: false,
  theme: stored(localStorage, THEME), // empty: as the system has it
});

export function setKey(key) {
  session.key = key.trim();
  session.asksKey = false;
  store(sessionStorage, KEY, session.key);
}

export function setTheme(theme) {
  session.theme = theme;
  store(localStorage, THEME, theme);
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

export const isDark = () =>
  session.theme ? session.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

export const api = new Api(
  undefined,
  () => (session.key ? `Bearer ${session.key}` : ""),
  () => (session.asksKey = true),
);

// Inputs of executions that this tab has started, so that they can be run again; a server does not keep them.
const inputs = new Map();
export const givenInput = (executionId) => inputs.get(executionId);
export function rememberInput(executionId, body) {
  if (body && "input" in body) inputs.set(executionId, { input: body.input });
}
