// From a JSON Schema to the fields of a form, and from what was typed to the value that is sent.

/** The schema itself, without references and without the option of null. */
export function resolved(schema, root) {
  for (let depth = 0; schema?.$ref && depth < 20; depth += 1) {
    const path = schema.$ref.replace(/^#\/?/, "").split("/").filter(Boolean);
    const found = path.reduce((part, name) => part?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], root);
    schema = { ...found, ...schema, $ref: found?.$ref };
  }
  const choices = schema?.anyOf ?? schema?.oneOf;
  if (choices) {
    const others = choices.filter((choice) => choice.type !== "null");
    if (others.length === 1) return resolved({ ...others[0], ...withoutChoices(schema), isOptional: true }, root);
  }
  return schema ?? {};
}

const withoutChoices = ({ anyOf, oneOf, ...rest }) => rest;

/** Which field a schema gets: choice, check, number, text, group or json. */
export function fieldKind(schema) {
  if (schema.enum || "const" in schema) return "choice";
  if (schema.type === "boolean") return "check";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "string") return "text";
  if (schema.type === "object" && Object.keys(schema.properties ?? {}).length) return "group";
  return "json";
}

export const choicesOf = (schema) => schema.enum ?? [schema.const];

/** What a field holds before anything is typed. */
export function initial(schema, root) {
  const value = schema.default;
  switch (fieldKind(schema)) {
    case "group":
      return Object.fromEntries(
        Object.entries(schema.properties).map(([name, part]) => {
          const own = resolved(part, root);
          return [name, initial(value && name in value ? { ...own, default: value[name] } : own, root)];
        }),
      );
    case "check":
      return value ?? false;
    case "choice":
      return value === undefined ? "" : JSON.stringify(value);
    case "json":
      return value === undefined ? "" : JSON.stringify(value, null, 2);
    default:
      return value == null ? "" : String(value);
  }
}

/** The value of a field; undefined when it is empty. Mistakes are added to `errors` by the path of the field. */
export function readField(schema, raw, root, path, errors, isRequired = false) {
  const kind = fieldKind(schema);
  if (kind === "group") return readGroup(schema, raw, root, path, errors);
  if (kind === "check") return raw;
  if (raw === "" && !(kind === "text" && isRequired && schema.default === undefined && !schema.minLength)) {
    if (isRequired) errors[path] = "This is needed.";
    return undefined;
  }
  if (kind === "text") return raw;
  if (kind === "number") return readNumber(schema, raw, path, errors);
  try {
    return JSON.parse(raw);
  } catch (error) {
    errors[path] = `This is not JSON: ${error.message}.`;
    return undefined;
  }
}

function readGroup(schema, raw, root, path, errors) {
  const read = {};
  for (const [name, part] of Object.entries(schema.properties)) {
    const needed = (schema.required ?? []).includes(name);
    const value = readField(resolved(part, root), raw[name], root, path ? `${path}.${name}` : name, errors, needed);
    if (value !== undefined) read[name] = value;
  }
  return read;
}

function readNumber(schema, raw, path, errors) {
  const number = Number(raw);
  const wrong =
    Number.isNaN(number) ? "This is not a number."
    : schema.type === "integer" && !Number.isInteger(number) ? "This is not a whole number."
    : number < schema.minimum ? `The least is ${schema.minimum}.`
    : number > schema.maximum ? `The most is ${schema.maximum}.`
    : number <= schema.exclusiveMinimum ? `It must be above ${schema.exclusiveMinimum}.`
    : number >= schema.exclusiveMaximum ? `It must be below ${schema.exclusiveMaximum}.`
    : "";
  if (wrong) errors[path] = wrong;
  return number;
}

/** The items of a streaming input, one in each line. */
export function readItems(schema, raw, errors, path) {
  const lines = raw.replace(/\n$/, "").split("\n");
  if (raw === "") return [];
  if (schema.type === "string") return lines;
  return lines.filter((line) => line.trim()).map((line, index) => {
    try {
      return JSON.parse(line);
    } catch {
      errors[path] ??= `Line ${index + 1} is not JSON.`;
      return null;
    }
  });
}
