// Shows the widgets of a saved page: models that live in the page, with no kernel behind them.
(() => {
  const saved = JSON.parse(document.getElementById("attrium-state").textContent);
  const models = new Map();
  const NO_KERNEL = "This saved page has no kernel. Open the notebook it came from to compute anew.";

  class Model {
    #listeners = new Map();

    constructor(spec) {
      this.spec = spec;
      this.state = spec.state;
      for (const { path, data } of spec.buffers) place(this.state, path, decode(data));
      this.widget_manager = { get_model: async (reference) => find(reference) };
    }
    get(name) { return this.state[name]; }
    set(name, value) {
      const before = this.state[name];
      if (before === value) return;
      if (this.state._needs_kernel?.includes(name)) return this.#refuse(name);
      this.#assign(name, value);
    }
    #assign(name, value) {
      this.state[name] = value;
      this.fire(`change:${name}`, this, value);
      this.fire("change", this);
    }
    // Python would answer to this trait: it stays as it was, and the widget says why.
    #refuse(name) {
      queueMicrotask(() => {
        this.fire(`change:${name}`, this, this.state[name]);
        this.#assign("status", { state: "error", label: "No kernel", done: 0, total: 0, message: NO_KERNEL });
      });
    }
    save_changes() {}
    // Every request gets its one answer here too.
    send(content) {
      if (content?.kind === "view" || content?.kind === "ask") {
        const [reply, buffers] = answer(this.spec.kept ?? {}, content);
        queueMicrotask(() => this.fire("msg:custom", { ...reply, id: content.id }, buffers));
      } else if (content?.kind === "retry" && this.state.status?.state === "error") {
        this.#assign("status", { state: "idle", label: "", done: 0, total: 0, message: "" });
      }
    }
    on(names, listener) {
      for (const name of names.split(" ")) this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    }
    off(names, listener) {
      for (const name of names ? names.split(" ") : [...this.#listeners.keys()]) {
        this.#listeners.set(name, (this.#listeners.get(name) ?? []).filter((known) => listener && known !== listener));
      }
    }
    fire(name, ...args) { for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(...args); }
  }

  // What the page took along: answers by question and arguments, tensors whole.
  function answer({ answers = {}, tensors = {} }, content) {
    const found = content.kind === "ask"
      ? answers[`${content.question}\n${JSON.stringify(sorted(content.args))}`]
      : tensors[content.tensor] && { frame: tensors[content.tensor] };
    if (!found) return [{ kind: "error", message: NO_KERNEL }, []];
    if (found.error) return [{ kind: "error", message: found.error }, []];
    if (found.frame) {
      const { header, data } = region(unpacked(found.frame), content.index);
      return [{ kind: "view", frame: header }, [data]];
    }
    const frames = found.frames.map(([name, frame]) => [name, unpacked(frame)]);
    return [
      { kind: "answer", facts: found.facts, frames: frames.map(([name, { header }]) => [name, header]) },
      frames.map(([, { data }]) => data),
    ];
  }

  function sorted(value) {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  }

  function unpacked({ data, ...header }) {
    return { header, data: decode(data) };
  }

  // A region of a whole tensor, all of its cells: pixels ask for no more than is worth sending, and nothing is sent here.
  function region({ header, data }, index) {
    if (!index) return { header, data };
    const size = header.dtype === "uint8" ? 1 : 4;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const shape = index.map(([start, stop]) => stop - start);
    const out = new Uint8Array(shape.reduce((product, length) => product * length, size));
    const strides = header.shape.map((_, axis) => header.shape.slice(axis + 1).reduce((p, n) => p * n, size));
    let at = 0;
    const copy = (axis, offset) => {
      const [start, stop] = index[axis];
      if (axis === index.length - 1) {
        out.set(bytes.subarray(offset + start * size, offset + stop * size), at);
        at += (stop - start) * size;
      } else for (let n = start; n < stop; n++) copy(axis + 1, offset + n * strides[axis]);
    };
    copy(0, 0);
    return { header: { ...header, shape }, data: out };
  }

  function decode(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new DataView(bytes.buffer);
  }

  function place(state, path, value) {
    let at = state;
    for (const key of path.slice(0, -1)) at = at[key];
    at[path.at(-1)] = value;
  }

  function find(reference) { return models.get(String(reference).replace(/^(IPY_MODEL_|anywidget:)/, "")); }

  const imported = new Map(); // one import for each bundle, however many widgets share it
  function load(index) {
    if (!imported.has(index)) {
      const url = URL.createObjectURL(new Blob([saved.sources[index]], { type: "text/javascript" }));
      imported.set(index, import(url).then(({ default: made }) => (typeof made === "function" ? made() : made)));
    }
    return imported.get(index);
  }

  const styled = new Set();
  function style(index) {
    if (index === undefined || styled.has(index)) return;
    styled.add(index);
    document.head.append(Object.assign(document.createElement("style"), { textContent: saved.sources[index] }));
  }

  const BOXES = { VBoxModel: "column", HBoxModel: "row", BoxModel: "row" };

  async function render(model, el) {
    if (!model) return;
    if (model.spec.name in BOXES) {
      el.style.cssText = `display:flex;gap:16px;flex-flow:${BOXES[model.spec.name]} wrap`;
      for (const child of model.get("children")) await render(find(child), el.appendChild(document.createElement("div")));
      return;
    }
    if (model.spec.code._esm === undefined) {
      el.textContent = `${model.spec.name}: needs a live notebook`;
      return;
    }
    style(model.spec.code._css);
    const definition = await load(model.spec.code._esm);
    model.ready ??= definition.initialize?.({ model });
    await model.ready;
    await definition.render?.({ model, el });
  }

  function link(model) {
    const [[source, from], [target, to]] = [model.get("source"), model.get("target")];
    const [a, b] = [find(source), find(target)];
    if (!a || !b) return;
    b.set(to, a.get(from));
    a.on(`change:${from}`, () => b.set(to, a.get(from)));
    if (model.spec.name === "LinkModel") b.on(`change:${to}`, () => a.set(from, b.get(to)));
  }

  async function main() {
    for (const [id, spec] of Object.entries(saved.models)) models.set(id, new Model(spec));
    for (const model of models.values()) if (/^(Directional)?LinkModel$/.test(model.spec.name)) link(model);
    const out = document.querySelector("main");
    await Promise.all(saved.views.map((id) => render(find(id), out.appendChild(document.createElement("div")))));
    document.documentElement.dataset.attrium = "ready";
  }
  main();
})();
