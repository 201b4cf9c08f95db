// Builds the front-end assets: Tabler's CSS cut down to what our pages name, our own styles and scripts, the charts.
//
//     node static/build.mjs OUTPUT_FOLDER
//
// Served hashed by the web process; nothing of it is committed. Run through `make assets`, which has Node and packages.
import { build, transform } from "esbuild";
import { PurgeCSS } from "purgecss";
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const out = resolve(process.argv[2] ?? join(root, "var/assets"));
const tabler = join(root, "node_modules/@tabler/core/dist/css/tabler.min.css");

// Whatever can name a class: templates, and the Python that writes attributes of form widgets and columns.
const NAMING = [
  "templates/**/*.html",
  "{members,benefits,compliance,config}/**/*.{py,html}",
  "static/*.js",
  "static/lib/**/*.js",
].map((pattern) => join(root, pattern));
// Set by scripts or by the server at run time, so that no source spells the selector out.
const STAYS = [/^data-bs-theme$/, /^htmx-/, /^js$/, /^show$/, /^was-validated$/];

const exists = (path) => stat(path).then(() => true, () => false);
const withoutMaps = (text) => text.replace(/\/[*/][#@]\s*sourceMappingURL=[^\n*]*(\*\/)?/g, "");

async function cutTabler() {
  const [{ css }] = await new PurgeCSS().purge({
    content: NAMING,
    skippedContentGlobs: ["**/node_modules/**", "**/migrations/**"],
    css: [{ raw: withoutMaps(await readFile(tabler, "utf8")) }],
    extractors: [{ extractor: (text) => text.match(/[A-Za-z0-9_-]+/g) ?? [], extensions: ["html", "py", "js"] }],
    keyframes: true,
    fontFace: true,
    safelist: { standard: STAYS },
  });
  return css;
}

async function styles() {
  const ours = join(here, "liushui.css");
  const bundled = (await exists(ours))
    ? (await build({ entryPoints: [ours], bundle: true, write: false, logLevel: "warning", loader: { ".svg": "dataurl" } })).outputFiles[0].text
    : "";
  const { code } = await transform(`${await cutTabler()}\n${bundled}`, { loader: "css", minify: true, legalComments: "none" });
  return withoutMaps(code);
}

async function script(name) {
  const entry = join(here, name);
  if (!(await exists(entry))) return null;
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2020",
    legalComments: "none",
    nodePaths: [join(root, "node_modules")],
    logLevel: "warning",
  });
  return withoutMaps(result.outputFiles[0].text);
}

const made = { "liushui.css": await styles(), "liushui.js": await script("liushui.js"), "charts.js": await script("charts.js"), "draws.js": await script("draws.js"), "till.js": await script("till.js") };

// Written beside and moved into place, so that a page served meanwhile never meets half a folder.
const part = `${out}.part`;
await rm(part, { recursive: true, force: true });
await mkdir(part, { recursive: true });
for (const [name, text] of Object.entries(made)) {
  if (text === null) continue;
  await writeFile(join(part, name), text);
  console.log(`assets: ${name} ${(text.length / 1000).toFixed(1)} kB, ${(gzipSync(text).length / 1000).toFixed(1)} kB gzipped`);
}
for (const folder of ["icons"]) {
  if (await exists(join(here, folder))) await cp(join(here, folder), join(part, folder), { recursive: true });
}
await rm(out, { recursive: true, force: true });
await rename(part, out);
