import { Button } from "../../../lib";
import type { Explorer } from "../explorer";
import type { ModelFacts } from "../protocol";
import { rangeOf, spokenAt } from "./counting";
import { CARD_HEAD, type Layout } from "./layout";
import { TermButton } from "./term-button";
import { litSpan, PARTS, spanOf, type Title, titlesOf } from "./titles";

interface Props {
  explorer: Explorer;
  layout: Layout;
  model: ModelFacts;
  block: number;
  head: number;
}

/** Above the picture: the block's bracket, the titles that open drill-downs, and the steps of block and head. */
export function FlowTitles({ explorer, layout, model, block, head }: Props) {
  const titles = titlesOf(layout);
  return (
    <>
      <div class="attrium-flow-top">
        <BlockName explorer={explorer} layout={layout} blocks={model.blocks} block={block} />
        {titles.map((title) => (
          <PartTitle key={title.part} explorer={explorer} title={title} top={layout.lanes.y - 13} />
        ))}
      </div>
      {model.heads > 1 && <HeadSteps explorer={explorer} layout={layout} heads={model.heads} head={head} />}
      {Object.entries(PARTS).map(([part, columns]) => {
        const place = litSpan(
          layout,
          columns,
          titles.find((title) => title.part === part),
        );
        return (
          place && (
            <span
              key={part}
              class="attrium-flow-part"
              data-tour={part}
              style={{ left: `${place[0]}px`, width: `${place[1] - place[0]}px` }}
            />
          )
        );
      })}
    </>
  );
}

interface BlockProps {
  explorer: Explorer;
  layout: Layout;
  blocks: number;
  block: number;
}

/** A bracket over the block's columns, with its number and the way to its neighbours. */
function BlockName({ explorer, layout, blocks, block }: BlockProps) {
  const span = spanOf(layout, ["resid_pre", "resid_post", "ln2.out"]);
  if (!span) return null;
  const { go } = explorer;
  return (
    <div class="attrium-flow-block" style={{ left: `${span[0]}px`, width: `${span[1] - span[0]}px` }}>
      {/* biome-ignore lint/a11y/useSemanticElements: a name with its two steps is no form's fieldset */}
      <span class="attrium-flow-block-name" role="group" aria-label={spokenAt("Block", block, blocks)}>
        <Button
          kind="quiet"
          icon="left"
          label="Block before ({)"
          disabled={block <= 0}
          onClick={() => go({ block: block - 1 })}
        />
        <strong class="attrium-number">Block {block}</strong>
        <span class="attrium-faint attrium-number">{rangeOf(blocks)}</span>
        <TermButton explorer={explorer} term="block" what="blocks and the residual stream" />
        <Button
          kind="quiet"
          icon="right"
          label="Next block (})"
          disabled={block >= blocks - 1}
          onClick={() => go({ block: block + 1 })}
        />
      </span>
    </div>
  );
}

/** What a part is called; a click opens what is in it. */
function PartTitle({ explorer, title, top }: { explorer: Explorer; title: Title; top: number }) {
  const { view, text, term, x, width } = title;
  const open = explorer.store.get("view") === view;
  return (
    <span class="attrium-flow-titled" style={{ left: `${x}px`, width: `${width}px`, top: `${top}px` }}>
      {view === null ? (
        <span class="attrium-flow-title">{text}</span>
      ) : (
        <button
          type="button"
          class="attrium-flow-title"
          aria-expanded={open}
          onClick={() => explorer.go({ view: open ? "" : view })}
        >
          {text}
        </button>
      )}
      <TermButton explorer={explorer} term={term} what={text} />
    </span>
  );
}

interface HeadProps {
  explorer: Explorer;
  layout: Layout;
  heads: number;
  head: number;
}

/** In the card's header: the heads before and after, going round. */
function HeadSteps({ explorer, layout: { card }, heads, head }: HeadProps) {
  if (!card) return null;
  const step = (by: number) => explorer.go({ head: (head + by + heads) % heads });
  const place = { left: `${card.x}px`, width: `${card.width}px`, height: `${CARD_HEAD}px`, marginTop: `${card.y}px` };
  return (
    // biome-ignore lint/a11y/useSemanticElements: steps over a drawn heading are no form's fieldset
    <div class="attrium-flow-heads" role="group" aria-label={spokenAt("Head", head, heads)} style={place}>
      <Button kind="quiet" icon="left" label="Head before ([)" onClick={() => step(-1)} />
      {card.width >= 150 && <TermButton explorer={explorer} term="attention" what="attention" />}
      <Button kind="quiet" icon="right" label="Next head (])" onClick={() => step(1)} />
    </div>
  );
}
