// The form that starts a pipeline: its parameters and its input.
import { html } from "../lib/html.js";
import { errorNotice, problemList } from "../pages/problem-list.js";
import { api, rememberInput } from "../session.js";
import { nextTick, reactive, shallowRef } from "../vendor/vue.runtime.esm-browser.prod.js";
import { icon } from "../view/icons.js";
import { groupFields, schemaField } from "./schema-field.js";
import { initial, readField, readItems, resolved } from "./schema-values.js";

/** The only free input of a pipeline, or null. */
function inputOf(pipeline) {
  const [first] = Object.entries(pipeline.inputs ?? {});
  if (!first) return null;
  const [name, { streaming, item }] = first;
  return { name, streaming, root: item ?? {}, schema: resolved(item ?? {}, item ?? {}) };
}

export const RunForm = {
  props: ["pipeline", "parameters"],
  emits: ["started"],
  setup(props, { emit }) {
    const schema = props.pipeline.parameters ?? {};
    const input = inputOf(props.pipeline);
    const raw = shallowRef(given(initial({ ...schema, type: "object", properties: schema.properties ?? {} }, schema)));
    const rawInput = shallowRef(input && !input.streaming ? initial(input.schema, input.root) : "");
    const state = reactive({ errors: {}, error: null, isBusy: false });
    const form = shallowRef(null);
    const inputPath = "the input";

    /** The values of an earlier execution, where there is one, in place of the defaults. */
    function given(fields) {
      if (typeof fields === "string") return {};
      const values = Object.entries(props.parameters ?? {}).filter(([name]) => name in fields);
      return {
        ...fields,
        ...Object.fromEntries(
          values.map(([name, value]) => {
            const part = { ...resolved(schema.properties[name], schema), default: value };
            return [name, initial(part, schema)];
          }),
        ),
      };
    }

    async function submit(event) {
      event.preventDefault();
      const errors = {};
      const body = { parameters: {} };
      if (Object.keys(schema.properties ?? {}).length) {
        body.parameters = readField({ ...schema, type: "object" }, raw.value, schema, "", errors);
      }
      if (input?.streaming) body.input = readItems(input.schema, rawInput.value, errors, inputPath);
      else if (input) body.input = readField(input.schema, rawInput.value, input.root, inputPath, errors, true);
      state.errors = errors;
      state.error = null;
      if (Object.keys(errors).length) {
        await nextTick();
        form.value.querySelector("[aria-invalid=true]")?.focus();
        return;
      }
      state.isBusy = true;
      try {
        const execution = await api.start(props.pipeline.name, body);
        rememberInput(execution.id, body);
        emit("started", execution);
      } catch (error) {
        state.error = error;
        state.errors = errorsByField(error.problems ?? []);
      } finally {
        state.isBusy = false;
      }
    }

    function errorsByField(problems) {
      const found = {};
      for (const { path, message } of problems) {
        const name = String(path ?? "").replace(/^\$\.?/, "").replace(/^parameters\./, "");
        if (name in (schema.properties ?? {})) found[name] = message;
      }
      return found;
    }

    function inputField() {
      if (!input) return null;
      const change = (value) => (rawInput.value = value);
      if (!input.streaming) {
        const isText = input.schema.type === "string" && !input.schema.enum;
        const part = isText ? { ...input.schema, format: "multiline" } : input.schema;
        return schemaField({
          name: `Input of ${input.name}`, schema: part, root: input.root, raw: rawInput.value, change,
          errors: state.errors, path: inputPath, isRequired: true,
        });
      }
      const hint = input.schema.type === "string" ? "One item per line." : "One item per line, each as JSON.";
      return schemaField({
        name: `Input of ${input.name}`, schema: { type: "string", format: "multiline", description: hint }, root: {},
        raw: rawInput.value, change, errors: state.errors, path: inputPath,
      });
    }

    return () => html`
      <form class="form" ref=${form} onSubmit=${submit} novalidate>
        ${inputField()}
        ${groupFields({
          schema, root: schema, raw: raw.value, errors: state.errors, change: (value) => (raw.value = value),
        })}
        ${state.error && (state.error.problems?.length ? problemList(state.error.problems) : errorNotice(state.error))}
        <div class="row">
          <button type="submit" class="button primary" disabled=${state.isBusy}>${icon("play")}Run</button>
          ${!input && !Object.keys(schema.properties ?? {}).length && html`<span class="muted">It needs nothing.</span>`}
        </div>
      </form>`;
  },
};
