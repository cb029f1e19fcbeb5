// The graph of a pipeline as the engine lays it out, with the states and counts of an execution on it.
import { html } from "../lib/html.js";
import { computed, h, nextTick, onBeforeUnmount, onMounted, shallowRef } from "../vendor/vue.runtime.esm-browser.prod.js";
import { bufferOf, flows, pathOf } from "./edges.js";
import { GraphEdge, GraphNode } from "./graph-parts.js";
import { icon } from "./icons.js";

const TIP = 7;
const ZOOM = 1.3;
const [LEAST, MOST] = [0.05, 2.5];
const READABLE = 0.45; // below that scale, strings are not drawn
const SMALLEST_FIT = 0.62;
const MANY = 150; // nodes; of more than these, only those in sight exist, and nothing is animated
const SPARE = 80; // around what is in sight, in pixels

function tipOf([x, y], down) {
  return down ? `M${x} ${y}l-4-${TIP}h8z` : `M${x} ${y}l-${TIP}-4v8z`;
}

/** The point most of the way along an edge, where those that leave one step have parted. */
function labelPoint(points) {
  const lengths = points.slice(1).map(([x, y], index) => Math.hypot(x - points[index][0], y - points[index][1]));
  let left = lengths.reduce((sum, length) => sum + length, 0) * 0.62;
  const index = lengths.findIndex((length) => (left -= length) <= 0);
  const [[x0, y0], [x1, y1]] = [points[Math.max(index, 0)], points[Math.max(index, 0) + 1]];
  const share = lengths[index] ? 1 + left / lengths[index] : 0;
  return [x0 + (x1 - x0) * share, y0 + (y1 - y0) * share];
}

function boxOf(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
}

/** The edges with what does not change while the execution runs. */
function shapesOf(drawing) {
  const down = drawing.direction === "down";
  return drawing.edges.map((edge, index) => {
    const end = edge.points.at(-1);
    const short = down ? [end[0], end[1] - TIP] : [end[0] - TIP, end[1]];
    const points = [...edge.points.slice(0, -1), short];
    return {
      key: `${edge.source}>${edge.target}>${index}`,
      source: edge.source,
      target: edge.target,
      label: `${edge.source} → ${edge.target}${edge.label ? `: ${edge.streaming ? "stream of " : ""}${edge.label}` : ""}`,
      name: edge.name ?? "",
      streaming: edge.streaming,
      condition: edge.condition ?? "",
      path: pathOf(points, down),
      tip: tipOf(end, down),
      middle: labelPoint(points),
      box: boxOf(edge.points),
    };
  });
}

/** The node nearest to another one in the direction of an arrow key, or null. */
function neighbor(nodes, from, key) {
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  let best = null;
  for (const node of nodes) {
    const x = node.x + node.width / 2 - (from.x + from.width / 2);
    const y = node.y + node.height / 2 - (from.y + from.height / 2);
    const along = x * dx + y * dy;
    const aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (along > 4 && (best === null || along + 2.5 * aside < best.cost)) best = { node, cost: along + 2.5 * aside };
  }
  return best?.node ?? null;
}

export const GraphView = {
  props: ["drawing", "execution", "version", "chosen", "onChoose"],
  setup(props) {
    const frame = shallowRef(null);
    const zoom = shallowRef(null); // null: as large as fits
    const width = shallowRef(800);
    const height = shallowRef(400);
    const place = shallowRef([0, 0]); // how far it is scrolled
    const tabStop = shallowRef(null);
    const shapes = computed(() => shapesOf(props.drawing));
    const steps = computed(() => props.drawing.nodes.filter((node) => node.shape !== "end"));
    const fitted = computed(() => Math.min(1, (width.value - 2) / props.drawing.width));
    const whole = computed(() => Math.min(fitted.value, (height.value - 2) / props.drawing.height));
    // A graph that would be too small to read when it fits is as small as can be read, and scrolls.
    const scale = computed(() => zoom.value ?? (fitted.value < SMALLEST_FIT ? SMALLEST_FIT : fitted.value));

    const observer = new ResizeObserver(([entry]) => {
      width.value = entry.contentRect.width;
      height.value = entry.contentRect.height;
    });
    onMounted(() => observer.observe(frame.value));
    onBeforeUnmount(() => observer.disconnect());

    async function setZoom(to, at = null) {
      const box = frame.value;
      const [x, y] = at ?? [box.clientWidth / 2, box.clientHeight / 2];
      const before = scale.value;
      const [left, top] = [(box.scrollLeft + x) / before, (box.scrollTop + y) / before];
      zoom.value = Math.min(Math.max(to, LEAST), MOST);
      await nextTick();
      scrolled();
      box.scrollLeft = left * zoom.value - x;
      box.scrollTop = top * zoom.value - y;
    }
    const scrolled = () => (place.value = [frame.value.scrollLeft, frame.value.scrollTop]);
    const isMany = computed(() => props.drawing.nodes.length > MANY);
    /** Whether a part of the drawing is in sight, or near it. */
    function isInSight({ x, y, width: w, height: h }) {
      const [left, top] = place.value.map((pixels) => (pixels - SPARE) / scale.value);
      const right = left + (width.value + 2 * SPARE) / scale.value;
      const bottom = top + (height.value + 2 * SPARE) / scale.value;
      return x + w >= left && x <= right && y + h >= top && y <= bottom;
    }
    const shownNodes = computed(() => (isMany.value ? props.drawing.nodes.filter(isInSight) : props.drawing.nodes));
    const shownEdges = computed(() => (isMany.value ? shapes.value.filter(({ box }) => isInSight(box)) : shapes.value));

    /** Moves the focus to a step, which is scrolled into sight first. */
    async function focus(node) {
      const box = frame.value;
      const [x, y] = [(node.x + node.width / 2) * scale.value, (node.y + node.height / 2) * scale.value];
      tabStop.value = node.id;
      if (!isInSight(node)) {
        box.scrollLeft = x - box.clientWidth / 2;
        box.scrollTop = y - box.clientHeight / 2;
        scrolled();
      }
      await nextTick();
      box.querySelector(`[data-step="${CSS.escape(node.id)}"]`)?.focus();
    }
    function wheel(event) {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = frame.value.getBoundingClientRect();
      void setZoom(scale.value * (event.deltaY < 0 ? 1.12 : 1 / 1.12), [event.clientX - box.left, event.clientY - box.top]);
    }
    function pressed(event) {
      const here = event.target.closest?.("[data-step]");
      if (!here) return;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        props.onChoose?.(here.dataset.step);
      } else if (event.key.startsWith("Arrow")) {
        event.preventDefault();
        const from = steps.value.find((node) => node.id === here.dataset.step);
        const next = neighbor(steps.value, from, event.key);
        if (next !== null) void focus(next);
      }
    }

    const firstShown = computed(() => shownNodes.value.find((node) => node.shape !== "end")?.id);
    function edge({ box, name, source, target, ...shape }) {
      const { execution } = props;
      const buffer = execution ? bufferOf(execution, { source, target, name }) : null;
      return h(GraphEdge, {
        ...shape,
        share: buffer?.share ?? null,
        items: buffer?.items ?? null,
        capacity: buffer?.capacity ?? null,
        isFlowing: execution ? flows(execution, source, target) : false,
        isDone: execution?.steps.get(source)?.state === "done",
      });
    }
    function node(each) {
      const step = props.execution?.steps.get(each.id) ?? null;
      const first = tabStop.value ?? props.chosen ?? firstShown.value;
      return h(GraphNode, {
        key: each.id,
        node: each,
        step,
        version: step?.version ?? 0,
        chosen: each.id === props.chosen,
        isFar: scale.value < READABLE,
        isTabStop: each.id === first,
        onChoose: props.onChoose ? choose : null, // else the graph is only a picture
      });
    }
    const choose = (id) => {
      tabStop.value = id;
      props.onChoose(id);
    };
    const button = (name, label, action) => html`
      <button type="button" class="button small icon-only" title=${label} aria-label=${label} onClick=${action}>${icon(name)}</button>`;

    return () => {
      void props.version;
      const { drawing } = props;
      return html`
        <div class="graph">
          <div class="graph-scroll scrolls" ref=${frame} onWheel=${wheel} onScroll=${scrolled} onKeydown=${pressed} role="group" tabindex="-1"
            aria-label="Graph of the pipeline">
            <svg class=${["drawing", scale.value < READABLE && "far", isMany.value && "many"]} width=${drawing.width * scale.value}
              height=${drawing.height * scale.value} viewBox=${`0 0 ${drawing.width} ${drawing.height}`} role="presentation">
              ${shownEdges.value.map(edge)}
              ${shownNodes.value.map(node)}
            </svg>
          </div>
          <div class="graph-zoom" role="group" aria-label="Size of the graph">
            ${button("minus", "Smaller", () => setZoom(scale.value / ZOOM))}
            ${button("plus", "Larger", () => setZoom(scale.value * ZOOM))}
            ${button("fit", "Fit the whole graph", () => (zoom.value = zoom.value === whole.value ? null : whole.value))}
          </div>
        </div>`;
    };
  },
};
