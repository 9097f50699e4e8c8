import { Button } from "./controls";

interface SelectedProps {
  /** What is selected, in words and numbers. */
  text: string;
  onClear(): void;
}

/** A note of what is selected, with a way to drop it. */
export function Selected({ text, onClear }: SelectedProps) {
  return (
    <div class="attrium-selected" data-selected>
      <div class="attrium-number">
        <strong>Selection</strong>
        <br />
        {text}
      </div>
      <Button kind="quiet" icon="cross" label="Clear the selection (Escape)" onClick={onClear} />
    </div>
  );
}
