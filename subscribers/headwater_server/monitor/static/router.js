// The address of a view is in the fragment, such as `#/executions/e1?tab=events`, so that every view can be linked.
import { shallowRef } from "./vendor/vue.runtime.esm-browser.prod.js";

function read() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { parts: parts.length ? parts : ["pipelines"], query: new URLSearchParams(query) };
}

export const route = shallowRef(read());
addEventListener("hashchange", () => (route.value = read()));

export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

/** Shows another view; an object at the end is its query. */
export function go(...parts) {
  const query = typeof parts.at(-1) === "object" ? `?${new URLSearchParams(parts.pop())}` : "";
  location.hash = link(...parts) + query;
}

/** Changes the query of the present view without a new entry in the history. */
export function replaceQuery(changes) {
  const query = new URLSearchParams(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const path = link(...route.value.parts);
  history.replaceState(null, "", query.size ? `${path}?${query}` : path);
  route.value = read();
}
