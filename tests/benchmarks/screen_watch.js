// Put into every page before its own scripts: when something last changed on screen, and how regular the frames are.
// A change is one of the document below `scope`, or a drawing on a canvas there; its time is that of the second
// animation frame after it, by which the first was laid out and painted.
(() => {
  const DRAWINGS = ["clearRect", "drawImage", "fill", "fillRect", "fillText", "putImageData", "stroke", "strokeRect"];
  const BUBBLES = { bubbles: true, cancelable: true, composed: true };
  const LONGEST_MS = 50; // of a frame that counts as quiet: after a long task, more may follow

  const watch = { scope: "*", changes: 0, last_ms: 0, quiet_ms: 0, key_ms: 0, frames: null, busy: () => false };
  window.__screen = watch;
  let dirty = false;
  let drew = false;

  const inside = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    return element !== null && element.closest(watch.scope) !== null;
  };
  const observer = new MutationObserver((records) => {
    dirty ||= records.some((record) => inside(record.target));
  });
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });

  const pressed = (event) => {
    watch.key_ms = event.timeStamp;
  };
  addEventListener("keydown", pressed, { capture: true });

  const context = CanvasRenderingContext2D.prototype;
  for (const name of DRAWINGS) {
    const original = context[name];
    context[name] = function (...args) {
      if (!drew && this.canvas.isConnected && inside(this.canvas)) drew = true;
      return original.apply(this, args);
    };
  }

  let before = performance.now();
  let changed = false;
  const tick = (frame) => {
    const now = performance.now();
    const step = frame - before;
    before = frame;
    if (changed) watch.last_ms = now;
    changed = dirty || drew;
    watch.changes += Number(changed);
    watch.quiet_ms = changed || watch.busy() ? 0 : watch.quiet_ms + Math.min(step, LONGEST_MS);
    watch.frames?.push([step, drew]);
    dirty = drew = false;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);

  // From now on only changes below `scope` count.
  watch.start = (scope) => {
    Object.assign(watch, { scope, changes: 0, last_ms: 0, quiet_ms: 0 });
    return performance.now();
  };

  // Zooms by the wheel, in and out ("zoom": with Ctrl), or drags to and fro with the button that is down already, by one
  // event in each frame: the lengths of the frames, and whether something was drawn in them.
  let pointerId = 0;
  addEventListener("pointerdown", (event) => { pointerId = event.pointerId; }, { capture: true });
  watch.move = (element, kind, seconds) =>
    new Promise((resolve) => {
      const box = element.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const at = { clientX: x, clientY: y, ...BUBBLES };
      const start = performance.now();
      watch.frames = [];
      const step = () => {
        const share = (performance.now() - start) / 1000 / seconds;
        if (share >= 1) {
          resolve(watch.frames.splice(0));
          watch.frames = null;
          return;
        }
        const there = 150 * Math.abs(((4 * share) % 2) - 1);
        const event =
          kind !== "drag"
            ? new WheelEvent("wheel", { deltaY: share < 0.5 ? -25 : 25, ctrlKey: kind === "zoom", ...at })
            : new PointerEvent("pointermove", { pointerId, buttons: 1, clientX: x + there, clientY: y + there, ...BUBBLES });
        element.dispatchEvent(event);
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    });

  // When the animation frames are that follow `attribute` of `element` becoming another value that `wanted` takes.
  watch.after = (element, attribute, wanted = () => true) =>
    new Promise((resolve) => {
      const was = element.getAttribute(attribute);
      const noticed = new MutationObserver(() => {
        const value = element.getAttribute(attribute);
        if (value === was || !wanted(value)) return;
        noticed.disconnect();
        const set_ms = performance.now();
        requestAnimationFrame(() => {
          const first_ms = performance.now();
          requestAnimationFrame(() => resolve({ value, set_ms, first_ms, second_ms: performance.now() }));
        });
      });
      noticed.observe(element, { attributes: true, attributeFilter: [attribute] });
    });
})();
