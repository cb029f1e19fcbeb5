// A list whose rows exist only while they are in sight, so that it may have a hundred thousand of them.
import { h, nextTick, onBeforeUnmount, onMounted, shallowRef, watch } from "../vendor/vue.runtime.esm-browser.prod.js";
import { html } from "./html.js";

const SPARE = 8; // rows above and below what is in sight

/**
 * `row(index)` returns the content of a row. With `onChoose(index)`, rows are the options of a list box, in which the
 * arrow keys, Home, End, Page Up and Page Down move. `follows` keeps the end in sight until the reader scrolls away.
 */
export const VirtualList = {
  props: ["count", "rowHeight", "row", "label", "chosen", "onChoose", "follows", "keyOf", "idBase", "version"],
  setup(props) {
    const frame = shallowRef(null);
    const top = shallowRef(0);
    const height = shallowRef(400);
    let isAtEnd = true;

    const observer = new ResizeObserver(([entry]) => (height.value = entry.contentRect.height));
    onMounted(() => observer.observe(frame.value));
    onBeforeUnmount(() => observer.disconnect());

    const scrolled = () => {
      top.value = frame.value.scrollTop;
      isAtEnd = frame.value.scrollTop + frame.value.clientHeight >= frame.value.scrollHeight - props.rowHeight;
    };
    watch(() => props.count, () => {
      if (props.follows && isAtEnd) void nextTick(() => frame.value && (frame.value.scrollTop = frame.value.scrollHeight));
    });
    function show(index) {
      const { scrollTop, clientHeight } = frame.value;
      const place = index * props.rowHeight;
      if (place < scrollTop) frame.value.scrollTop = place;
      else if (place + props.rowHeight > scrollTop + clientHeight) frame.value.scrollTop = place + props.rowHeight - clientHeight;
    }
    watch(() => props.chosen, (index) => index != null && index >= 0 && frame.value && show(index));

    function pressed(event) {
      const page = Math.max(Math.floor(height.value / props.rowHeight) - 1, 1);
      const last = props.count - 1;
      const from = props.chosen ?? -1;
      const to = {
        ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: last,
      }[event.key];
      if (to === undefined || last < 0) return;
      event.preventDefault();
      props.onChoose(Math.min(Math.max(to, 0), last));
    }

    return () => {
      const first = Math.max(Math.floor(top.value / props.rowHeight) - SPARE, 0);
      const end = Math.min(Math.ceil((top.value + height.value) / props.rowHeight) + SPARE, props.count);
      const rows = [];
      for (let index = first; index < end; index += 1) {
        rows.push(h("div", {
          key: props.keyOf ? props.keyOf(index) : index,
          id: `${props.idBase}-${index}`,
          class: ["virtual-row", index === props.chosen && "chosen"],
          style: { height: `${props.rowHeight}px`, transform: `translateY(${index * props.rowHeight}px)` },
          role: props.onChoose ? "option" : "listitem",
          "aria-selected": props.onChoose ? String(index === props.chosen) : null,
          "aria-setsize": props.count,
          "aria-posinset": index + 1,
          onClick: props.onChoose ? () => props.onChoose(index) : null,
        }, props.row(index)));
      }
      const active = props.chosen != null && props.chosen >= first && props.chosen < end ? `${props.idBase}-${props.chosen}` : null;
      return html`
        <div class="virtual scrolls" ref=${frame} tabindex="0" aria-label=${props.label}
          role=${props.onChoose ? "listbox" : "list"} aria-activedescendant=${props.onChoose ? active : null}
          onScroll=${scrolled} onKeydown=${props.onChoose ? pressed : null}>
          <div class="virtual-space" role="presentation" style=${{ height: `${props.count * props.rowHeight}px` }}>${rows}</div>
        </div>`;
    };
  },
};
