// Data from the server that a view needs, with its error, loaded again from time to time while the page is visible.
import { onScopeDispose, shallowReactive } from "../vendor/vue.runtime.esm-browser.prod.js";

export function loading(load, everyMs = 0) {
  const state = shallowReactive({ data: null, error: null, reload });
  let isGone = false;
  let timer = 0;

  async function reload() {
    clearTimeout(timer);
    try {
      if (!document.hidden || state.data === null) {
        const data = await load();
        if (isGone) return;
        state.data = data;
        state.error = null;
      }
    } catch (error) {
      state.error = error;
    }
    if (everyMs && !isGone) timer = setTimeout(reload, everyMs);
  }
  onScopeDispose(() => {
    isGone = true;
    clearTimeout(timer);
  });
  void reload();
  return state;
}
