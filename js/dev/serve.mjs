// `npm run dev` serves dev/index.html and rebuilds at every load; `--build` only writes dev/dist.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const options = {
  absWorkingDir: here,
  entryPoints: { main: "main.ts" },
  outdir: "dist",
  bundle: true,
  format: "iife",
  jsx: "automatic",
  jsxImportSource: "preact",
};

if (process.argv.includes("--build")) {
  await esbuild.build(options);
} else {
  const context = await esbuild.context(options);
  const { port } = await context.serve({ servedir: here, host: "127.0.0.1" });
  console.log(`http://127.0.0.1:${port}/?widget=image&theme=light&width=600`);
}
