/** What the marks of the picture are about; hints, clicks and the keyboard all read these. */

export type About =
  | { kind: "token"; lane: number }
  /** One vector; of those split by heads, the part of one head where `head` is given. */
  | { kind: "vector"; stage: string; lane: number }
  /** What leads from one vector to another. */
  | { kind: "way"; way: Way; stage: string; to: string; lane: number }
  | { kind: "norm"; out: string; source: string; lane: number }
  | { kind: "sum"; parts: readonly string[]; out: string; lane: number }
  | { kind: "activation"; lane: number }
  | { kind: "rotary"; stage: string; lane: number }
  /** The pattern of the current head; row and column of the hit are query and key. */
  | { kind: "pattern"; first: number; keys: number; cells: number }
  /** Weights over the encoder's tokens; row and column of the hit are query and key. */
  | { kind: "cross"; first: number; keys: number; cells: number }
  /** The ground of the attention to the encoder. */
  | { kind: "encoder" }
  | { kind: "strand"; query: number; key: number }
  | { kind: "card" }
  /** A word that the tour explains. */
  | { kind: "term"; term: string; text: string }
  | { kind: "edited"; labels: readonly string[] };

/** What a ribbon stands for. */
export type Way =
  | "embedding"
  | "skip"
  | "project"
  | "heads"
  | "output"
  | "ask"
  | "cross"
  | "write"
  | "up"
  | "down"
  | "stream"
  | "blocks"
  | "unembed";
