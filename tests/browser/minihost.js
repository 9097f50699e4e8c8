// The page's half of minihost.py: models that keep anywidget's contract and talk to Python through Playwright.
(() => {
  const models = new Map();
  const views = new Map();
  const modules = new Map();

  const toBytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

  function toText(binary) {
    const bytes = ArrayBuffer.isView(binary)
      ? new Uint8Array(binary.buffer, binary.byteOffset, binary.byteLength)
      : new Uint8Array(binary);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  }

  // As Jupyter does, a buffer arrives as a window into the whole message, here on purpose at an odd offset.
  function window_(text, odd) {
    const bytes = toBytes(text);
    const message = new Uint8Array(bytes.length + odd);
    message.set(bytes, odd);
    return new DataView(message.buffer, odd, bytes.length);
  }

  function withBuffers({ state, buffer_paths = [] }, buffers) {
    buffer_paths.forEach((path, i) => {
      const last = path[path.length - 1];
      const owner = path.slice(0, -1).reduce((at, key) => at[key], state);
      owner[last] = window_(buffers[i], 1 + (i % 3));
    });
    return state;
  }

  class Model {
    listeners = [];
    unsaved = {};

    constructor(id, state) {
      this.id = id;
      this.state = state;
    }
    get(name) {
      return this.state[name];
    }
    set(name, value) {
      if (this.state[name] === value) return;
      this.state[name] = value;
      this.unsaved[name] = value;
      this.fire(`change:${name}`, this, value);
    }
    save_changes() {
      const state = this.unsaved;
      this.unsaved = {};
      if (Object.keys(state).length > 0) this.tell({ method: "update", state, buffer_paths: [] }, []);
    }
    send(content, _callbacks, buffers = []) {
      this.tell({ method: "custom", content }, buffers.map(toText));
    }
    async tell(data, buffers) {
      receive(await window.__attriumPython({ id: this.id, data, buffers }));
    }
    on(names, listener) {
      for (const name of names.split(" ")) this.listeners.push({ name, listener });
    }
    off(names, listener) {
      const gone = ({ name, listener: known }) =>
        (!names || names.split(" ").includes(name)) && (!listener || known === listener);
      this.listeners = this.listeners.filter((entry) => !gone(entry));
    }
    fire(event, ...args) {
      for (const { listener } of this.listeners.filter(({ name }) => name === event)) listener(...args);
    }
    update(state) {
      Object.assign(this.state, state);
      for (const name of Object.keys(state)) this.fire(`change:${name}`, this, state[name]);
    }
  }

  function receive(messages) {
    for (const { kind, id, data, buffers } of messages) {
      if (kind === "comm_open") models.set(id, new Model(id, withBuffers(data, buffers)));
      else if (kind === "comm_close") models.delete(id);
      else if (data.method === "update") models.get(id)?.update(withBuffers(data, buffers));
      else if (data.method === "custom") {
        models.get(id)?.fire("msg:custom", data.content, buffers.map((buffer) => window_(buffer, 1)));
      }
    }
  }

  function moduleOf(model) {
    const source = model.get("_esm");
    if (!modules.has(source)) {
      modules.set(source, import(URL.createObjectURL(new Blob([source], { type: "text/javascript" }))));
      const style = document.createElement("style");
      style.textContent = model.get("_css") ?? "";
      document.head.append(style);
    }
    return modules.get(source);
  }

  async function show(id, name) {
    const model = models.get(id);
    const definition = (await moduleOf(model)).default;
    const el = document.createElement("div");
    el.id = name;
    document.querySelector("main").append(el);
    const cleanUp = await definition.render({ model, el });
    views.set(name, { el, cleanUp });
  }

  async function unmount(name) {
    const { el, cleanUp } = views.get(name);
    views.delete(name);
    await cleanUp?.();
    el.remove();
  }

  const listenersOf = (id) => models.get(id).listeners.map(({ name }) => name).sort();
  window.__attrium = { receive, show, unmount, listenersOf };
})();
