/** Playing through the steps of a computation: where it is, and what the buttons do to that. */

export interface Play {
  /** How many steps there are. */
  count: number;
  /** From 0, nothing shown, to `count`, all shown; the fraction is how far the step under way has come. */
  at: number;
  playing: boolean;
}

export const STEP_S = 0.9;

export function allShown(count: number): Play {
  return { count, at: count, playing: false };
}

/** How much of a step is shown, 0 to 1. */
export function shownShare({ at }: Play, step: number): number {
  return Math.min(1, Math.max(0, at - step));
}

/** After some time; stops at the end. */
export function advanced(play: Play, seconds: number): Play {
  if (!play.playing) return play;
  const at = Math.min(play.count, play.at + seconds / STEP_S);
  return { ...play, at, playing: at < play.count };
}

/** Starts or pauses; from the end it starts over. */
export function toggled(play: Play): Play {
  if (play.playing) return { ...play, playing: false };
  return { ...play, at: play.at >= play.count ? 0 : play.at, playing: true };
}

/** To the end of the step under way, or of the next one. */
export function forward(play: Play): Play {
  return { ...play, at: Math.min(play.count, Math.floor(play.at) + 1), playing: false };
}

/** To the start of the step under way, or of the one before. */
export function back(play: Play): Play {
  return { ...play, at: Math.max(0, Math.ceil(play.at) - 1), playing: false };
}

export function toEnd(play: Play): Play {
  return { ...play, at: play.count, playing: false };
}
