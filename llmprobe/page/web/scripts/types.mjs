// The types of the page's documents, from the JSON Schemas of the program: `npm run types`; with --check only compared.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const DOCUMENTS = ["report", "setting", "models", "error"];
const TARGET = new URL("../src/documents.ts", import.meta.url);

/** Every message is one type, and a document has all of its fields, also those that have a default. */
function tidied(schema) {
  if (Array.isArray(schema)) return schema.map(tidied);
  if (schema === null || typeof schema !== "object") return schema;
  const names = Object.keys(schema.properties ?? {}).sort();
  if (names.join() === "id,text,values" && schema.title === undefined) return { $ref: "#/$defs/Message" };
  const { default: _default, ...rest } = schema;
  const made = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, tidied(value)]));
  return schema.properties === undefined ? made : { ...made, required: names };
}

const definitions = {};
for (const name of DOCUMENTS) {
  const file = new URL(`../../../schemas/${name}.json`, import.meta.url);
  Object.assign(definitions, JSON.parse(await readFile(file, "utf8")).$defs);
}
const all = Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, tidied(schema)]));
all.Message = {
  type: "object",
  description: "A sentence in the language of the document, with its stable id.",
  properties: { id: { type: "string" }, text: { type: "string" } },
  required: ["id", "text"],
};
const made = await compile({ $defs: all }, "Documents", {
  additionalProperties: false,
  bannerComment: "// Made from llmprobe/schemas by `npm run types`.",
  enableConstEnums: false,
  unreachableDefinitions: true,
  unknownAny: true,
});
const text = made
  .replace(/\/\*\*\n \* This interface was referenced by [^/]*\*\/\n/g, "")
  .replace(/ \*\n \* This interface was referenced by [^/]*\*\//g, " */")
  .replace(/export interface Documents \{[^}]*\}\n/, "");

if (process.argv.includes("--check")) {
  if ((await readFile(TARGET, "utf8")) !== text) {
    console.error("error: src/documents.ts is not what llmprobe/schemas say; run npm run types");
    process.exit(1);
  }
} else {
  await writeFile(TARGET, text);
}
