// The lines between the steps, and how full the buffers are that they stand for.

/** The path of an edge through its points, with soft bends in the direction of the data. */
export function pathOf(points, isDownward) {
  const parts = [`M${joined(...points[0])}`];
  for (let index = 1; index < points.length; index += 1) {
    const [[x0, y0], [x1, y1]] = [points[index - 1], points[index]];
    const middle = isDownward ? (y0 + y1) / 2 : (x0 + x1) / 2;
    const isBent = Math.abs(isDownward ? x1 - x0 : y1 - y0) > 0.5;
    const bend = isDownward ? [x0, middle, x1, middle] : [middle, y0, middle, y1];
    parts.push(isBent ? `C${joined(...bend, x1, y1)}` : `L${joined(x1, y1)}`);
  }
  return parts.join("");
}

const joined = (...numbers) => numbers.map((number) => number.toFixed(1)).join(" ");

/**
 * How full the buffer of an edge is: its items, its capacity and the share, or null when no event says it. Without
 * counts, what the two steps wait for says whether it is full or empty.
 */
export function bufferOf(execution, { source, target, name }) {
  const [writer, reader] = [execution.steps.get(source), execution.steps.get(target)];
  const counted = reader?.waiting[name] ?? writer?.waiting[name];
  if (counted) return { items: counted[0], capacity: counted[1], share: counted[0] / (counted[1] || 1) };
  if (reader?.state !== "running") return null;
  if (writer?.state === "running" && writer.waitsFor === "output" && reader.waitsFor === null) return { share: 1 };
  return null;
}

/** Whether items move along an edge at present. */
export function flows(execution, source, target) {
  const [writer, reader] = [execution.steps.get(source), execution.steps.get(target)];
  return writer?.state === "running" && reader?.state === "running" && (writer.itemsOut ?? 0) > 0;
}
