// Tabs, as https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ describes them.
import { html } from "../lib/html.js";
import { nextTick, shallowRef } from "../vendor/vue.runtime.esm-browser.prod.js";

export const Tabs = {
  props: ["views", "label", "chosen", "onChoose"],
  setup(props) {
    const list = shallowRef(null);
    function pressed(event) {
      const ids = props.views.map((view) => view.id);
      const at = ids.indexOf(props.chosen);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      props.onChoose(ids.at(to % ids.length));
      void nextTick(() => list.value.querySelector("[aria-selected=true]").focus());
    }
    const tab = ({ id, label }) => html`
      <button type="button" role="tab" id=${`tab-${id}`} aria-controls="tab-panel" aria-selected=${String(id === props.chosen)}
        tabindex=${id === props.chosen ? 0 : -1} onClick=${() => props.onChoose(id)}>${label}</button>`;
    return () => html`
      <div class="panel tabs">
        <div class="tab-list" role="tablist" aria-label=${props.label} ref=${list} onKeydown=${pressed}>${props.views.map(tab)}</div>
        <div class="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby=${`tab-${props.chosen}`} key=${props.chosen}>
          ${props.views.find((view) => view.id === props.chosen).content()}
        </div>
      </div>`;
  },
};
