// Asks for the key of the caller.
import { html } from "../lib/html.js";
import { session, setKey } from "../session.js";
import { onMounted, shallowRef } from "../vendor/vue.runtime.esm-browser.prod.js";

export const KeyDialog = {
  setup() {
    const dialog = shallowRef(null);
    const key = shallowRef(session.key);
    onMounted(() => dialog.value.showModal());
    const submit = (event) => {
      event.preventDefault();
      setKey(key.value);
    };
    return () => html`
      <dialog ref=${dialog} aria-labelledby="key-title" onClose=${() => (session.asksKey = false)}>
        <form class="form" onSubmit=${submit}>
          <h2 id="key-title">Key of this server</h2>
          <p class="muted">The operator of the server gives it to you. It is kept until this tab is closed.</p>
          <div class="form-field">
            <label for="key-field">Key</label>
            <input id="key-field" class="field mono" type="password" autocomplete="off" value=${key.value}
              onInput=${(event) => (key.value = event.target.value)} />
          </div>
          <div class="row">
            <span class="grow"></span>
            <button type="button" class="button" onClick=${() => dialog.value.close()}>Cancel</button>
            <button type="submit" class="button primary">Use this key</button>
          </div>
        </form>
      </dialog>`;
  },
};
