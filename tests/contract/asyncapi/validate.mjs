// Prints what AsyncAPI's parser has against a document, as JSON. References are followed from the document's folder.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const source = process.argv[2];
const { diagnostics } = await new Parser().parse(readFileSync(source, "utf8"), { source });
console.log(JSON.stringify(diagnostics.map(({ code, severity, path }) => ({ code, severity, path: path.join("/") }))));
