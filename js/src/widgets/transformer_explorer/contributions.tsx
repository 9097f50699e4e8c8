import { useSignal } from "@preact/signals";
import { formatNumber, formatSigned, Segmented, spokenText, useAnswer } from "../../lib";
import { roleProperties } from "../../lib/roles";
import "./details/style.css";
import { ContributionBars } from "./details/contribution-bars";
import { ContributionList } from "./details/contribution-list";
import { Missing } from "./details/equation";
import { useFollowed } from "./details/followed";
import { type Here, useHere } from "./details/reading";
import { TokenChooser } from "./details/token-chooser";
import type { Explorer } from "./explorer";
import type { ContributionFacts } from "./protocol";

type Order = "forward" | "size";
const ORDERS: readonly { value: Order; label: string; doc: string }[] = [
  { value: "forward", label: "In order", doc: "From the embedding to the last block" },
  { value: "size", label: "By size", doc: "The largest first" },
];

/** Direct logit attribution: what each head and MLP adds, by itself, to the logit of one token. */
export function Contributions({ explorer }: { explorer: Explorer }) {
  const here = useHere(explorer);
  return here && <Shown explorer={explorer} here={here} />;
}

function Shown({ explorer, here }: { explorer: Explorer; here: Here }) {
  const order = useSignal<Order>("forward");
  const { position, which, run } = here;
  const token = useFollowed(explorer, here);
  const versus = explorer.store.get("versus");
  const args = token === undefined ? null : { position, token, versus, which };
  const { facts, error } = useAnswer<ContributionFacts>(explorer.channel, "contributions", args, run);
  return (
    <section class="attrium-explained" aria-label="Contributions" style={roleProperties(explorer.theme)}>
      <header class="attrium-explained-head attrium-choices">
        <Segmented
          label="Order of the bars"
          options={ORDERS}
          value={order.value}
          onChange={(next) => {
            order.value = next;
          }}
        />
        <TokenChooser
          {...{ explorer, here }}
          label="Logit of"
          none="the likeliest here"
          value={explorer.store.get("token")}
          onChange={(next) => explorer.go({ token: next })}
        />
        <TokenChooser
          {...{ explorer, here }}
          label="Less the logit of"
          none="none"
          value={versus}
          onChange={(next) => explorer.go({ versus: next })}
        />
      </header>
      {error !== null && <Missing>{error}</Missing>}
      {facts && error === null && (
        <>
          <p class="attrium-lead">{contributionLead(facts, here)}</p>
          {order.value === "forward" ? (
            <ContributionBars {...{ explorer, here, facts }} />
          ) : (
            <ContributionList {...{ explorer, facts }} />
          )}
          <p class="attrium-number attrium-lead">
            {"Together "}
            <b>{formatSigned(facts.total)}</b>
            {`; the bars miss it by ${formatNumber(Math.abs(facts.gap), 2)}. The last norm is held at what it was.`}
          </p>
        </>
      )}
    </section>
  );
}

/** What the bars add up to, in words. */
export function contributionLead({ token, versus, is_logits }: ContributionFacts, here: Here): string {
  const word = spokenText(here.tokens[here.position]?.text ?? "");
  const what = `the logit of \u201c${spokenText(token.text)}\u201d`;
  const less = versus ? ` less that of \u201c${spokenText(versus.text)}\u201d` : "";
  const note = is_logits
    ? ""
    : " The model scales or caps its logits afterwards: these bars explain the number before that.";
  return `What each part adds, by itself, to ${what}${less} at \u201c${word}\u201d.${note}`;
}
