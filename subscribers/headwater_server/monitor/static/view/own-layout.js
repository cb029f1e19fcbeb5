// Places steps in layers when there is only a file of events, and no server that has the engine's own drawing.

const [HEIGHT, BESIDE, BETWEEN, MARGIN] = [44, 20, 56, 24];
const NAME_EM = 7.6;
const KIND_EM = 6.7;
const SWEEPS = 6;

/** The layer of each step: one more than the highest of the steps that it reads from. */
function depthsOf(steps, sources) {
  const depths = new Map();
  for (const { stepId } of steps) { // each after all that feed it, as `pipeline_start` has them
    depths.set(stepId, Math.max(-1, ...sources.get(stepId).map((id) => depths.get(id) ?? -1)) + 1);
  }
  return depths;
}

/** Sorts each layer by the middle of its neighbors in the layer before, to and fro. */
function sortLayers(layers, sources, targets) {
  const place = new Map();
  const note = (layer) => layer.forEach((id, index) => place.set(id, index - layer.length / 2));
  layers.forEach(note);
  const mean = (ids, own) => (ids.length ? ids.reduce((sum, id) => sum + place.get(id), 0) / ids.length : place.get(own));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const near = sweep % 2 ? targets : sources;
    for (const layer of sweep % 2 ? layers.toReversed() : layers) {
      const wanted = new Map(layer.map((id) => [id, mean(near.get(id), id)]));
      layer.sort((one, other) => wanted.get(one) - wanted.get(other));
      note(layer);
    }
  }
}

/** A drawing in the form that a server has, from the steps and edges of `pipeline_start`. */
export function layOut(execution) {
  const steps = [...execution.steps.values()].filter((step) => !step.stepId.includes("/"));
  const ids = new Set(steps.map((step) => step.stepId));
  const edges = execution.edges.filter(({ source, target }) => ids.has(source) && ids.has(target));
  const sources = new Map(steps.map((step) => [step.stepId, []]));
  const targets = new Map(steps.map((step) => [step.stepId, []]));
  for (const { source, target } of edges) {
    sources.get(target).push(source);
    targets.get(source).push(target);
  }
  const layers = [];
  for (const [id, depth] of depthsOf(steps, sources)) (layers[depth] ??= []).push(id);
  sortLayers(layers, sources, targets);

  const tallest = Math.max(0, ...layers.map((layer) => layer.length)) * (HEIGHT + BESIDE) - BESIDE;
  const nodes = new Map();
  let x = MARGIN;
  for (const layer of layers) {
    const inLayer = layer.map((id) => execution.steps.get(id));
    const width = Math.max(...inLayer.map((step) =>
      Math.max(NAME_EM * Math.min(step.stepId.length, 28), KIND_EM * Math.min(step.kind.length, 28)) + 28));
    const top = MARGIN + (tallest - layer.length * (HEIGHT + BESIDE) + BESIDE) / 2;
    inLayer.forEach((step, index) => {
      const y = top + index * (HEIGHT + BESIDE);
      nodes.set(step.stepId, { id: step.stepId, kind: step.kind, shape: "step", x, y, width, height: HEIGHT });
    });
    x += width + BETWEEN;
  }
  const middle = (node) => node.y + node.height / 2;
  return {
    width: x - BETWEEN + MARGIN,
    height: tallest + 2 * MARGIN,
    direction: "right",
    nodes: [...nodes.values()],
    edges: edges.map(({ source, target, name }) => {
      const [from, to] = [nodes.get(source), nodes.get(target)];
      return { source, target, name, label: "", streaming: true, points: [[from.x + from.width, middle(from)], [to.x, middle(to)]] };
    }),
  };
}
