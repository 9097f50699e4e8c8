/**
 * Development page: one widget on a model in memory, with invented state.
 *
 * Query: widget=image|text|generation|insights, theme=light|dark, width=600, state={"mode":"heatmap"} (merged into the traits).
 */
import image from "../src/widgets/image_attribution";
import insights from "../src/widgets/insights";
import text from "../src/widgets/text_attribution";
import { MemoryModel } from "./model";
import { generationState, imageState, insightsState, textState } from "./samples";

const query = new URLSearchParams(location.search);
const change = { theme: query.get("theme") ?? "light", ...JSON.parse(query.get("state") ?? "{}") };

const mounts: Record<string, (el: HTMLElement) => void> = {
  image: (el) => {
    image.render({ model: show(new MemoryModel(imageState(change))), el });
  },
  text: (el) => {
    text.render({ model: show(new MemoryModel(textState(change))), el });
  },
  insights: (el) => {
    insights.render({ model: show(new MemoryModel(insightsState(change))), el });
  },
  generation: (el) => {
    text.render({ model: show(new MemoryModel(generationState(change))), el });
  },
};

function show<Shown>(model: Shown): Shown {
  Object.assign(window, { model });
  return model;
}

const page = document.querySelector<HTMLElement>("main");
if (page) {
  document.body.dataset.page = query.get("theme") ?? "light";
  page.style.width = `${query.get("width") ?? 900}px`;
  mounts[query.get("widget") ?? "image"]?.(page);
}
