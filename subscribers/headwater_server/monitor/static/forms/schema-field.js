// One field of a form, made from its JSON Schema; a group holds others.
import { html } from "../lib/html.js";
import { choicesOf, fieldKind, resolved } from "./schema-values.js";

const label = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function control(kind, schema, raw, change, described) {
  const on = (event) => change(event.target.value);
  if (kind === "choice") {
    return html`
      <select class="field" ...${described} onChange=${on} value=${raw}>
        ${raw === "" || schema.isOptional ? html`<option value="">choose</option>` : null}
        ${choicesOf(schema).map((value) => html`<option value=${JSON.stringify(value)}>${label(value)}</option>`)}
      </select>`;
  }
  if (kind === "json" || schema.format === "multiline") {
    return html`<textarea class="field" spellcheck="false" ...${described} value=${raw} onInput=${on}></textarea>`;
  }
  const number = kind === "number";
  return html`
    <input class="field" ...${described} value=${raw} onInput=${on} type=${number ? "number" : "text"} autocomplete="off"
      step=${number ? (schema.type === "integer" ? 1 : "any") : null} min=${schema.minimum} max=${schema.maximum} />`;
}

/** A field with its name, hint and mistake. `change(value)` gets what was typed. */
export function schemaField({ name, schema, root, raw, change, errors, path, isRequired }) {
  schema = resolved(schema, root);
  const kind = fieldKind(schema);
  const id = `field-${path.replaceAll(/[^\w-]/g, "-")}`;
  const wrong = errors[path];
  const hint = schema.description ?? (kind === "json" ? "A value as JSON." : "");
  const described = {
    id,
    "aria-describedby": [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || null,
    "aria-invalid": wrong ? "true" : null,
    "aria-required": isRequired ? "true" : null,
  };
  const needed = isRequired && kind !== "check" ? html` <span class="needed">needed</span>` : null;
  const notes = html`
    ${hint ? html`<p class="hint" id=${`${id}-hint`}>${hint}</p>` : null}`;
  if (kind === "group") {
    return html`
      <fieldset class="form-field">
        <legend>${schema.title ?? name}</legend>${notes}
        <div class="form-group">${groupFields({ schema, root, raw, change, errors, path })}</div>
      </fieldset>`;
  }
  return html`
    <div class="form-field">
      ${kind === "check"
        ? html`
          <div class="check">
            <input type="checkbox" ...${described} checked=${raw} onChange=${(event) => change(event.target.checked)} />
            <label for=${id}>${name}</label>
          </div>${notes}`
        : html`<label for=${id}>${name}${needed}</label>${notes}${control(kind, schema, raw, change, described)}`}
      ${wrong ? html`<p class="wrong" id=${`${id}-wrong`}>${wrong}</p>` : null}
    </div>`;
}

/** The fields of an object. */
export function groupFields({ schema, root, raw, change, errors, path = "" }) {
  const needed = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).map(([name, part]) =>
    schemaField({
      name,
      schema: part,
      root,
      raw: raw[name],
      change: (value) => change({ ...raw, [name]: value }),
      errors,
      path: path ? `${path}.${name}` : name,
      isRequired: needed.includes(name),
    }),
  );
}
