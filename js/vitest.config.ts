import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    onConsoleLog(log, type) {
      if (type === "stderr") throw new Error(`a warning: ${log}`);
    },
  },
});
